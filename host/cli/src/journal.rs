//! `jobyard journal`.

use std::io::{BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use jobyard::journal::JournalError;
use jobyard::journal::sqlite::{compact, dump, verify};

use crate::args::{Journal, JournalVerb};
use crate::failure::Failure;
use crate::folders;

pub(crate) fn main(args: &Journal) -> Result<ExitCode, Failure> {
    let folder = folders::data(args.data.data.as_deref());
    let folder = folder.ok_or_else(|| Failure::input("there is no home folder: give --data"))?;
    match args.verb {
        JournalVerb::Dump => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            match dump(&folder, &mut out) {
                // A reader that goes away, as in `… | head`, has what it wanted.
                Err(JournalError::Io { error, .. }) if error.kind() == ErrorKind::BrokenPipe => {}
                done => {
                    let flushed = out.flush();
                    done.map_err(Failure::input)?;
                    flushed.map_err(Failure::work)?;
                }
            }
        }
        JournalVerb::Verify => {
            let found = verify(&folder).map_err(Failure::input)?;
            let (first, last) = found.events;
            let events = match last < first {
                true => "no events".to_string(),
                false => format!("events {first} to {last}"),
            };
            println!(
                "{events}, {} snapshots, {} live jobs, {} jobs of history: all as written",
                found.snapshots, found.live_jobs, found.history_jobs
            );
        }
        JournalVerb::Compact => {
            let done = compact(&folder).map_err(Failure::input)?;
            let (before, after) = done.bytes;
            println!(
                "{} events dropped, the oldest is {}; {} became {} KiB",
                done.events,
                done.oldest,
                before / 1_024,
                after / 1_024
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
