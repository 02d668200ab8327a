//! Whole traces: what is read of them, what is refused and in which words.

use std::io::{self, Read, Write};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

#[path = "../../../../tests/fuzz.rs"]
mod fuzz;

const HEADER: &str = "; Computer: Small\n; MaxProcs: 10\n;\n";

/// A job line with the six fields that count.
fn job(submit: &str, run: &str, allocated: &str, requested: &str, time: &str) -> String {
    format!("1 {submit} -1 {run} {allocated} -1 -1 {requested} {time} -1 1 7 1 -1 -1 -1 -1 -1\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn read(bytes: &[u8], procs: Option<u32>) -> Result<Trace, String> {
    Trace::read("t.swf", bytes, procs).map_err(|error| error.to_string())
}

fn read_error(bytes: &[u8], procs: Option<u32>) -> String {
    read(bytes, procs).expect_err("the trace is wrong")
}

#[test]
fn cleans_as_the_published_numbers_need() {
    // submit, run, allocated, requested, requested time -> run, size, requested time of the job that is left
    let kept = [
        (["5", "60", "4", "8", "100"], (60, 8, 100)),
        (["5", "60", "4", "-1", "100"], (60, 4, 100)),
        (["5", "60", "4", "0", "100"], (60, 4, 100)),
        (["5", "60", "-1", "8", "100"], (60, 8, 100)),
        (["0", "60", "10", "10", "100"], (60, 10, 100)),
        (["5", "101", "4", "8", "100"], (100, 8, 100)),
    ];
    for (fields, (run, procs, requested)) in kept {
        let [submit, run_text, allocated, requested_procs, time] = fields;
        let text = HEADER.to_owned() + &job(submit, run_text, allocated, requested_procs, time);
        let trace = read(text.as_bytes(), None).expect("one job is left");
        let expected = TraceJob {
            line: 4,
            submit_us: submit.parse::<u64>().expect("a number") * 1_000_000,
            run_us: run * 1_000_000,
            requested_us: requested * 1_000_000,
            procs,
            user: Some(7),
            group: Some(1),
        };
        assert_eq!(trace.jobs, [expected], "{fields:?}");
        assert_eq!(trace.dropped, Dropped::default(), "{fields:?}");
    }

    let none = Dropped::default();
    let dropped = [
        (
            ["5", "60", "11", "8", "100"],
            Dropped {
                over_machine_size: 1,
                ..none
            },
        ),
        (
            ["5", "60", "4", "11", "100"],
            Dropped {
                over_machine_size: 1,
                ..none
            },
        ),
        (
            ["5", "60", "4", "99999999999", "100"],
            Dropped {
                over_machine_size: 1,
                ..none
            },
        ),
        (
            ["5", "60", "-1", "0", "100"],
            Dropped {
                no_procs: 1,
                ..none
            },
        ),
        (
            ["5", "0", "4", "8", "100"],
            Dropped {
                no_run_time: 1,
                ..none
            },
        ),
        (
            ["5", "-1", "4", "8", "100"],
            Dropped {
                no_run_time: 1,
                ..none
            },
        ),
        (
            ["5", "60", "4", "8", "-1"],
            Dropped {
                no_requested_time: 1,
                ..none
            },
        ),
        (
            ["5", "60", "4", "8", "0"],
            Dropped {
                no_requested_time: 1,
                ..none
            },
        ),
        (
            ["-5", "60", "4", "8", "100"],
            Dropped {
                negative_submit_time: 1,
                ..none
            },
        ),
        (
            ["-5", "0", "11", "8", "0"],
            Dropped {
                over_machine_size: 1,
                ..none
            },
        ),
    ];
    let good = job("9", "1", "1", "1", "1");
    for (fields, expected) in dropped {
        let [submit, run, allocated, requested, time] = fields;
        let text = HEADER.to_owned() + &job(submit, run, allocated, requested, time) + &good;
        let trace = read(text.as_bytes(), None).expect("one job is left");
        assert_eq!(
            (trace.jobs.len(), trace.dropped),
            (1, expected),
            "{fields:?}"
        );
        assert_eq!(trace.dropped.total(), 1);
    }
}

#[test]
fn sorts_by_submit_time_and_keeps_the_order_of_the_file_in_ties() {
    let submits = ["10", "5", "10", "7", "20", "5"];
    let text: String = submits
        .iter()
        .map(|submit| job(submit, "1", "1", "1", "1"))
        .collect();
    let trace = read((HEADER.to_owned() + &text).as_bytes(), None).expect("all are jobs");
    let order: Vec<_> = trace
        .jobs
        .iter()
        .map(|job| (job.submit_us / 1_000_000, job.line))
        .collect();
    assert_eq!(order, [(5, 5), (5, 9), (7, 7), (10, 4), (10, 6), (20, 8)]);
    assert_eq!(trace.out_of_order, 3);
}

#[test]
fn takes_the_callers_machine_size_before_the_headers() {
    let text = HEADER.to_owned() + &job("0", "1", "12", "12", "1") + &job("0", "1", "5", "5", "1");
    assert_eq!(
        read(text.as_bytes(), None).map(|trace| (trace.procs, trace.jobs.len())),
        Ok((10, 1))
    );
    assert_eq!(
        read(text.as_bytes(), Some(12)).map(|trace| (trace.procs, trace.jobs.len())),
        Ok((12, 2))
    );
    assert_eq!(
        read(text.as_bytes(), Some(5)).map(|trace| (trace.procs, trace.jobs.len())),
        Ok((5, 1))
    );
    for procs in [0, PROCS_MAX + 1] {
        let message = read_error(text.as_bytes(), Some(procs));
        assert_eq!(
            message,
            format!(
                "trace t.swf: a machine of {procs} processors was asked for; from 1 to 100000 are possible"
            )
        );
    }
}

#[test]
fn counts_bad_lines_and_keeps_the_first_five() {
    let mut text = HEADER.to_owned();
    for _ in 0..7 {
        text += "1 2 3\n";
    }
    text += &job("0", "1", "1", "1", "1");
    text += "# not a comment here\n\n   \n;; a comment";
    let trace = read(text.as_bytes(), None).expect("one job is left");
    assert_eq!((trace.jobs.len(), trace.bad_lines.count), (1, 8));
    let lines: Vec<_> = trace.bad_lines.first.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8]);
    assert_eq!(
        trace.bad_lines.first[0].to_string(),
        "line 4: 3 fields; a job has 18, and at least the first 9 are needed"
    );
}

