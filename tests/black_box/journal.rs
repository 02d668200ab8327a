//! `jobyard journal` on a journal that an earlier release left: shown, checked, made small; refusals in one line.

use jobyard_tests::{Place, Said, root, run};

fn journal(place: &Place, verb: &str) -> Said {
    let data = place.path().join("data");
    run(place.jobyard("journal").arg(verb).arg("--data").arg(data))
}

fn with_fixture() -> Place {
    let place = Place::new();
    let data = place.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let fixture = root().join("host/journal/tests/fixtures/0.1.0/journal.db");
    std::fs::copy(fixture, data.join("journal.db")).unwrap();
    place
}

#[test]
fn shown_checked_and_made_small() {
    let place = with_fixture();
    let dumped = journal(&place, "dump");
    assert_eq!((dumped.code, dumped.err.as_str()), (Some(0), ""));
    let expected = root().join("host/journal/tests/fixtures/0.1.0/events.jsonl");
    assert_eq!(dumped.out, std::fs::read_to_string(expected).unwrap());
    let verified = journal(&place, "verify");
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    assert!(verified.out.contains("all as written"), "{}", verified.out);
    let compacted = journal(&place, "compact");
    assert_eq!(compacted.code, Some(0), "{}", compacted.err);
    assert!(
        compacted.out.contains("events dropped"),
        "{}",
        compacted.out
    );
    assert_eq!(journal(&place, "verify").code, Some(0));
    assert!(journal(&place, "dump").out.lines().count() < dumped.out.lines().count());
}

#[test]
fn what_cannot_be_read_is_said_in_one_line() {
    for verb in ["dump", "verify", "compact"] {
        let place = Place::new();
        let none = journal(&place, verb);
        assert_eq!(none.code, Some(2), "{verb}");
        assert_eq!(none.err.lines().count(), 1, "{verb}: {}", none.err);
        assert!(none.err.contains("journal.db"), "{verb}: {}", none.err);

        let place = with_fixture();
        let file = place.path().join("data/journal.db");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes.truncate(middle);
        std::fs::write(&file, &bytes).unwrap();
        let cut = journal(&place, verb);
        assert_eq!(cut.code, Some(2), "{verb}: {}", cut.out);
        assert_eq!(cut.err.lines().count(), 1, "{verb}: {}", cut.err);
        assert!(cut.err.contains("journal.db"), "{verb}: {}", cut.err);
    }
}
