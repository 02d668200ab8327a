//! A comparison as one page of HTML that needs nothing else: no script, no network, readable on a phone, in light and dark.
//!
//! Every name in it comes from outside and is escaped.

use std::fmt::Write;

use super::charts::charts;
use super::{Basis, Changes, ClassChange, Comparison, Run, RunReport, UserChange};
use crate::plot::{PlotError, duration};

const STYLE: &str = include_str!("page.css");
/// Users shown at either end.
const USERS_SHOWN: usize = 10;
/// Starved jobs shown of a run.
const STARVED_SHOWN: usize = 10;

/// The page. `basis` and `runs` are what the comparison was made of.
///
/// # Errors
///
/// When a chart cannot be drawn.
pub fn page(comparison: &Comparison, basis: &Basis, runs: &[Run]) -> Result<String, PlotError> {
    let charts = charts(basis, runs).map_err(PlotError::Draw)?;
    let mut out = String::with_capacity(256 << 10);
    let title = format!("What if: {}", escape(&comparison.workload));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1 class=\"name\">{title}</h1>\n"
    );
    head(&mut out, comparison);
    table(&mut out, comparison);
    out.push_str("<h2>Over time</h2>\n");
    legend(&mut out, comparison);
    out.push_str("<div class=\"grid\">\n");
    for chart in charts {
        let _ = writeln!(
            out,
            "<figure><figcaption><h3>{}</h3><p class=\"about\">{}</p></figcaption>\n{}\n</figure>",
            chart.title, chart.about, chart.svg
        );
    }
    out.push_str("</div>\n");
    let first = &comparison.runs[0].name;
    for (number, run) in (1..).zip(&comparison.runs) {
        if let Some(changes) = &run.changes {
            gains(&mut out, (number, run), changes, first);
        }
    }
    starved(&mut out, comparison);
    rules(&mut out, comparison);
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(out)
}

fn head(out: &mut String, all: &Comparison) {
    let nodes = match all.nodes {
        1 => String::new(),
        nodes => format!("{} nodes with ", grouped(nodes)),
    };
    let beside = match all.jobs_beside {
        0 => String::new(),
        beside => format!(
            " {} more were simulated with them: they waited or ran when those came.",
            grouped(beside)
        ),
    };
    let _ = writeln!(
        out,
        "<p>{} jobs of {} users on {nodes}{} cores. Policies were told the {} run times. Every job is as large, and runs as long, in each run.{beside}</p>",
        grouped(all.jobs),
        grouped(all.users),
        grouped(all.cores),
        all.estimate,
    );
}

fn key(number: usize) -> String {
    format!("<span class=\"key key-{number}\"></span>")
}

fn named((number, run): (usize, &RunReport)) -> String {
    format!(
        "{}<span class=\"name\">{}</span>",
        key(number),
        escape(&run.name)
    )
}

fn legend(out: &mut String, all: &Comparison) {
    out.push_str("<ul class=\"legend\">\n");
    for run in (1..).zip(&all.runs) {
        let _ = writeln!(out, "<li>{}</li>", named(run));
    }
    out.push_str("</ul>\n");
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Less,
    More,
}

/// A row of the table: what it is, a number of each run, how it is written, and which way is better.
type Row = (
    &'static str,
    fn(&RunReport) -> Option<f64>,
    fn(f64) -> String,
    Option<Better>,
);

const ROWS: &[Row] = &[
    (
        "Average wait",
        |run| Some(run.wait.average_s),
        duration_of,
        Some(Better::Less),
    ),
    (
        "Median wait",
        |run| Some(run.wait.median_s),
        duration_of,
        Some(Better::Less),
    ),
    (
        "95 % waited no longer than",
        |run| Some(run.wait.p95_s),
        duration_of,
        Some(Better::Less),
    ),
    (
        "Longest wait",
        |run| Some(run.wait.maximum_s),
        duration_of,
        Some(Better::Less),
    ),
    (
        "Average bounded slowdown",
        |run| Some(run.bounded_slowdown.average),
        two_digits,
        Some(Better::Less),
    ),
    (
        "Largest bounded slowdown",
        |run| Some(run.bounded_slowdown.maximum),
        whole,
        Some(Better::Less),
    ),
    (
        "Utilisation",
        |run| Some(run.utilisation),
        percent,
        Some(Better::More),
    ),
    (
        "From first submission to last end",
        |run| Some(run.makespan_s),
        duration_of,
        Some(Better::Less),
    ),
    (
        "Fairness between users",
        |run| run.fairness,
        three_digits,
        Some(Better::More),
    ),
    (
        "Jobs that starved",
        |run| Some(run.starvation.jobs as f64),
        whole,
        Some(Better::Less),
    ),
    (
        "Passes of the policy",
        |run| run.passes.map(|n| n as f64),
        whole,
        None,
    ),
    (
        "Proposals refused",
        |run| run.refused_proposals.map(|n| n as f64),
        whole,
        None,
    ),
];

