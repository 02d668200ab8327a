//! Fifty times `kill -9`, under load. `cargo run --release -p jobyard-tests --bin kills -- --count N` does more.

#[test]
fn what_was_acknowledged_survives_fifty_kills() {
    let summary = jobyard_tests::kills::run(50, 10).unwrap_or_else(|error| panic!("{error}"));
    assert!(summary.submits > 50 && summary.attempts > 50, "{summary}");
}
