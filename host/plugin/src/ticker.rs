//! The clock of the deadlines: a thread that advances the engines' epochs every 10 ms while guest code runs.
//!
//! On a busy machine it wakes up late; then it advances them by all the ticks that have passed, or a deadline of a second would be over after
//! one and a half.
//!
//! It sleeps when nothing has run for a second, so that an idle host does not wake up a hundred times a second, and
//! ends when the last [`Ticker`] is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

use wasmtime::Engine;

use crate::limits::TICK;

/// Ticks without any call after which the thread goes to sleep.
const IDLE_TICKS: u32 = 100;

/// Ticks that are made up for at once. What is more is a machine that stood still, and no guest's fault.
const LATE_TICKS_MAX: u128 = 50;

/// Counts the calls that run, and wakes the thread for the first of them. Clones share the thread.
#[derive(Debug, Clone)]
pub(crate) struct Ticker(Arc<Owner>);

/// What the handles share; its drop ends the thread.
#[derive(Debug)]
struct Owner {
    state: Arc<State>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct State {
    /// Calls that run guest code now.
    running: AtomicU64,
    /// Calls that ever began; tells the thread whether there were any since it last looked.
    begun: AtomicU64,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engines: Vec<Engine>) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let of_thread = state.clone();
        let thread = thread::Builder::new()
            .name("jobyard-epochs".to_owned())
            .spawn(move || tick(&of_thread, &engines))?
            .thread()
            .clone();
        Ok(Self(Arc::new(Owner { state, thread })))
    }

    /// Guest code begins to run. Every `enter` is followed by one [`Ticker::leave`].
    pub(crate) fn enter(&self) {
        let Owner { state, thread } = &*self.0;
        state.begun.fetch_add(1, Ordering::Relaxed);
        // Sequentially consistent with `tick`: either it sees that something runs, or this sees that it sleeps.
        state.running.fetch_add(1, Ordering::SeqCst);
        if state.asleep.load(Ordering::SeqCst) {
            thread.unpark();
        }
    }

    /// Guest code has ended, or has begun to wait.
    pub(crate) fn leave(&self) {
        self.0.state.running.fetch_sub(1, Ordering::SeqCst);
    }

    /// The thread runs while this is held.
    pub(crate) fn run(&self) -> Running<'_> {
        self.enter();
        Running(self)
    }
}

/// See [`Ticker::run`].
pub(crate) struct Running<'a>(&'a Ticker);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn tick(state: &State, engines: &[Engine]) {
    let mut idle_ticks = 0;
    let mut begun = 0;
    let mut at = Instant::now();
    while !state.stop.load(Ordering::SeqCst) {
        thread::park_timeout(TICK);
        let ticks = at.elapsed().as_nanos() / TICK.as_nanos();
        if ticks > LATE_TICKS_MAX {
            at = Instant::now();
        } else {
            at += TICK * ticks as u32;
        }
        for _ in 0..ticks.min(LATE_TICKS_MAX) {
            engines.iter().for_each(Engine::increment_epoch);
        }

        let begun_now = state.begun.load(Ordering::Relaxed);
        let idle = begun_now == begun && state.running.load(Ordering::SeqCst) == 0;
        begun = begun_now;
        idle_ticks = if idle { idle_ticks + 1 } else { 0 };
        if idle_ticks < IDLE_TICKS {
            continue;
        }
        state.asleep.store(true, Ordering::SeqCst);
        while state.running.load(Ordering::SeqCst) == 0 && !state.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        state.asleep.store(false, Ordering::SeqCst);
        idle_ticks = 0;
        at = Instant::now();
    }
}
