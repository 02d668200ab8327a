//! Queued jobs in an order, in blocks that say what is in them.
//!
//! A pass looks at the queue from its front, and most of what it looks at is too large for what is free. So the jobs lie
//! in order in blocks of at most [`BLOCK_MAX`], and each block knows its smallest and its shortest job: a pass jumps over
//! a block none of whose jobs can start, and a change costs a search and a short move. Used by `mirror`, and by
//! policies that sort by ranks.

use std::cmp::Ordering;

use crate::keys::{minor, ordered, queue_key, sort};

/// Jobs in a block at most. A full one is split in two.
const BLOCK_MAX: usize = 128;

/// What a ranker says of a job, in queues that are sorted by it; nothing in the others, where it takes no room.
pub trait Rank: Copy + PartialEq + std::fmt::Debug {
    /// Bits that sort as ranks do.
    fn bits(self) -> u64;
}

impl Rank for () {
    fn bits(self) -> u64 {
        0
    }
}

impl Rank for f64 {
    fn bits(self) -> u64 {
        ordered(self)
    }
}

/// What a pass needs to know of a queued job before it looks closer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<R = ()> {
    /// The smallest goes first.
    pub rank: R,
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

impl Entry {
    /// The same with a rank. NaN comes to stand behind all others, and the zeros are one.
    pub fn with_rank(self, rank: f64) -> Entry<f64> {
        let Entry {
            rank: (),
            priority,
            cores,
            position,
            walltime,
            slot,
        } = self;
        Entry {
            rank: if rank.is_nan() {
                f64::NAN.copysign(1.0)
            } else {
                rank + 0.0
            },
            priority,
            cores,
            position,
            walltime,
            slot,
        }
    }
}

/// What a queue is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Priority, then position.
    Queue,
    /// Run-time estimate, then as `Queue`.
    Shortest,
    /// Rank, then as `Queue`.
    Rank,
    /// Priority, then rank, then as `Queue`.
    RankInBands,
}

impl Order {
    /// Which of two goes first.
    pub fn compare<R: Rank>(self, a: &Entry<R>, b: &Entry<R>) -> Ordering {
        match self {
            Order::Queue => queue_order(a, b),
            Order::Shortest => a
                .walltime
                .total_cmp(&b.walltime)
                .then_with(|| queue_order(a, b)),
            Order::Rank | Order::RankInBands => self
                .before_queue(a)
                .cmp(&self.before_queue(b))
                .then_with(|| queue_order(a, b)),
        }
    }

    /// Bits that sort by what counts before the place in the queue.
    fn before_queue<R: Rank>(self, entry: &Entry<R>) -> u128 {
        match self {
            Order::Queue => 0,
            Order::Shortest => u128::from(ordered(entry.walltime)),
            Order::Rank => u128::from(entry.rank.bits()),
            Order::RankInBands => {
                u128::from(u32::MAX - entry.priority) << 64 | u128::from(entry.rank.bits())
            }
        }
    }
}

/// Priority first, then position; the slot last, so that no two are equal whatever the host sent.
pub fn queue_order<R: Rank>(a: &Entry<R>, b: &Entry<R>) -> Ordering {
    b.priority
        .cmp(&a.priority)
        .then_with(|| a.position.total_cmp(&b.position))
        .then_with(|| a.slot.cmp(&b.slot))
}

/// Some neighbours in the order, and what is true of all of them.
#[derive(Debug, Clone)]
pub struct Block<R = ()> {
    entries: Vec<Entry<R>>,
    /// None of them can start with fewer cores.
    pub cores_min: u32,
    /// None of them is expected to run for less.
    pub walltime_min: f64,
}

impl<R: Rank> Block<R> {
    fn new(entries: Vec<Entry<R>>) -> Block<R> {
        let mut block = Block {
            entries,
            cores_min: u32::MAX,
            walltime_min: f64::INFINITY,
        };
        block.summarise();
        block
    }

