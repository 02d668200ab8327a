//! Fifty times `kill -9`, under load, and many clients at once. `cargo run --release -p jobyard-tests --bin kills -- --count N` and `--bin load` do more.

#[test]
fn what_was_acknowledged_survives_fifty_kills() {
    let summary = jobyard_tests::kills::run(50, 10).unwrap_or_else(|error| panic!("{error}"));
    assert!(summary.submits > 50 && summary.attempts > 50, "{summary}");
}

#[test]
fn many_clients_are_answered_beside_those_that_mean_harm() {
    let load = jobyard_tests::load::Load {
        clients: 20,
        seconds: 3,
        queued: 500,
        rest_ms: 20,
    };
    let outcome = jobyard_tests::load::run(load);
    assert_eq!((outcome.faults(), outcome.lost), (0, 0), "{outcome}");
    let kinds: Vec<&str> = outcome.took.keys().copied().collect();
    assert_eq!(kinds, ["cancel", "empty", "read", "submit"], "{outcome}");
    let refused = outcome.statuses.range(400..).count();
    assert_eq!(refused, 0, "{outcome}");
}