#[test]
fn tells_gzip_by_its_first_bytes() {
    let text = HEADER.to_owned() + &job("0", "1", "1", "1", "1");
    let plain = read(text.as_bytes(), None).expect("plain");
    let packed = read(&gzip(&text), None).expect("gzip");
    assert_eq!(plain.jobs, packed.jobs);
    let two_members = [gzip(HEADER), gzip(&job("0", "1", "1", "1", "1"))].concat();
    assert_eq!(
        read(&two_members, None).expect("two members").jobs,
        plain.jobs
    );
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(
        read(windows.as_bytes(), None)
            .expect("CRLF, byte order mark")
            .jobs,
        plain.jobs
    );
}

#[test]
fn a_cut_or_damaged_gzip_is_an_error_at_every_place() {
    let text = HEADER.to_owned() + &job("0", "1", "1", "1", "1").repeat(50);
    let whole = gzip(&text);
    for cut in 2..whole.len() {
        let message = read_error(&whole[..cut], None);
        assert!(
            message.contains("the gzip data end early, after line "),
            "cut at {cut}: {message}"
        );
    }
    for at in whole.len() - 8..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let message = read_error(&damaged, None);
        assert!(
            message.contains("the gzip data are damaged, found after line 53"),
            "{at}: {message}"
        );
    }
}

