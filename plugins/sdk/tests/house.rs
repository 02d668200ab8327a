//! The job filter of `wit/README.md`, as it stands there, run natively.

use jobyard_plugin_sdk::filter::submission::{Change, SubmissionFilter, Verdict};
use jobyard_plugin_sdk::filter::{Instant, Job, Traits, property};

/// Every job says which project it is for; long ones go behind the others.
#[derive(Default)]
pub struct House;

impl SubmissionFilter for House {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        match settings {
            [] => Ok(Traits::new()),
            [(name, _), ..] => Err(format!("setting {name}: this filter has none")),
        }
    }

    fn check(&self, _now: Instant, job: &Job) -> Verdict {
        if property(&job.properties, "Project").is_none() {
            return Verdict::Reject("say which project it is for".into());
        }
        let runtime = property(&job.properties, "Runtime");
        let long = runtime
            .and_then(|s| s.parse::<u64>().ok())
            .is_none_or(|s| s > 86_400);
        match long {
            true => Verdict::Change(vec![Change {
                task: 0,
                name: "Priority".into(),
                value: "1000".into(),
            }]),
            false => Verdict::Accept,
        }
    }
}

jobyard_plugin_sdk::submission_filter_component!(crate::House);

#[test]
fn the_example_of_the_documentation_works() {
    let readme = include_str!("../../../wit/README.md");
    let own = include_str!("house.rs");
    let example = readme.split("```rust\n").last().unwrap_or_default();
    let example = example.split("```").next().unwrap_or_default();
    assert!(own.contains(example), "wit/README.md has another example");

    let job = |properties: &[(&str, &str)]| Job {
        id: 1,
        properties: properties
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        tasks: Vec::new(),
    };
    let check = |properties| House.check(0.0, &job(properties));
    assert!(matches!(check(&[]), Verdict::Reject(_)));
    assert!(matches!(
        check(&[("Project", "x"), ("Runtime", "60")]),
        Verdict::Accept
    ));
    assert!(matches!(check(&[("Project", "x")]), Verdict::Change(_)));
    assert!(House.configure(&[("a".into(), "b".into())]).is_err());
}
