//! What the benches measure with: interleaved rounds, medians, ratios.
//!
//! Two things that are compared take turns in one run, so that whatever else the machine does hits both, and the one that
//! goes first changes from round to round. Of the rounds the median counts: a few that were disturbed do not move it.

/// So many counted rounds of both, after one that is not; what each round measured.
pub(crate) fn take_turns(
    rounds: usize,
    mut first: impl FnMut() -> f64,
    mut second: impl FnMut() -> f64,
) -> (Vec<f64>, Vec<f64>) {
    first();
    second();
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            of_first.push(first());
            of_second.push(second());
        } else {
            of_second.push(second());
            of_first.push(first());
        }
    }
    (of_first, of_second)
}

/// The middle of the values, the upper one of two.
///
/// # Panics
/// Without values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
