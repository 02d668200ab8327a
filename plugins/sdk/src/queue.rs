//! Queued jobs in an order, in blocks that say what is in them.
//!
//! A pass looks at the queue from its front, and most of what it looks at is too large for what is free. So the jobs lie
//! in order in blocks of at most [`BLOCK_MAX`], and each block knows its smallest and its shortest job: a pass jumps over
//! a block none of whose jobs can start, and a change costs a search and a short move. Used by `mirror` only.

use std::cmp::Ordering;

use crate::keys::{key, minor, ordered, queue_key, sort};

/// Jobs in a block at most. A full one is split in two.
const BLOCK_MAX: usize = 128;

/// What a pass needs to know of a queued job before it looks closer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The highest goes first.
    pub priority: u32,
    /// The fewest cores that it could start with; for units other than cores a lower bound.
    pub cores: u32,
    /// Among equal priorities the smallest goes first.
    pub position: f64,
    /// Its run-time limit in microseconds, which is also the estimate; may be infinite.
    pub walltime: f64,
    /// Where `mirror` keeps the rest.
    pub slot: u32,
}

/// What a queue is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Priority, then position.
    Queue,
    /// Run-time estimate, then as `Queue`.
    Shortest,
}

impl Order {
    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        match self {
            Order::Queue => queue_order(a, b),
            Order::Shortest => a
                .walltime
                .total_cmp(&b.walltime)
                .then_with(|| queue_order(a, b)),
        }
    }
}

/// Priority first, then position; the slot last, so that no two are equal whatever the host sent.
pub fn queue_order(a: &Entry, b: &Entry) -> Ordering {
    b.priority
        .cmp(&a.priority)
        .then_with(|| a.position.total_cmp(&b.position))
        .then_with(|| a.slot.cmp(&b.slot))
}

/// Some neighbours in the order, and what is true of all of them.
#[derive(Debug, Clone)]
pub struct Block {
    entries: Vec<Entry>,
    /// None of them can start with fewer cores.
    pub cores_min: u32,
    /// None of them is expected to run for less.
    pub walltime_min: f64,
}

impl Block {
    fn new(entries: Vec<Entry>) -> Block {
        let mut block = Block {
            entries,
            cores_min: u32::MAX,
            walltime_min: f64::INFINITY,
        };
        block.summarise();
        block
    }

    /// The jobs, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn summarise(&mut self) {
        self.cores_min = u32::MAX;
        self.walltime_min = f64::INFINITY;
        for entry in &self.entries {
            self.cores_min = self.cores_min.min(entry.cores);
            self.walltime_min = self.walltime_min.min(entry.walltime);
        }
    }
}

/// Queued jobs in one [`Order`].
#[derive(Debug, Clone)]
pub struct Queue {
    order: Order,
    /// None is empty.
    blocks: Vec<Block>,
    len: usize,
}

impl Queue {
    /// An empty queue.
    pub fn new(order: Order) -> Queue {
        Queue {
            order,
            blocks: Vec::new(),
            len: 0,
        }
    }