/// The table for people in plain text: what a row is, and what stands in it for each run.
pub fn rows(comparison: &Comparison) -> Vec<(&'static str, Vec<String>)> {
    let row = |(what, number, text, _): &Row| {
        let runs = comparison.runs.iter();
        let cells = runs.map(|run| number(run).map_or("–".to_string(), text));
        (*what, cells.collect())
    };
    ROWS.iter().map(row).collect()
}

fn table(out: &mut String, all: &Comparison) {
    out.push_str(
        "<h2>Side by side</h2>\n<div class=\"wide\"><table class=\"runs\">\n<thead><tr><th></th>",
    );
    for run in (1..).zip(&all.runs) {
        let _ = write!(out, "<th scope=\"col\">{}</th>", named(run));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (what, number, text, better) in ROWS {
        let _ = write!(out, "<tr><th scope=\"row\">{what}</th>");
        let first = number(&all.runs[0]);
        for (at, run) in all.runs.iter().enumerate() {
            let value = number(run);
            let shown = value.map_or("–".to_string(), text);
            let change = match (at, first, value, better) {
                (1.., Some(before), Some(now), Some(better)) => change(before, now, *better),
                _ => String::new(),
            };
            let _ = write!(out, "<td>{shown}{change}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    if all.runs.len() > 1 {
        let _ = writeln!(
            out,
            "<p class=\"about\">Below each number how it differs from “{}”.</p>",
            escape(&all.runs[0].name)
        );
    }
}

/// How a number differs from that of the first run.
fn change(before: f64, now: f64, better: Better) -> String {
    if before == now {
        return "<small>the same</small>".into();
    }
    let class = match (now < before) == (better == Better::Less) {
        true => "good",
        false => "bad",
    };
    let text = match (now - before) / before * 100.0 {
        percent if percent.is_finite() && percent.abs() < 0.05 => "±0.0 %".to_string(),
        percent if percent.is_finite() && percent.abs() < 1_000.0 => signed(percent, 1) + " %",
        _ if now > before => "more".to_string(),
        _ => "less".to_string(),
    };
    format!("<small class=\"{class}\">{text}</small>")
}

fn gains(out: &mut String, run: (usize, &RunReport), changes: &Changes, first: &str) {
    let _ = writeln!(
        out,
        "<h2>Who gains, who loses: {}</h2>\n<p>Against “{}”, {} jobs wait less, {} longer, {} as long (to a second); on average the wait changes by {}. Of the users, {} gain and {} lose.</p>\n<div class=\"grid\">",
        named(run),
        escape(first),
        grouped(changes.jobs_better),
        grouped(changes.jobs_worse),
        grouped(changes.jobs_same),
        difference(changes.mean_wait_change_s),
        grouped(changes.users_better),
        grouped(changes.users_worse),
    );
    let size = |class: &ClassChange| match class.cores_max {
        Some(max) if max == class.cores_min => max.to_string(),
        Some(max) => format!("{}–{max}", class.cores_min),
        None => format!("{} and more", class.cores_min),
    };
    let rows = changes.sizes.iter().map(|class| {
        (
            size(class),
            class.jobs,
            class.mean_wait_s,
            class.mean_wait_change_s,
        )
    });
    means(out, "By size of job, in cores", rows);
    let row = |user: &UserChange| {
        (
            escape(&user.user),
            user.jobs,
            user.mean_wait_s,
            user.mean_wait_change_s,
        )
    };
    let best = changes
        .users
        .iter()
        .filter(|user| user.mean_wait_change_s < 0.0);
    means(out, "Users that gain most", best.take(USERS_SHOWN).map(row));
    let worst = changes.users.iter().rev();
    let worst = worst.filter(|user| user.mean_wait_change_s > 0.0);
    means(
        out,
        "Users that lose most",
        worst.take(USERS_SHOWN).map(row),
    );
    out.push_str("</div>\n");
}

/// A table of mean waits; the first of each row is escaped already.
fn means(out: &mut String, title: &str, rows: impl Iterator<Item = (String, u64, f64, f64)>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = writeln!(
        out,
        "<div><h3>{title}</h3><div class=\"wide\"><table><thead><tr><th></th><th scope=\"col\">jobs</th><th scope=\"col\">mean wait</th><th scope=\"col\">change</th></tr></thead>\n<tbody>"
    );
    for (what, jobs, wait, change) in rows {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\" class=\"name\">{what}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            grouped(jobs),
            duration(wait),
            difference(change)
        );
    }
    out.push_str("</tbody></table></div></div>\n");
}

fn starved(out: &mut String, all: &Comparison) {
    let _ = writeln!(
        out,
        "<h2>Starvation</h2>\n<p>A job starved when it waited longer than {}: ten times the median wait of “{}”, and an hour at least.</p>\n<div class=\"grid\">",
        duration(all.terms.starvation_bound_s),
        escape(&all.runs[0].name)
    );
    for run in (1..).zip(&all.runs) {
        let starved = &run.1.starvation;
        let _ = writeln!(
            out,
            "<div><h3>{}</h3>\n<p>{} of {} jobs ({:.2} %).</p>",
            named(run),
            grouped(starved.jobs),
            grouped(all.jobs),
            starved.share * 100.0
        );
        if !starved.worst.is_empty() {
            out.push_str("<div class=\"wide\"><table><thead><tr><th scope=\"col\">job</th><th scope=\"col\">user</th><th scope=\"col\">cores</th><th scope=\"col\">waited</th><th scope=\"col\">ran</th></tr></thead>\n<tbody>\n");
            for job in starved.worst.iter().take(STARVED_SHOWN) {
                let _ = writeln!(
                    out,
                    "<tr><th scope=\"row\">{}</th><td class=\"name\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                    job.job,
                    escape(job.user.as_deref().unwrap_or("–")),
                    job.cores,
                    duration(job.wait_s),
                    duration(job.run_s)
                );
            }
            out.push_str("</tbody></table></div>\n");
        }
        out.push_str("</div>\n");
    }
    out.push_str("</div>\n");
}

fn rules(out: &mut String, all: &Comparison) {
    let _ = writeln!(
        out,
        "<h2>What the numbers mean</h2>\n<ul>\n<li>Bounded slowdown: max(1, (wait + run) / max(10 s, run)).</li>\n<li>Fairness: {}.</li>\n<li>Jobs are rigid: they have the size that they started with from start to end, and are not preempted, whatever the policy could do.</li>",
        escape(&all.terms.fairness)
    );
    let counts = all.left_out.iter().map(|count| ("left out", count));
    let counts = counts.chain(
        all.assumed
            .iter()
            .map(|count| ("otherwise than they were", count)),
    );
    for (what, (reason, count)) in counts.filter(|(_, (_, count))| **count > 0) {
        let _ = writeln!(
            out,
            "<li>{} jobs {what}: {}.</li>",
            grouped(*count),
            escape(&reason.replace('_', " "))
        );
    }
    out.push_str("</ul>\n");
}

/// For text and for values of attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn duration_of(seconds: f64) -> String {
    duration(seconds)
}

fn two_digits(number: f64) -> String {
    format!("{number:.2}")
}

fn three_digits(number: f64) -> String {
    format!("{number:.3}")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn whole(number: f64) -> String {
    grouped(number.round() as u64)
}

/// `−12 min`, `+3 h`.
fn difference(seconds: f64) -> String {
    let sign = match seconds {
        s if s.abs() < 0.05 => "±",
        s if s < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{}", duration(seconds.abs()))
}

fn signed(number: f64, digits: usize) -> String {
    let sign = if number < 0.0 { "−" } else { "+" };
    format!("{sign}{:.digits$}", number.abs())
}

/// With thin spaces between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_written_for_people() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((grouped(0), grouped(999)), ("0".into(), "999".into()));
        assert_eq!(difference(-720.0), "−12 min");
        assert_eq!(difference(0.0), "±0 s");
        assert_eq!(
            escape("<a href='x'>\"&\u{7}"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{fffd}"
        );
        assert_eq!(change(2.0, 2.0, Better::Less), "<small>the same</small>");
        assert_eq!(
            change(2.0, 1.0, Better::Less),
            "<small class=\"good\">−50.0 %</small>"
        );
        assert_eq!(
            change(0.0, 1.0, Better::Less),
            "<small class=\"bad\">more</small>"
        );
        assert_eq!(
            change(0.5, 0.6, Better::More),
            "<small class=\"good\">+20.0 %</small>"
        );
    }
}
