//! A simulation as a picture: one SVG file with three panels, queue length over time, utilisation over time, and the
//! distribution of the waits.
//!
//! Text is left to the viewer's sans-serif font: no font is read or embedded here.

pub(crate) mod series;

use std::{io, path::Path};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use self::series::{BUCKETS, Bucket, TimeAxis};
use crate::{drive::Simulation, metrics::Report};

const SIZE: (u32, u32) = (1200, 1080);
const TITLE_HEIGHT: u32 = 64;
const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const MUTED: RGBColor = RGBColor(0x6b, 0x75, 0x82);
const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xec);
const MAIN: RGBColor = RGBColor(0x1f, 0x6f, 0xb2);
const LIGHT: RGBColor = RGBColor(0xa9, 0xcc, 0xe8);
const MARK: RGBColor = RGBColor(0xc2, 0x4a, 0x2c);

const SECONDS_PER_DAY: f64 = 86_400.0;

/// A picture that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The drawing library refused.
    #[error("cannot draw the plot: {0}")]
    Draw(String),
    /// The file cannot be written.
    #[error("cannot write the plot to {path}: {error}")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
}

/// Draws a simulation into an SVG file, over whatever was there. Some 100 kB, however long the trace is.
///
/// # Errors
///
/// When the file cannot be written.
pub fn plot(simulation: &Simulation, path: &Path) -> Result<(), PlotError> {
    let svg = svg(simulation).map_err(PlotError::Draw)?;
    std::fs::write(path, svg).map_err(|error| PlotError::Write {
        path: path.display().to_string(),
        error,
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn svg(simulation: &Simulation) -> Result<String, String> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    draw(&root, simulation).map_err(|error| error.to_string())?;
    root.present().map_err(|error| error.to_string())?;
    drop(root);
    Ok(text)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(root: &Area<'_>, simulation: &Simulation) -> Drawn {
    let (report, jobs) = (&simulation.report, &simulation.jobs);
    let axis = TimeAxis::of(jobs);
    root.fill(&WHITE)?;
    let (title, panels) = root.split_vertically(TITLE_HEIGHT);
    draw_title(&title, report)?;
    let panels = panels.split_evenly((3, 1));
    draw_queue(&panels[0], &series::queue_length(jobs, axis), axis)?;
    draw_utilisation(&panels[1], &series::busy_procs(jobs, axis), report, axis)?;
    let mut waits: Vec<f64> = jobs.iter().map(|job| job.wait_s()).collect();
    waits.sort_unstable_by(f64::total_cmp);
    draw_waits(&panels[2], &waits, report)
}

fn draw_title(area: &Area<'_>, report: &Report) -> Drawn {
    let first = format!("{} on {}", report.policy, file_name(&report.trace));
    let second = format!(
        "{} jobs, {} processors, run times {}; average wait {:.0} s, average bounded slowdown {:.2}, utilisation {:.1} %",
        report.jobs,
        report.procs,
        report.estimate,
        report.average_wait_s,
        report.average_bounded_slowdown,
        report.utilisation * 100.0
    );
    area.draw(&Text::new(first, (20, 14), style(20.0, INK)))?;
    area.draw(&Text::new(second, (20, 42), style(14.0, MUTED)))?;
    Ok(())
}

pub(crate) fn file_name(path: &str) -> &str {
    Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or(path)
}

pub(crate) fn style(size: f64, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color)
}

/// A panel with its caption, axes and grid; `series` draws into it.
macro_rules! panel {
    ($area:expr, $caption:expr, $x:expr, $y:expr, $x_text:expr, $x_label:expr, $y_label:expr) => {{
        let mut chart = ChartBuilder::on($area)
            .margin_left(14)
            .margin_right(26)
            .margin_bottom(6)
            .caption($caption, style(16.0, INK))
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d($x, $y)?;
        chart
            .configure_mesh()
            .x_desc($x_text)
            .x_labels(12)
            .y_labels(6)
            .x_label_formatter(&$x_label)
            .y_label_formatter(&$y_label)
            .axis_style(MUTED)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(style(13.0, MUTED))
            .axis_desc_style(style(13.0, MUTED))
            .draw()?;
        chart
    }};
}

fn draw_queue(area: &Area<'_>, queue: &[Bucket], axis: TimeAxis) -> Drawn {
    let (length, unit) = axis.length();
    let top = queue.iter().map(|bucket| bucket.max).fold(1.0, f64::max) * 1.05;
    let caption =
        "Jobs in the queue: average of each of 600 spans (dark), most at once in it (light)";
    let mut chart = panel!(
        area,
        caption,
        0.0..length,
        0.0..top,
        time_text(unit),
        count_label,
        count_label
    );
    chart.draw_series([Polygon::new(
        outline(queue, length, |bucket| bucket.max),
        LIGHT,
    )])?;
    chart.draw_series([PathElement::new(
        line(queue, length, |bucket| bucket.mean),
        MAIN.stroke_width(1),
    )])?;
    Ok(())
}

fn draw_utilisation(area: &Area<'_>, busy: &[Bucket], report: &Report, axis: TimeAxis) -> Drawn {
    let (length, unit) = axis.length();
    let share = |bucket: &Bucket| 100.0 * bucket.mean / f64::from(report.procs);
    let mean = report.utilisation * 100.0;
    let caption =
        "Processors in use, %: average of each of 600 spans; the line is the average of all";
    let mut chart = panel!(
        area,
        caption,
        0.0..length,
        0.0..100.0,
        time_text(unit),
        count_label,
        count_label
    );
    chart.draw_series([Polygon::new(outline(busy, length, share), LIGHT)])?;
    chart.draw_series([PathElement::new(
        line(busy, length, share),
        MAIN.stroke_width(1),
    )])?;
    chart.draw_series([PathElement::new(
        vec![(0.0, mean), (length, mean)],
        MARK.stroke_width(1),
    )])?;
    Ok(())
}

fn draw_waits(area: &Area<'_>, waits: &[f64], report: &Report) -> Drawn {
    let longest = report.maximum_wait_s.max(10.0);
    let points = series::wait_distribution(waits, longest);
    let points: Vec<_> = points
        .into_iter()
        .map(|(wait, share)| (wait, share * 100.0))
        .collect();
    let caption = "Jobs that waited no longer than that, %";
    let x = (1.0..longest).log_scale();
    let mut chart = panel!(
        area,
        caption,
        x,
        0.0..100.0,
        "time in the queue, logarithmic; 1 s or less at the left edge",
        wait_label,
        count_label
    );
    let mut outline = points.clone();
    outline.extend([(longest, 0.0), (1.0, 0.0)]);
    chart.draw_series([Polygon::new(outline, LIGHT)])?;
    chart.draw_series([PathElement::new(points, MAIN.stroke_width(2))])?;
    let marks = [
        ("median", report.median_wait_s, 8.0),
        ("average", report.average_wait_s, 20.0),
        ("95th percentile", report.p95_wait_s, 32.0),
    ];
    for (name, wait, height) in marks {
        let at = wait.clamp(1.0, longest);
        chart.draw_series([PathElement::new(
            vec![(at, 0.0), (at, 100.0)],
            MARK.stroke_width(1),
        )])?;
        let text = format!("{name} {}", duration(wait));
        // Away from the nearer edge.
        let (side, offset) = match at.ln() > 0.8 * longest.ln() {
            true => (HPos::Right, -5),
            false => (HPos::Left, 5),
        };
        let style = style(13.0, INK).pos(Pos::new(side, VPos::Center));
        let label = EmptyElement::at((at, height)) + Text::new(text, (offset, 0), style);
        chart.draw_series([label])?;
    }
    Ok(())
}

/// One point in the middle of each bucket.
fn line(buckets: &[Bucket], length: f64, value: impl Fn(&Bucket) -> f64) -> Vec<(f64, f64)> {
    let width = length / BUCKETS as f64;
    buckets
        .iter()
        .enumerate()
        .map(|(index, bucket)| ((index as f64 + 0.5) * width, value(bucket)))
        .collect()
}

/// The same, closed along the axis.
fn outline(buckets: &[Bucket], length: f64, value: impl Fn(&Bucket) -> f64) -> Vec<(f64, f64)> {
    let mut points = vec![(0.0, 0.0)];
    points.extend(line(buckets, length, value));
    points.push((length, 0.0));
    points
}

/// Whole where it is.
pub(crate) fn count_label(value: &f64) -> String {
    match (value - value.round()).abs() < 1e-6 {
        true => format!("{value:.0}"),
        false => format!("{value:.1}"),
    }
}

fn time_text(unit: &str) -> String {
    format!("{unit} since the first submission")
}

fn wait_label(wait: &f64) -> String {
    duration(*wait)
}

/// Two digits of the largest unit: `17 min`, `2.8 h`, `12 d`.
pub(crate) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 120.0 => (s, "s"),
        s if s < 7_200.0 => (s / 60.0, "min"),
        s if s < 2.0 * SECONDS_PER_DAY => (s / 3_600.0, "h"),
        s => (s / SECONDS_PER_DAY, "d"),
    };
    let digits = usize::from(value < 10.0 && value.fract() != 0.0);
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let table = [
            (0.0, "0 s"),
            (1.0, "1 s"),
            (0.25, "0.2 s"),
            (100.0, "100 s"),
            (1_000.0, "17 min"),
            (10_000.0, "2.8 h"),
            (100_000.0, "28 h"),
            (1_000_000.0, "12 d"),
        ];
        for (seconds, expected) in table {
            assert_eq!(duration(seconds), expected);
        }
    }
}
