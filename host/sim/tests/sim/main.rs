//! The simulator from outside: its loop with scripted policies, and a real trace with real ones.

mod driver;
mod kth;
mod native;
mod ranked;
mod side_by_side;
