//! `jobyard serve` and the verbs that talk to it: real daemons, real sockets.

mod address;
mod command_line;
mod config;
mod daemon;
mod events;
mod filters;
mod health;
mod hostile;
mod hpc;
mod http;
mod https;
mod jobs;
mod keys;
mod owners;
mod page;
mod plugins;
mod policies;
mod proofs;
mod properties;
mod stop;
mod telemetry;
mod threats;
mod top;
mod users;
mod verbs;

pub(crate) use jobyard_tests::daemon::{Daemon, refused};
