//! The policy from outside, with rankers that are native too: changes in, decisions out, carried out on a small cluster.

mod asked;
mod fresh_instance;
mod reference;
mod rules;