#[test]
fn says_what_is_wrong_with_a_whole_trace() {
    let good = job("0", "1", "1", "1", "1");
    let long = HEADER.to_owned() + &"7".repeat(LINE_BYTES_MAX + 1);
    let table: &[(&[u8], &str)] = &[
        (
            b"",
            "no usable job in 0 lines: a trace is text in the Standard Workload Format, one job a line",
        ),
        (
            HEADER.as_bytes(),
            "no usable job in 3 lines: a trace is text in the Standard Workload Format, one job a line",
        ),
        (
            b"<html>\n<p>hello\n",
            "no usable job in 2 lines; 2 lines are not jobs, the first is line 1: field 1 (job number) is \"<html>\", not a number",
        ),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "line 2 holds the byte 0x1a: not a text file; a trace is text in the Standard Workload Format, plain or gzip",
        ),
        (
            b"\x7fELF\x02\x01\x01\0\0\0",
            "line 1 holds the byte 0x02: not a text file; a trace is text in the Standard Workload Format, plain or gzip",
        ),
        (
            b"PK\x03\x04rest",
            "zip data; a trace is plain text or gzip: unpack it first",
        ),
        (
            b"BZh91AY",
            "bzip2 data; a trace is plain text or gzip: unpack it first",
        ),
        (
            b"; MaxProcs: none\n",
            "line 1: MaxProcs is \"none\"; a number from 1 to 100000 is needed: say the machine's size with --procs N",
        ),
        (
            long.as_bytes(),
            "line 4 is longer than 65536 bytes: not the Standard Workload Format",
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(read_error(bytes, None), format!("trace t.swf: {expected}"));
    }
    assert_eq!(
        read_error(good.as_bytes(), None),
        "trace t.swf: line 1: the first job, but no header line `; MaxProcs: N` before it; say the machine's size with --procs N"
    );
    assert_eq!(
        read_error(("; MaxNodes: 3\n".to_owned() + &good).as_bytes(), None),
        "trace t.swf: line 2: the first job, but no header line `; MaxProcs: N` before it (`MaxNodes` is 3); say the machine's size with --procs N"
    );
    assert_eq!(
        read_error(
            (HEADER.to_owned() + &job("0", "0", "1", "1", "1")).as_bytes(),
            None
        ),
        "trace t.swf: no usable job in 4 lines: 1 jobs were dropped (no run time, no requested time, no processors, or larger than the machine)"
    );
    assert_eq!(
        read_error(
            (HEADER.to_owned() + &good.repeat(JOBS_MAX + 1)).as_bytes(),
            None
        ),
        "trace t.swf: line 500004: more than 500000 jobs; cut the trace into parts"
    );
}

#[test]
fn names_a_file_that_is_not_there() {
    let error =
        Trace::open(std::path::Path::new("/nowhere/x.swf"), None).expect_err("no such file");
    assert!(
        error
            .to_string()
            .starts_with("trace /nowhere/x.swf: cannot open: No such file"),
        "{error}"
    );
}

#[test]
fn says_after_which_line_a_source_failed() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let source = HEADER.as_bytes().chain(Broken);
    let error = Trace::read("t.swf", source, None).expect_err("the source fails");
    assert_eq!(
        error.to_string(),
        "trace t.swf: cannot read on after line 3: the disk is gone"
    );
}

/// Something that may stand in a field.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..200u32).prop_map(|number| number.to_string()),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => Just("99999999999999999999999999".into()),
        1 => Just("1e308".into()),
        1 => Just("NaN".into()),
        1 => Just("-".into()),
        1 => "[ -~]{0,6}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::collection::vec(field(), 0..20).prop_map(|fields| fields.join(" ")),
        2 => (proptest::array::uniform5(0..90u32)).prop_map(|[a, b, c, d, e]| {
            let text = |number: u32| number.to_string();
            job(&text(a), &text(b), &text(c), &text(d), &text(e))
        }),
        1 => ("[A-Za-z]{0,10}", field()).prop_map(|(key, value)| format!("; {key}: {value}")),
        1 => field().prop_map(|procs| format!("; MaxProcs: {procs}")),
    ]
}

/// What comes out is a trace that can be simulated, or one line that names the file.
fn check(bytes: &[u8], procs: Option<u32>) {
    match read(bytes, procs) {
        Ok(trace) => {
            assert!(!trace.jobs.is_empty() && trace.procs > 0);
            let times = trace.jobs.windows(2);
            assert!(
                times
                    .into_iter()
                    .all(|two| two[0].submit_us <= two[1].submit_us)
            );
        }
        Err(message) => {
            assert!(message.starts_with("trace t.swf: "), "{message}");
            assert!(
                message.len() < 500 && !message.contains('\n'),
                "{message:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(fuzz::cases(300))]

    #[test]
    fn any_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        procs in any::<Option<u32>>(),
        packed in any::<bool>(),
    ) {
        let magic: &[u8] = if packed { b"\x1f\x8b\x08" } else { b"" };
        check(&[magic, &bytes].concat(), procs);
    }

    #[test]
    fn any_lines(lines in proptest::collection::vec(line(), 0..30), procs in any::<Option<u32>>()) {
        check(lines.join("\n").as_bytes(), procs);
    }

    #[test]
    fn packed_lines_with_changes(
        lines in proptest::collection::vec(line(), 1..30),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = gzip(&format!("{HEADER}{}", lines.join("\n")));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes, None);
    }
}