    /// Whether no job is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many jobs are in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Its parts, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Its jobs, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flat_map(|block| &block.entries)
    }

    /// Puts many jobs into an empty queue: cheaper than one by one.
    pub fn fill(&mut self, entries: &[Entry]) {
        assert!(self.is_empty(), "filled once");
        self.len = entries.len();
        let by_index = |key: &u128| entries[minor(*key) as usize];
        let mut keys: Vec<u128> = (0..)
            .zip(entries)
            .map(|(index, entry)| queue_key(entry.priority, entry.position, index))
            .collect();
        sort(&mut keys);
        if self.order == Order::Shortest {
            // Places in the queue are the lower half of the new keys, so they decide between equals.
            let places: Vec<Entry> = keys.iter().map(by_index).collect();
            keys.clear();
            keys.extend(
                (0..)
                    .zip(&places)
                    .map(|(place, e)| key(ordered(e.walltime), place)),
            );
            sort(&mut keys);
            self.cut(keys.iter().map(|key| places[minor(*key) as usize]));
        } else {
            self.cut(keys.iter().map(by_index));
        }
    }

    /// Makes blocks of jobs in order.
    fn cut(&mut self, entries: impl ExactSizeIterator<Item = Entry>) {
        self.blocks.reserve(entries.len().div_ceil(BLOCK_MAX));
        let mut block = Vec::with_capacity(BLOCK_MAX);
        for entry in entries {
            block.push(entry);
            if block.len() == BLOCK_MAX {
                let full = std::mem::replace(&mut block, Vec::with_capacity(BLOCK_MAX));
                self.blocks.push(Block::new(full));
            }
        }
        if !block.is_empty() {
            self.blocks.push(Block::new(block));
        }
    }

    /// Puts a job in its place.
    pub fn insert(&mut self, entry: Entry) {
        self.len += 1;
        let order = self.order;
        // The last block that starts before it; the first one if none does.
        let at = self
            .blocks
            .partition_point(|block| order.compare(&block.entries[0], &entry) == Ordering::Less)
            .saturating_sub(1);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(Block::new(vec![entry]));
            return;
        };
        let place = block
            .entries
            .partition_point(|e| order.compare(e, &entry) == Ordering::Less);
        if block.entries.len() < BLOCK_MAX {
            block.entries.insert(place, entry);
            block.cores_min = block.cores_min.min(entry.cores);
            block.walltime_min = block.walltime_min.min(entry.walltime);
            return;
        }
        // Jobs mostly arrive at the end: begin a new block there, and the full one stays full.
        let split = if place == BLOCK_MAX {
            BLOCK_MAX
        } else {
            BLOCK_MAX / 2
        };
        let mut tail = block.entries.split_off(split);
        if place >= split {
            tail.insert(place - split, entry);
        } else {
            block.entries.insert(place, entry);
        }
        block.summarise();
        self.blocks.insert(at + 1, Block::new(tail));
    }

    /// Takes a job out. The entry must be as it was put in.
    pub fn remove(&mut self, entry: &Entry) {
        let order = self.order;
        let at = self
            .blocks
            .partition_point(|block| order.compare(&block.entries[0], entry) != Ordering::Greater)
            .saturating_sub(1);
        let found = self.blocks.get(at).and_then(|block| {
            block
                .entries
                .binary_search_by(|e| order.compare(e, entry))
                .ok()
        });
        let Some(place) = found else {
            panic!("the queued job in slot {} is not in the queue", entry.slot);
        };
        self.len -= 1;
        let block = &mut self.blocks[at];
        block.entries.remove(place);
        if block.entries.is_empty() {
            self.blocks.remove(at);
        } else if entry.cores == block.cores_min || entry.walltime == block.walltime_min {
            block.summarise();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random inserts and removals, against a sorted list, in both orders.
    #[test]
    fn stays_sorted_and_knows_its_blocks() {
        for order in [Order::Queue, Order::Shortest] {
            let mut queue = Queue::new(order);
            let mut plain: Vec<Entry> = Vec::new();
            let mut seed = 7u64;
            let mut random = |below: u64| {
                seed = seed
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (seed >> 33) % below
            };
            for step in 0..20_000u32 {
                if plain.len() > 1_500 || (random(3) == 0 && !plain.is_empty()) {
                    let gone = plain.swap_remove(random(plain.len() as u64) as usize);
                    queue.remove(&gone);
                } else {
                    let entry = Entry {
                        priority: random(3) as u32 * 1000,
                        cores: 1 + random(64) as u32,
                        position: if random(2) == 0 {
                            f64::from(step)
                        } else {
                            random(1000) as f64
                        },
                        walltime: if random(5) == 0 {
                            f64::INFINITY
                        } else {
                            random(50) as f64
                        },
                        slot: step,
                    };
                    plain.push(entry);
                    queue.insert(entry);
                }
                assert_eq!(queue.len(), plain.len());
                if step % 500 == 0 {
                    let mut sorted = plain.clone();
                    sorted.sort_by(|a, b| order.compare(a, b));
                    assert!(queue.iter().eq(sorted.iter()));
                    for block in queue.blocks() {
                        assert!((1..=BLOCK_MAX).contains(&block.entries().len()));
                        let cores = block.entries().iter().map(|e| e.cores).min();
                        assert_eq!(Some(block.cores_min), cores);
                        let shortest = block
                            .entries()
                            .iter()
                            .map(|e| e.walltime)
                            .fold(f64::INFINITY, f64::min);
                        assert_eq!(block.walltime_min, shortest);
                    }
                }
            }
        }
    }

    #[test]
    fn filling_is_as_inserting_one_by_one() {
        for order in [Order::Queue, Order::Shortest] {
            let entry = |i: u32| Entry {
                priority: i * 7 % 3,
                cores: 1 + i % 64,
                position: f64::from(i * 7919 % 1000) - 500.0,
                walltime: if i.is_multiple_of(5) {
                    f64::INFINITY
                } else {
                    f64::from(i % 50)
                },
                slot: i,
            };
            let entries: Vec<Entry> = (0..1000).map(entry).collect();
            let (mut filled, mut inserted) = (Queue::new(order), Queue::new(order));
            filled.fill(&entries);
            entries.iter().for_each(|entry| inserted.insert(*entry));
            assert!(filled.iter().eq(inserted.iter()));
            assert_eq!(filled.len(), 1000);
            entries.iter().for_each(|entry| filled.remove(entry));
            assert_eq!((filled.len(), filled.blocks().len()), (0, 0));
        }
    }

    #[test]
    fn arrivals_at_the_end_fill_blocks() {
        let mut queue = Queue::new(Order::Queue);
        for i in 0..10_000u32 {
            let position = f64::from(i);
            queue.insert(Entry {
                priority: 2000,
                cores: 1,
                position,
                walltime: 1.0,
                slot: i,
            });
        }
        assert_eq!(queue.blocks().len(), 10_000usize.div_ceil(BLOCK_MAX));
    }
}
