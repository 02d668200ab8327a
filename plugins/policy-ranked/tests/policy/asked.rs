//! What the ranker is asked, how often, and what it is told.

use std::cell::RefCell;

use jobyard_plugin_sdk::{
    cluster::Cluster,
    histories::configured,
    policy::{self, Changes, Policy},
    ranker::{Candidate, Column, Instant, Ranker, Traits, numbers, texts},
    rows::JobRow,
};
use jobyard_policy_ranked::Ranked;

thread_local! {
    /// The jobs of each question.
    static QUESTIONS: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
    /// The columns of the last one.
    static COLUMNS: RefCell<Vec<Column>> = const { RefCell::new(Vec::new()) };
}

/// Says of itself what it is set to, ranks by the cores that are asked for, and keeps what it was asked.
#[derive(Debug, Default)]
struct Curious;

impl Ranker for Curious {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        Ok(settings.to_vec())
    }

    fn rank(&mut self, _: Instant, jobs: &[Candidate], columns: &[Column]) -> Vec<f64> {
        let asked = jobs.iter().map(|job| job.id).collect();
        QUESTIONS.with_borrow_mut(|questions| questions.push(asked));
        COLUMNS.set(columns.to_vec());
        jobs.iter().map(|job| f64::from(job.min)).collect()
    }
}

fn asked_in(pass: impl FnOnce()) -> Vec<Vec<u32>> {
    QUESTIONS.take();
    pass();
    QUESTIONS.take()
}

/// A cluster of one node that is full with job 1.
fn full(policy: &mut Ranked<Curious>) -> Cluster {
    let mut cluster = Cluster::new(&[4]);
    cluster.set_job(JobRow::queued(1, 4, 100.0));
    let plan = policy.schedule(0.0, &cluster.changes());
    cluster.carry_out(0.0, &plan);
    cluster
}

fn pass(policy: &mut Ranked<Curious>, cluster: &mut Cluster) {
    let plan = policy.schedule(1.0, &cluster.changes());
    cluster.carry_out(1.0, &plan);
}

#[test]
fn fixed_ranks_are_asked_for_once_and_when_a_job_changes() {
    let mut policy = configured(&[("ranker.ranks", "fixed")]);
    let mut cluster = full(&mut policy);
    for id in [2, 3, 4] {
        cluster.set_job(JobRow::queued(id, id, 10.0));
    }
    assert_eq!(asked_in(|| pass(&mut policy, &mut cluster)), [[2, 3, 4]]);
    assert!(asked_in(|| pass(&mut policy, &mut cluster)).is_empty());
    cluster.set_job(JobRow::queued(5, 2, 10.0));
    cluster.set_job(JobRow::queued(3, 1, 10.0));
    cluster.end(2);
    assert_eq!(asked_in(|| pass(&mut policy, &mut cluster)), [[3, 5]]);
    cluster.end(1);
    assert!(asked_in(|| pass(&mut policy, &mut cluster)).is_empty());
    let runs = |id: u32| cluster.jobs()[&id].state == policy::JOB_RUNNING;
    assert!(runs(3) && runs(5) && !runs(4), "the smallest first");
}

#[test]
fn ranks_that_change_are_asked_for_in_each_pass() {
    let mut policy = configured(&[]);
    let mut cluster = full(&mut policy);
    for id in [2, 3] {
        cluster.set_job(JobRow::queued(id, 1, 10.0));
    }
    for _ in 0..3 {
        assert_eq!(asked_in(|| pass(&mut policy, &mut cluster)), [[2, 3]]);
    }
    cluster.end(2);
    cluster.end(3);
    assert!(asked_in(|| pass(&mut policy, &mut cluster)).is_empty());
}

fn push_text(changes: &mut Changes, name: &str, entries: &[&str]) {
    let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
    changes.columns.push(policy::Column {
        name: name.to_owned(),
        values: policy::ColumnValues::Texts(entries),
    });
}

fn push_numbers(changes: &mut Changes, name: &str, entries: &[f64]) {
    changes.columns.push(policy::Column {
        name: name.to_owned(),
        values: policy::ColumnValues::Numbers(entries.to_vec()),
    });
}

