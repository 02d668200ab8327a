//! The real binary, real processes, real files.

mod accounts;
mod bad_input;
mod cancel;
mod compose;
mod crashes;
mod journal;
mod policies;
mod policy_check;
mod run;
mod serve;
mod simulate;
mod what_if;

#[path = "../../host/plugin/tests/plugins/filter_wat.rs"]
mod filter_wat;
#[path = "../../host/plugin/tests/plugins/wat.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the plugin host, which use the rest"
)]
mod wat;
