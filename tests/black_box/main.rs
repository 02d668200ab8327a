//! The real binary, real processes, real files.

mod bad_input;
mod cancel;
mod crashes;
mod journal;
mod run;
mod serve;
mod simulate;
