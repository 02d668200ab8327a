//! Policies that fail, under a real daemon with a load of jobs: nothing of theirs is lost, runs twice, or waits long.

mod faults;
mod guest;
mod load;
