//! The SQLite journal on real files, with events of random kernel runs.

mod fixture;
#[path = "../../../../tests/fuzz.rs"]
mod fuzz;
mod fuzz_format;
mod history;
mod memory;
mod refusals;
mod store;
mod torn;
mod upkeep;
mod yard;

#[path = "../../../kernel/tests/kernel/anything.rs"]
mod anything;
#[path = "../../../kernel/tests/kernel/filters.rs"]
#[expect(dead_code, reason = "no run of these is driven to its end")]
mod filters;
#[path = "../../../kernel/tests/kernel/numbers.rs"]
mod numbers;
#[path = "../../../kernel/tests/kernel/proposals.rs"]
mod proposals;
#[path = "../../../kernel/tests/kernel/random.rs"]
mod random;
#[path = "../../../kernel/tests/kernel/random_policies.rs"]
mod random_policies;