    /// The jobs, in order.
    pub fn entries(&self) -> &[Entry<R>] {
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
pub struct Queue<R = ()> {
    order: Order,
    /// None is empty.
    blocks: Vec<Block<R>>,
    len: usize,
}

impl<R: Rank> Queue<R> {
    /// An empty queue.
    pub fn new(order: Order) -> Queue<R> {
        Queue {
            order,
            blocks: Vec::new(),
            len: 0,
        }
    }

    /// What it is sorted by.
    pub fn order(&self) -> Order {
        self.order
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
    pub fn blocks(&self) -> &[Block<R>] {
        &self.blocks
    }

    /// Its jobs, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<R>> {
        self.blocks.iter().flat_map(|block| &block.entries)
    }

    /// Puts many jobs into an empty queue: cheaper than one by one.
    pub fn fill(&mut self, entries: &[Entry<R>]) {
        assert!(self.is_empty(), "filled once");
        self.len = entries.len();
        let by_index = |key: &u128| entries[minor(*key) as usize];
        let mut keys: Vec<u128> = (0..)
            .zip(entries)
            .map(|(index, entry)| queue_key(entry.priority, entry.position, index))
            .collect();
        sort(&mut keys);
        if self.order == Order::Queue {
            self.cut(keys.iter().map(by_index));
            return;
        }
        // Places in the queue are the lower half of the new keys, so they decide between equals.
        let places: Vec<Entry<R>> = keys.iter().map(by_index).collect();
        keys.clear();
        let order = self.order;
        let with_place =
            |(place, entry): (u32, &Entry<R>)| order.before_queue(entry) << 32 | u128::from(place);
        keys.extend((0..).zip(&places).map(with_place));
        sort(&mut keys);
        self.cut(keys.iter().map(|key| places[minor(*key) as usize]));
    }

    /// Makes blocks of jobs in order.
    fn cut(&mut self, entries: impl ExactSizeIterator<Item = Entry<R>>) {
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
    pub fn insert(&mut self, entry: Entry<R>) {
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
    pub fn remove(&mut self, entry: &Entry<R>) {
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

    const ORDERS: [Order; 4] = [
        Order::Queue,
        Order::Shortest,
        Order::Rank,
        Order::RankInBands,
    ];

    /// Random inserts and removals, against a sorted list, in both orders.
    #[test]
    fn stays_sorted_and_knows_its_blocks() {
        for order in ORDERS {
            let mut queue = Queue::new(order);
            let mut plain: Vec<Entry<f64>> = Vec::new();
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
                    let rank = random(20) as f64 - 10.0;
                    let entry = Entry {
                        rank: (),
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
                    }
                    .with_rank(rank);
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
        for order in ORDERS {
            let rank = |i: u32| [f64::NAN, -0.0, 0.0, -7.5, f64::INFINITY][i as usize * 11 % 5];
            let entry = |i: u32| Entry {
                rank: (),
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
            let entries: Vec<Entry<f64>> = (0..1000).map(|i| entry(i).with_rank(rank(i))).collect();
            let (mut filled, mut inserted) = (Queue::new(order), Queue::new(order));
            filled.fill(&entries);
            entries.iter().for_each(|entry| inserted.insert(*entry));
            let slots = |queue: &Queue<f64>| -> Vec<u32> { queue.iter().map(|e| e.slot).collect() };
            assert_eq!(slots(&filled), slots(&inserted));
            assert_eq!(filled.len(), 1000);
            entries.iter().for_each(|entry| filled.remove(entry));
            assert_eq!((filled.len(), filled.blocks().len()), (0, 0));
        }
    }

    #[test]
    fn ranks_go_before_places_and_in_bands_after_priority() {
        let ranked = |slot: u32, priority: u32, rank: f64| {
            let position = -f64::from(slot);
            let (cores, walltime) = (1, 1.0);
            let entry = Entry {
                rank: (),
                priority,
                cores,
                position,
                walltime,
                slot,
            };
            entry.with_rank(rank)
        };
        let entries = [
            ranked(0, 2000, f64::NAN),
            ranked(1, 2000, f64::INFINITY),
            ranked(2, 2000, -0.0),
            ranked(3, 2000, 0.0), // equal, and stands before it
            ranked(4, 3000, 5.0),
            ranked(5, 1000, f64::NEG_INFINITY),
        ];
        for (order, slots) in [
            (Order::Rank, [5, 3, 2, 4, 1, 0]),
            (Order::RankInBands, [4, 3, 2, 1, 0, 5]),
        ] {
            let mut queue = Queue::new(order);
            queue.fill(&entries);
            assert!(queue.iter().map(|entry| entry.slot).eq(slots), "{order:?}");
        }
    }

    #[test]
    fn arrivals_at_the_end_fill_blocks() {
        let mut queue = Queue::new(Order::Queue);
        for i in 0..10_000u32 {
            let position = f64::from(i);
            queue.insert(Entry {
                rank: (),
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
