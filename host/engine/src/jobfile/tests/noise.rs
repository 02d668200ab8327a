//! Noise: whatever the bytes are, a reader answers, in one line if it refuses.

use proptest::prelude::*;

use super::fuzz::cases;
use crate::jobfile::{
    Format, JobFile, parse_hold_until, parse_priority, parse_range, parse_span, parse_sweep,
};

const FORMATS: [Format; 3] = [Format::Toml, Format::Json, Format::HpcXml];

const GOOD: [&str; 5] = [
    include_str!("../../../../../examples/sweep.toml"),
    include_str!("../../../../../examples/sweep.json"),
    include_str!("../../../../../examples/sweep.xml"),
    super::good::EVERYTHING_TOML,
    super::good::EVERYTHING_XML,
];

fn read_in_all_formats(text: &str) {
    for format in FORMATS {
        if let Err(error) = JobFile::parse("noise", text, format) {
            let message = error.to_string();
            assert!(message.starts_with("noise:"), "{message}");
            assert!(!message.contains(['\n', '\r', '\0']), "{message:?}");
        }
    }
}

/// Pieces that mean something in one of the languages.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\"".to_string()),
        Just("\\".to_string()),
        Just("[[task]]\n".to_string()),
        Just("{".to_string()),
        Just("}".to_string()),
        Just("]".to_string()),
        Just("&#0;".to_string()),
        Just("&lt;".to_string()),
        Just("<![CDATA[".to_string()),
        Just("<Task ".to_string()),
        Just("/>".to_string()),
        Just("-".to_string()),
        Just("99999999999999999999999".to_string()),
        Just("'''".to_string()),
        Just("\\ud800".to_string()),
        Just("2031-02-30T99:00:00Z".to_string()),
        ".{0,3}",
    ]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_in_all_formats(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_pieces(pieces in proptest::collection::vec(piece(), 0..30)) {
        read_in_all_formats(&pieces.concat());
    }

    #[test]
    fn good_files_with_changes(
        good in proptest::sample::select(&GOOD[..]),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..40usize, piece()), 1..4),
    ) {
        let mut text: Vec<char> = good.chars().collect();
        for (at, removed, inserted) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        read_in_all_formats(&String::from_iter(text));
    }

    #[test]
    fn small_values(text in "[0-9.:dhms *^+a-zN-]{0,24}") {
        let _ = (parse_span(&text), parse_priority(&text), parse_range(&text), parse_sweep(&text));
        let _ = parse_hold_until(&text);
    }

    /// What the kernel displays of whole minutes reads as the same length of time.
    #[test]
    fn displayed_spans_are_read(minutes in 1u64..60 * 24) {
        let span = jobyard_kernel::Span::from_secs(minutes * 60);
        prop_assert_eq!(parse_span(&span.to_string()), Ok(Some(span)));
        prop_assert_eq!(parse_span(&minutes.to_string()), Ok(Some(span)));
    }
}

#[test]
fn good_files_cut_anywhere() {
    for good in GOOD {
        for (at, _) in good.char_indices() {
            read_in_all_formats(&good[..at]);
        }
    }
}
