//! How many cases tests of random input try: their own number, times `JOBYARD_FUZZ` where that is set in the environment
//! (`JOBYARD_FUZZ=100 cargo test`). What they find is shrunk and printed, and becomes a plain test beside them: nothing is kept in files
//! that only they read. Taken by its path by the tests of all crates.

use proptest::test_runner::Config;

/// What `JOBYARD_FUZZ` says, else 1.
pub(crate) fn times() -> u32 {
    let times = std::env::var("JOBYARD_FUZZ").ok();
    times.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// So many cases, or more.
pub(crate) fn cases(cases: u32) -> Config {
    Config {
        cases: cases.saturating_mul(times()),
        failure_persistence: None,
        ..Config::default()
    }
}
