//! The real binary, real processes, real files.

mod bad_input;
mod cancel;
mod journal;
mod run;
mod serve;
mod simulate;
