//! Black-box tests of a node: real processes of this machine, through the built-in components.

mod endings;
mod leftovers;
mod messages;
mod output;
mod process;
mod scale;
mod support;
