//! `/hpc` as clients of HPC Pack use it. `docs/hpc-rest.md` names these tests.

mod cluster;
mod jobs;
mod lists;
mod nodes;
mod refusals;
mod tasks;

use jobyard_tests::{Place, wait_for};
use serde_json::{Value, json};

use super::Daemon;
use super::http::{Answer, ask};

const JSON: &str = "content-type: application/json\r\n";

/// A daemon and its client.
struct Hpc(Daemon);

impl Hpc {
    fn start() -> Hpc {
        Hpc(Daemon::start())
    }

    /// With two nodes: `n1` with 2 cores in the group `ComputeNodes`, and `n2` with 1.
    fn with_nodes() -> Hpc {
        let place = Place::new();
        let nodes = "[[node]]\nname = \"n1\"\ncores = 2\nmemory_mb = 512\ngroups = [\"ComputeNodes\"]\n\
                     [[node]]\nname = \"n2\"\ncores = 1\n";
        place.file("jobyard.toml", nodes);
        Hpc(Daemon::start_in(place, &["--config", "jobyard.toml"]))
    }

    /// Asks below `/hpc`, with a body if it is not null.
    fn ask(&self, verb: &str, path: &str, body: &Value) -> Answer {
        let (head, body) = match body.is_null() {
            true => ("", String::new()),
            false => (JSON, body.to_string()),
        };
        ask(
            &self.0,
            &format!("{verb} /hpc{path}"),
            head,
            body.as_bytes(),
        )
    }

    /// What is at a path.
    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Posts and expects an answer with this status.
    fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        self.does("POST", path, body, status)
    }

    fn does(&self, verb: &str, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.ask(verb, path, body);
        assert_eq!(answer.status, status, "{verb} {path}: {}", answer.body);
        match answer.body.is_empty() {
            true => Value::Null,
            false => answer.json(),
        }
    }

    /// A job of job XML; its place.
    fn job(&self, xml: &str) -> String {
        let id = self.post("/jobs/jobFile", &xml.into(), 200);
        format!("/jobs/{id}")
    }

    /// The same, submitted.
    fn run(&self, xml: &str) -> String {
        let job = self.job(xml);
        self.post(&format!("{job}/submit"), &Value::Null, 204);
        job
    }

    /// Job XML, with these attributes, of a job that runs until the file `go` is there.
    fn waiting(&self, attributes: &str) -> String {
        let go = self.0.place.path().join("go");
        let go = go.display();
        format!(
            "<Job {attributes}><Tasks><Task CommandLine=\"while ! test -e {go}; do sleep 0.02; done\"/></Tasks></Job>"
        )
    }

    /// The value of a property of what is at a path.
    fn property(&self, path: &str, name: &str) -> String {
        let pairs = self.get(&format!("{path}?properties={name}"));
        let found = value(&pairs, name);
        found.unwrap_or_else(|| panic!("{path} has no {name}: {pairs}"))
    }

    /// Waits until what is at a path is in a state.
    fn until(&self, path: &str, state: &str) {
        wait_for(&format!("{path} to be {state}"), || {
            (self.property(path, "State") == state).then_some(())
        });
    }
}

/// The value of a property.
fn value(pairs: &Value, name: &str) -> Option<String> {
    let pairs = pairs.as_array()?;
    let pair = pairs.iter().find(|pair| pair["Name"] == name)?;
    Some(pair["Value"].as_str()?.into())
}

/// The values of a property of all in a list.
fn column(objects: &Value, name: &str) -> Vec<String> {
    let objects = objects.as_array().expect("a list");
    let one = |object: &Value| value(&object["Properties"], name).unwrap_or_default();
    objects.iter().map(one).collect()
}

/// Properties as bodies have them.
fn pairs(pairs: &[(&str, &str)]) -> Value {
    let pair = |(name, value): &(&str, &str)| json!({ "Name": name, "Value": value });
    pairs.iter().map(pair).collect()
}

/// A header of an answer.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut lines = answer.head.lines();
    lines.find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}
