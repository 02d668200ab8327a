//! The charts of a comparison: waits, queue and utilisation over time, a line for each run, as SVG to stand in a page.
//!
//! Colours are fixed here, and replaced by the page's style sheet, which knows light and dark: see [`COLOURS`].

use plotters::prelude::*;

use super::{Basis, Run, compared};
use crate::{
    metrics::JobTimes,
    plot::{
        count_label,
        series::{self, BUCKETS, Bucket, TimeAxis},
        style,
    },
};

/// In this size text stays readable on a phone, where the picture is made narrower.
const SIZE: (u32, u32) = (460, 270);
/// Spans of time that waits are averaged over.
const WAIT_SPANS: usize = 60;
/// Buckets that are drawn as one: lines of several runs over each other stay readable.
const BUCKETS_IN_ONE: usize = 5;

/// A colour for each run. `page.css` has the same in its rules for light and dark.
pub(super) const COLOURS: [RGBColor; super::RUNS_MAX] = [
    RGBColor(0x10, 0x00, 0x01),
    RGBColor(0x10, 0x00, 0x02),
    RGBColor(0x10, 0x00, 0x03),
    RGBColor(0x10, 0x00, 0x04),
    RGBColor(0x10, 0x00, 0x05),
    RGBColor(0x10, 0x00, 0x06),
];
const TEXT: RGBColor = RGBColor(0x10, 0x00, 0x11);
const GRID: RGBColor = RGBColor(0x10, 0x00, 0x12);

/// A picture and what it shows.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) about: String,
    pub(super) svg: String,
}

/// What one chart draws.
struct Lines<'a> {
    x: (f64, String),
    top: f64,
    y_label: &'a dyn Fn(&f64) -> String,
    lines: Vec<Vec<(f64, f64)>>,
}

/// All charts; the library's words where one cannot be drawn.
pub(super) fn charts(basis: &Basis, runs: &[Run]) -> Result<Vec<Chart>, String> {
    let all: Vec<JobTimes> = runs
        .iter()
        .flat_map(|run| compared(basis, &run.jobs))
        .collect();
    let axis = TimeAxis::of(&all);
    let (length, unit) = axis.length();
    let x = (length, format!("{unit} since the first submission"));
    // Jobs beside those that count may have come and gone before and after.
    let inside =
        |run: &Run| -> Vec<JobTimes> { run.jobs.iter().filter_map(|job| axis.clip(job)).collect() };
    let means = |buckets: Vec<Bucket>, factor: f64| -> Vec<(f64, f64)> {
        let width = length * BUCKETS_IN_ONE as f64 / BUCKETS as f64;
        let spans = buckets.chunks(BUCKETS_IN_ONE).enumerate();
        let mean = |span: &[Bucket]| {
            let sum: f64 = span.iter().map(|bucket| bucket.mean).sum();
            factor * sum / span.len() as f64
        };
        spans
            .map(|(at, span)| ((at as f64 + 0.5) * width, mean(span)))
            .collect()
    };
    let mut all_waits: Vec<_> = runs
        .iter()
        .map(|run| waits(&compared(basis, &run.jobs), axis, length))
        .collect();
    let queues: Vec<_> = runs
        .iter()
        .map(|run| means(series::queue_length(&inside(run), axis), 1.0))
        .collect();
    let share = 100.0 / basis.cores.max(1) as f64;
    let busy: Vec<_> = runs
        .iter()
        .map(|run| means(series::busy_procs(&inside(run), axis), share))
        .collect();
    let top = |lines: &[Vec<(f64, f64)>], least: f64| {
        let all = lines.iter().flatten();
        all.map(|(_, y)| *y).fold(least, f64::max) * 1.05
    };
    let (seconds, wait_unit) = unit_of(top(&all_waits, 1.0));
    for (_, wait) in all_waits.iter_mut().flatten() {
        *wait /= seconds;
    }
    let in_unit = |y: &f64| format!("{} {wait_unit}", count_label(y));
    let percent = |y: &f64| format!("{y:.0} %");
    let each = [
        (
            "Waits",
            "Mean wait of the jobs that were submitted in each span of time.".to_string(),
            Lines {
                x: x.clone(),
                top: top(&all_waits, 1.0 / seconds),
                y_label: &in_unit,
                lines: all_waits,
            },
        ),
        (
            "Queue",
            "Jobs that waited, on average over each span of time.".to_string(),
            Lines {
                x: x.clone(),
                top: top(&queues, 1.0),
                y_label: &count_label,
                lines: queues,
            },
        ),
        (
            "Utilisation",
            format!(
                "Cores in use, of {}, on average over each span of time.",
                basis.cores
            ),
            Lines {
                x,
                top: 100.0,
                y_label: &percent,
                lines: busy,
            },
        ),
    ];
    let drawn = each.into_iter().map(|(title, about, lines)| {
        let svg = inline(&svg(&lines)?, title);
        Ok(Chart { title, about, svg })
    });
    drawn.collect()
}

/// A unit for waits up to so many seconds: how many seconds it has, and its name.
fn unit_of(seconds: f64) -> (f64, &'static str) {
    match seconds {
        s if s < 300.0 => (1.0, "s"),
        s if s < 18_000.0 => (60.0, "min"),
        s if s < 360_000.0 => (3_600.0, "h"),
        _ => (86_400.0, "d"),
    }
}

/// For each span of time in which a compared job was submitted its middle and the mean wait, in seconds.
fn waits(jobs: &[JobTimes], axis: TimeAxis, length: f64) -> Vec<(f64, f64)> {
    let mut spans = [(0_u64, 0.0); WAIT_SPANS];
    for job in jobs {
        let span = &mut spans[(axis.share(job.submit_us) * WAIT_SPANS as f64) as usize];
        *span = (span.0 + 1, span.1 + job.wait_s());
    }
    let width = length / WAIT_SPANS as f64;
    let some = spans.iter().enumerate().filter(|(_, span)| span.0 > 0);
    some.map(|(at, (count, sum))| ((at as f64 + 0.5) * width, sum / *count as f64))
        .collect()
}

fn svg(chart: &Lines<'_>) -> Result<String, String> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    let draw = || -> Result<(), Box<dyn std::error::Error + '_>> {
        let mut area = ChartBuilder::on(&root)
            .margin_top(8)
            .margin_right(16)
            .x_label_area_size(44)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..chart.x.0, 0.0..chart.top)?;
        area.configure_mesh()
            .x_desc(chart.x.1.as_str())
            .x_labels(6)
            .y_labels(5)
            .x_label_formatter(&count_label)
            .y_label_formatter(&chart.y_label)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(style(15.0, TEXT))
            .axis_desc_style(style(15.0, TEXT))
            .draw()?;
        for (line, colour) in chart.lines.iter().zip(COLOURS) {
            area.draw_series([PathElement::new(line.clone(), colour.stroke_width(2))])?;
        }
        root.present()?;
        Ok(())
    };
    draw().map_err(|error| error.to_string())?;
    drop(root);
    Ok(text)
}

/// As an element of a page: without a name space, which is the only address in it, and as large as there is room.
fn inline(svg: &str, title: &str) -> String {
    let open = svg.find('>').map_or(svg.len(), |end| end + 1);
    let (width, height) = SIZE;
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title} over time\">{}",
        svg[open..].trim()
    )
}