#[test]
fn it_is_told_the_columns_that_it_asked_for() {
    let columns = "job.owner,account.used,account.owner,cluster.cores,cluster.nodes";
    let given = [("ranker.columns", columns)].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let mut policy = Ranked::<Curious>::default();
    let traits = policy.configure(&given).unwrap();
    let asks = traits.iter().find(|(name, _)| name == "columns");
    // Accounts are known by both of their names; the cluster is what this policy sees itself.
    assert_eq!(
        asks.map(|(_, names)| names.as_str()),
        Some("job.owner,account.used,account.owner,account.project")
    );

    let mut cluster = Cluster::new(&[4, 8]);
    for id in [1, 2, 3] {
        cluster.set_job(JobRow::queued(id, 13, 10.0));
    }
    let mut changes = cluster.changes();
    push_text(&mut changes, "job.owner", &["ann", "bob", "cid"]);
    push_text(&mut changes, "account.project", &["z", "a"]);
    push_text(&mut changes, "account.owner", &["ann", "bob"]);
    push_numbers(&mut changes, "account.used", &[7.0, 8.0]);
    policy.schedule(0.0, &changes);
    let told = COLUMNS.take();
    assert_eq!(texts(&told, "job.owner").unwrap(), ["ann", "bob", "cid"]);
    // In an order of their own, whenever they were sent.
    assert_eq!(texts(&told, "account.owner").unwrap(), ["bob", "ann"]);
    assert_eq!(numbers(&told, "account.used").unwrap(), [8.0, 7.0]);
    assert_eq!(numbers(&told, "cluster.cores").unwrap(), [12.0]);
    assert_eq!(numbers(&told, "cluster.nodes").unwrap(), [2.0]);
    assert_eq!(told.len(), 5);

    // One job less, one more in its place; one account that has used more, and a new one.
    cluster.end(2);
    cluster.set_job(JobRow::queued(4, 13, 10.0));
    let mut changes = cluster.changes();
    push_text(&mut changes, "job.owner", &["dan"]);
    push_text(&mut changes, "account.project", &["z", "b"]);
    push_text(&mut changes, "account.owner", &["ann", "dan"]);
    push_numbers(&mut changes, "account.used", &[9.0, 1.0]);
    policy.schedule(0.0, &changes);
    let told = COLUMNS.take();
    assert_eq!(texts(&told, "job.owner").unwrap(), ["ann", "cid", "dan"]);
    assert_eq!(
        texts(&told, "account.owner").unwrap(),
        ["bob", "dan", "ann"]
    );
    assert_eq!(numbers(&told, "account.used").unwrap(), [8.0, 1.0, 9.0]);
}

#[test]
fn it_gets_its_settings_and_the_parameters_that_it_follows() {
    let mut policy = Ranked::<Curious>::default();
    let given = [("ranker.follows", "Half,BackfillLookahead"), ("Half", "7d")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let traits = policy.configure(&given).unwrap();
    let follows = traits.iter().find(|(name, _)| name == "follows");
    let (_, follows) = follows.unwrap();
    assert!(follows.starts_with("PreemptionType,"), "{follows}");
    assert!(follows.ends_with("BackfillLookahead,Half"), "{follows}");
    let error = policy.configure(&given[1..]).unwrap_err();
    assert!(error.starts_with("unknown setting `Half`"), "{error}");
    let of_nodes = [("ranker.columns".to_owned(), "node.name".to_owned())];
    let error = policy.configure(&of_nodes).unwrap_err();
    assert!(
        error.starts_with("the ranker asks for the column `node.name`"),
        "{error}"
    );
}

/// Answers nothing, whatever it is asked.
#[derive(Debug, Default)]
struct Silent;

impl Ranker for Silent {
    fn configure(&mut self, _: &[(String, String)]) -> Result<Traits, String> {
        Ok(Traits::new())
    }

    fn rank(&mut self, _: Instant, _: &[Candidate], _: &[Column]) -> Vec<f64> {
        Vec::new()
    }
}

#[test]
#[should_panic(expected = "the ranker must answer one rank for each job")]
fn an_answer_of_another_length_is_a_fault() {
    let mut policy: Ranked<Silent> = configured(&[]);
    let mut cluster = Cluster::new(&[4]);
    cluster.set_job(JobRow::queued(1, 1, 10.0));
    policy.schedule(0.0, &cluster.changes());
}
