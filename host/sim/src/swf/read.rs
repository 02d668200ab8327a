//! From a file to a [`Trace`]: unpacks, splits into lines, judges each, cleans and sorts.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use super::{
    BadLines, Dropped, JOBS_MAX, PROCS_MAX, Trace, TraceError, TraceHeader, TraceJob, TraceProblem,
    field::{JobLine, job_line},
};
use crate::clock::thread_cpu_time;

/// Longest line of a trace, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// What is read from the file, or from the unpacked data, at once.
const BUFFER_BYTES: usize = 128 * 1024;

impl Trace {
    /// Reads a trace from a file, plain or gzip.
    ///
    /// `procs` is the machine's size; without it the header line `; MaxProcs: N` says it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, that is no trace, or of which no job is left. The error names the file, the line, what
    /// stands there and what to do. Single bad lines are no error: see [`Trace::bad_lines`].
    pub fn open(path: &Path, procs: Option<u32>) -> Result<Self, TraceError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::read(&name, file, procs),
            Err(error) => Err(TraceError {
                name,
                problem: TraceProblem::Open(error),
            }),
        }
    }

    /// Reads a trace from anything, plain or gzip; `name` is for messages and the report.
    ///
    /// # Errors
    ///
    /// As for [`Trace::open`].
    pub fn read(name: &str, source: impl Read, procs: Option<u32>) -> Result<Self, TraceError> {
        let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
        read(name, &mut source, procs).map_err(|problem| TraceError {
            name: name.to_owned(),
            problem,
        })
    }
}

fn read(name: &str, source: &mut impl BufRead, procs: Option<u32>) -> Result<Trace, TraceProblem> {
    let begun = thread_cpu_time();
    if let Some(procs) = procs.filter(|procs| !(1..=PROCS_MAX).contains(procs)) {
        return Err(TraceProblem::BadProcs { procs });
    }
    let first = source
        .fill_buf()
        .map_err(|error| TraceProblem::Read { line: 0, error })?;
    let mut reader = TraceReader::new(procs);
    match compression(first) {
        None => reader.lines(source, false)?,
        Some(Compression::Gzip) => {
            reader.lines(
                BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(source)),
                true,
            )?;
        }
        Some(Compression::Other(format)) => return Err(TraceProblem::OtherCompression { format }),
    }
    let mut trace = reader.finish(name)?;
    trace.read_cpu = thread_cpu_time().saturating_sub(begun);
    Ok(trace)
}

enum Compression {
    Gzip,
    Other(&'static str),
}

/// Tells packed data by their first bytes.
fn compression(first: &[u8]) -> Option<Compression> {
    const OTHERS: [(&[u8], &str); 5] = [
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x9d", "compress (.Z)"),
    ];
    if first.starts_with(b"\x1f\x8b") {
        return Some(Compression::Gzip);
    }
    OTHERS
        .iter()
        .find(|(magic, _)| first.starts_with(magic))
        .map(|(_, format)| Compression::Other(format))
}

/// A trace while it is read, line by line.
struct TraceReader {
    procs_given: Option<u32>,
    line: u64,
    jobs: Vec<TraceJob>,
    header: TraceHeader,
    dropped: Dropped,
    bad_lines: BadLines,
    out_of_order: u64,
    latest_submit_us: u64,
}

impl TraceReader {
    fn new(procs_given: Option<u32>) -> Self {
        Self {
            procs_given,
            line: 0,
            jobs: Vec::new(),
            header: TraceHeader::default(),
            dropped: Dropped::default(),
            bad_lines: BadLines::default(),
            out_of_order: 0,
            latest_submit_us: 0,
        }
    }

