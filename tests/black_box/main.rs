//! The real binary, real processes, real files.

mod bad_input;
mod cancel;
mod run;
mod serve;
mod simulate;
