//! `jobyard simulate`: published numbers through the component, and the plot.

use jobyard_tests::{Place, run};

use crate::bad_input::trace;

/// Policy and settings, estimate; average bounded slowdown, average wait, maximum wait on the KTH log (Gaussier et al., SC'15,
/// companion data; the first row recomputed from the same rules).
const PUBLISHED: &[(&[&str], &str, f64, f64, f64)] = &[
    (
        &["--policy", "fifo"],
        "requested",
        6814.973310176236,
        353776.4091499596,
        946685.0,
    ),
    (
        &["--policy", "backfill", "--set", "order=fcfs"],
        "requested",
        92.57653973362949,
        6836.872090165373,
        262194.0,
    ),
    (
        &["--policy", "backfill", "--set", "order=fcfs"],
        "actual",
        71.7223851124418,
        6327.681612302938,
        258803.0,
    ),
    (
        &["--policy", "backfill", "--set", "order=sjbf"],
        "requested",
        69.40540058030349,
        5904.07657736736,
        284815.0,
    ),
    (
        &["--policy", "backfill", "--set", "order=sjbf"],
        "actual",
        49.8477189313406,
        5436.020750675889,
        275239.0,
    ),
];

const KEYS: &[&str] = &[
    "policy",
    "jobs",
    "procs",
    "average_wait_s",
    "median_wait_s",
    "p95_wait_s",
    "maximum_wait_s",
    "average_bounded_slowdown",
    "maximum_bounded_slowdown",
    "utilisation",
    "makespan_s",
    "cpu_s",
    "jobs_per_cpu_s",
];

#[test]
fn published_results_are_reproduced_to_twelve_digits() {
    for (arguments, estimate, slowdown, average, maximum) in PUBLISHED {
        let place = Place::new();
        let mut command = place.jobyard("simulate");
        command
            .arg(trace())
            .args(*arguments)
            .args(["--estimate", estimate, "--format", "json"]);
        let said = run(&mut command);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let report = said.json();
        for key in KEYS {
            assert!(!report[key].is_null(), "{key} is missing");
        }
        assert_eq!(
            (&report["jobs"], &report["procs"]),
            (&28_481.into(), &100.into())
        );
        assert_eq!(report["refused_proposals"], 0);
        for (key, expected) in [
            ("average_bounded_slowdown", slowdown),
            ("average_wait_s", average),
            ("maximum_wait_s", maximum),
        ] {
            let value = report[key].as_f64().unwrap();
            let off = (value - expected).abs() / expected;
            assert!(
                off < 5e-13,
                "{arguments:?} {estimate}: {key} is {value}, published {expected}"
            );
        }
    }
}

#[test]
fn the_plot_is_a_picture_of_all_three_curves() {
    let place = Place::new();
    let said = run(place
        .jobyard("simulate")
        .arg(trace())
        .args(["--plot", "kth.svg"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.contains("average bounded slowdown") && said.out.contains("92.5765"),
        "{}",
        said.out
    );
    let svg = place.read("kth.svg");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.len() < 1 << 20);
    for word in ["ueue", "tilisation", "ait"] {
        assert!(svg.contains(word), "{word} is not in the plot");
    }
}