    fn lines(&mut self, mut source: impl BufRead, gzip: bool) -> Result<(), TraceProblem> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = LINE_BYTES_MAX as u64 + 2;
            let read = (&mut source).take(limit).read_until(b'\n', &mut line);
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(self.unreadable(error, gzip)),
            }
            self.line += 1;
            let text = line.trim_ascii();
            if text.len() > LINE_BYTES_MAX
                || (line.len() as u64 == limit && line.last() != Some(&b'\n'))
            {
                self.check_text(&line)?;
                return Err(TraceProblem::LineTooLong { line: self.line });
            }
            self.take_line(text)?;
        }
    }

    fn unreadable(&self, error: io::Error, gzip: bool) -> TraceProblem {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let line = self.line;
        let kind = error.kind();
        if gzip && kind == UnexpectedEof {
            TraceProblem::GzipCutOff { line }
        } else if gzip && (kind == InvalidInput || kind == InvalidData) {
            TraceProblem::GzipDamaged { line, error }
        } else {
            TraceProblem::Read { line, error }
        }
    }

    fn take_line(&mut self, text: &[u8]) -> Result<(), TraceProblem> {
        let text = if self.line == 1 {
            text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
        } else {
            text
        };
        match text {
            [] => Ok(()),
            [b';', header @ ..] => self
                .header
                .line(self.line, header, self.procs_given.is_some()),
            job => match job_line(job) {
                Ok(job) => self.take_job(job),
                Err(reason) => {
                    self.check_text(job)?;
                    self.bad_lines.push(self.line, reason);
                    Ok(())
                }
            },
        }
    }

    /// A bad line with bytes that no text has means a file that is no trace at all.
    fn check_text(&self, text: &[u8]) -> Result<(), TraceProblem> {
        match text.iter().find(|byte| matches!(byte, 0..=8 | 14..=31)) {
            Some(byte) => Err(TraceProblem::NotText {
                line: self.line,
                byte: *byte,
            }),
            None => Ok(()),
        }
    }

    fn procs(&self) -> Option<u32> {
        self.procs_given.or(self.header.max_procs)
    }

    fn take_job(&mut self, job: JobLine) -> Result<(), TraceProblem> {
        let Some(machine) = self.procs() else {
            return Err(TraceProblem::NoMaxProcs {
                line: self.line,
                max_nodes: self.header.max_nodes,
            });
        };
        let Some(job) = self.clean(job, machine) else {
            return Ok(());
        };
        if self.jobs.len() == JOBS_MAX {
            return Err(TraceProblem::TooManyJobs { line: self.line });
        }
        if job.submit_us < self.latest_submit_us {
            self.out_of_order += 1;
        }
        self.latest_submit_us = self.latest_submit_us.max(job.submit_us);
        self.jobs.push(job);
        Ok(())
    }

    /// See the module's documentation; the reasons are asked in this order.
    fn clean(&mut self, job: JobLine, machine: u32) -> Option<TraceJob> {
        let dropped = &mut self.dropped;
        let size = if job.requested > 0 {
            job.requested
        } else {
            job.allocated
        };
        let counter = if job.allocated.max(job.requested) > i64::from(machine) {
            &mut dropped.over_machine_size
        } else if size <= 0 {
            &mut dropped.no_procs
        } else if job.run_us <= 0 {
            &mut dropped.no_run_time
        } else if job.requested_us <= 0 {
            &mut dropped.no_requested_time
        } else if job.submit_us < 0 {
            &mut dropped.negative_submit_time
        } else {
            return Some(TraceJob {
                line: u32::try_from(self.line).unwrap_or(u32::MAX),
                submit_us: job.submit_us.unsigned_abs(),
                run_us: job.run_us.min(job.requested_us).unsigned_abs(),
                requested_us: job.requested_us.unsigned_abs(),
                procs: u32::try_from(size).unwrap_or(machine),
                user: job.user,
                group: job.group,
            });
        };
        *counter += 1;
        None
    }

    fn finish(mut self, name: &str) -> Result<Trace, TraceProblem> {
        let procs = match self.procs() {
            Some(procs) if !self.jobs.is_empty() => procs,
            _ => {
                let dropped = self.dropped.total();
                return Err(TraceProblem::NoJobs {
                    lines: self.line,
                    dropped,
                    bad: self.bad_lines,
                });
            }
        };
        if self.out_of_order > 0 {
            // Stable: jobs of one time keep the order of the file.
            self.jobs.sort_by_key(|job| job.submit_us);
        }
        Ok(Trace {
            name: name.to_owned(),
            procs,
            jobs: self.jobs,
            header: self.header,
            dropped: self.dropped,
            bad_lines: self.bad_lines,
            out_of_order: self.out_of_order,
            read_cpu: std::time::Duration::ZERO,
        })
    }
}
