//! Good files, bad files with the one line that each gets, files on disk, and files that are noise.

mod bad;
mod bad_xml;
mod disk;
mod examples;
mod folder;
#[path = "../../../../../tests/fuzz.rs"]
mod fuzz;
mod good;
mod hurtful;
mod noise;
mod round_trip;
mod small_values;
