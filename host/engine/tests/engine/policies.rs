//! The life of a policy: in force, gone back from, guarded, shadowed, tried on some nodes; and the proof of what it decided.

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jobyard::conform::Options as CheckOptions;
use jobyard::journal::sqlite::Reader;
use jobyard::journal::{Journal, SqliteJournal};
use jobyard::kernel::{ActivationCause, Event, Fact, Guard, Part, Span, Timestamp};
use jobyard::plugin::PluginHost;
use jobyard::policies::{Bound, VerifyError, VerifyReport, verify_passes};
use jobyard::sim::Window;
use jobyard::sim::forecast::Expected;
use jobyard::{Actor, Engine, EngineError, JobSpec, builtin};

use crate::wat::Policy;
use crate::{ends, named, node, task};

static ROOT: LazyLock<Actor> = LazyLock::new(|| Actor::administrator("root"));
static ANN: LazyLock<Actor> = LazyLock::new(|| Actor::user("ann"));

fn sjbf() -> Vec<(String, String)> {
    vec![("order".into(), "sjbf".into())]
}

/// An engine on a data folder with one node of two cores.
async fn engine(folder: &Path) -> Engine {
    let built = Engine::builder()
        .data(folder.join("data"))
        .node(node(folder, 2))
        .build();
    built.await.unwrap()
}

async fn load(engine: &Engine, name: &str, component: &[u8]) -> String {
    let loaded = engine.load_policy(&ROOT, name, component.to_vec(), None);
    loaded.await.unwrap().digest
}

async fn runs_a_job(engine: &Engine) {
    let job = engine.submit(&ANN, named("a"), vec![task("true")]);
    ends(engine, job.await.unwrap(), "Finished").await;
}

/// Looks until it is so, for half a minute.
async fn until(engine: &Engine, what: &str, is: impl Fn(&jobyard::policies::PolicyList) -> bool) {
    for _ in 0..3_000 {
        let list = engine.policies().await.unwrap();
        if is(&list) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {what}: {:?}", engine.policies().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_force_and_why_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = engine(folder.path()).await;
    let fifo = load(&first, "strict", builtin::POLICY_FIFO.bytes).await;
    let number = first.activate_policy(&ROOT, "strict", Vec::new(), "quiet week", None);
    assert_eq!(number.await.unwrap(), 2, "the first was the built-in one");
    runs_a_job(&first).await;
    first.shutdown(Duration::from_secs(5)).await;

    let second = engine(folder.path()).await;
    assert_eq!(second.stats().await.unwrap().policy, "strict");
    let list = second.policies().await.unwrap();
    let active = list.active.unwrap();
    let is = (active.number, active.name.as_str(), active.why.as_str());
    assert_eq!(is, (2, "strict", "quiet week"));
    assert_eq!((active.by.as_str(), active.digest), ("root", fifo));
    runs_a_job(&second).await;

    let back = second
        .roll_back_policy(&ROOT, None, "enough")
        .await
        .unwrap();
    assert_eq!(back, 3);
    let list = second.policies().await.unwrap();
    assert_eq!(list.active.unwrap().cause, "rolled back to 1");
    let causes: Vec<_> = list.history.iter().map(|a| a.cause.as_str()).collect();
    assert_eq!(causes, ["rolled back to 1", "chosen", "started"]);
    runs_a_job(&second).await;
    second.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_good_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let why = |result: Result<u32, EngineError>| result.unwrap_err().to_string();
    let activate = |by: Actor, policy: &'static str, settings| {
        let engine = engine.clone();
        async move {
            engine
                .activate_policy(&by, policy, settings, "", None)
                .await
        }
    };
    let no = why(activate(ROOT.clone(), "nobody", Vec::new()).await);
    assert_eq!(no, "there is no policy nobody: load it first");
    let no = why(activate(ANN.clone(), "policy-backfill", Vec::new()).await);
    assert!(no.contains("ann may not put a policy in force"), "{no}");
    let bad = vec![("order".to_string(), "lifo".to_string())];
    let no = why(activate(ROOT.clone(), "policy-backfill", bad).await);
    assert!(no.contains("lifo") && no.contains("sjbf"), "{no}");
    let bytes = builtin::POLICY_FIFO.bytes.to_vec();
    let no = engine
        .load_policy(&ANN, "mine", bytes, None)
        .await
        .unwrap_err();
    assert!(no.to_string().contains("ann may not load policies"), "{no}");
    let no = why(engine.roll_back_policy(&ROOT, None, "").await);
    assert_eq!(no, "there is no activation 0 to go back to");
    let list = engine.policies().await.unwrap();
    assert_eq!((list.history.len(), list.policies.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_puts_the_one_before_back() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    // Good in its first pass, which is all that a dry run sees.
    let later = Policy {
        extra: "(global $calls (mut i32) (i32.const 0))".into(),
        schedule: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                   (if (i32.gt_u (global.get $calls) (i32.const 1)) (then unreachable))
                   i32.const 0"
            .into(),
        ..Policy::default()
    };
    load(&engine, "later", &later.build()).await;
    let guard = Guard {
        window: Span::from_secs(600),
        faults_max: Some(0),
        ..Guard::default()
    };
    let activated = engine.activate_policy(&ROOT, "later", Vec::new(), "try", Some(guard));
    assert_eq!(activated.await.unwrap(), 2);
    let job = engine.submit(&ANN, named("a"), vec![task("true")]);
    let job = job.await.unwrap();
    until(&engine, "put back", |list| {
        list.active
            .as_ref()
            .is_some_and(|active| active.number == 3)
    })
    .await;
    let active = engine.policies().await.unwrap().active.unwrap();
    assert_eq!(active.cause, "guarded, back to 1");
    assert_eq!(active.why, "1 faults, 0 are allowed");
    ends(&engine, job, "Finished").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_is_asked_and_not_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    // It would start everything on no cores at all.
    load(&engine, "lazy", &Policy::default().build()).await;
    let shadowed = engine.shadow_policy(&ROOT, "lazy", Vec::new(), "");
    shadowed.await.unwrap();
    // It may be late at some of them, where it is not compared.
    let compared = || engine.shadow_report().totals.later >= 1;
    for _ in 0..3_000 {
        if compared() {
            break;
        }
        runs_a_job(&engine).await;
    }
    let report = engine.shadow_report();
    assert_eq!(report.totals.shadow_placements, 0, "{report:?}");
    assert!(report.totals.later >= 1, "{report:?}");
    assert!(report.passes.iter().all(|pass| pass.only_shadow.is_empty()));
    assert!(
        report
            .jobs
            .iter()
            .all(|job| job.active.is_some() && job.shadow.is_none())
    );

    // The same policy agrees with itself.
    let same = engine.shadow_policy(&ROOT, "policy-backfill", Vec::new(), "");
    same.await.unwrap();
    for _ in 0..3 {
        runs_a_job(&engine).await;
    }
    let report = engine.shadow_report();
    assert_eq!(report.totals.passes, report.totals.same, "{report:?}");
    assert!(report.passes.is_empty() && report.totals.faults == 0);
    engine.end_shadow(&ROOT, "").await.unwrap();
    assert!(engine.policies().await.unwrap().shadow.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_that_fails_ends_and_nobody_notices() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let later = Policy {
        extra: "(global $calls (mut i32) (i32.const 0))".into(),
        schedule: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                   (if (i32.gt_u (global.get $calls) (i32.const 1)) (then unreachable))
                   i32.const 0"
            .into(),
        ..Policy::default()
    };
    load(&engine, "later", &later.build()).await;
    let canary = engine.canary_policy(&ROOT, "later", Vec::new(), Part::Percent(50), "");
    canary.await.unwrap();
    assert!(engine.policies().await.unwrap().canary.is_some());
    // The one node is nobody's: half of one is none.
    for _ in 0..8 {
        runs_a_job(&engine).await;
    }
    assert_eq!(engine.stats().await.unwrap().policy_faults, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_decides_for_its_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Engine::builder();
    for (name, group) in [("n1", "old"), ("n2", "new")] {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).unwrap();
        let mut node = node(&place, 1);
        node.spec.name = name.into();
        node.config.name = name.into();
        node.spec.groups = vec![group.into()];
        builder = builder.node(node);
    }
    let engine = builder.build().await.unwrap();
    load(&engine, "nothing", &Policy::default().build()).await;
    let part = || Part::Groups(vec!["new".into()]);
    let canary = engine.canary_policy(&ROOT, "nothing", Vec::new(), part(), "");
    canary.await.unwrap();
    let two =
        [named("a"), named("b")].map(|spec| engine.submit(&ANN, spec, vec![task("sleep 30")]));
    let mut jobs = Vec::new();
    for submitted in two {
        jobs.push(submitted.await.unwrap());
    }
    // One runs; the canary, which does nothing, has the other node.
    let states = || async {
        let mut states = Vec::new();
        for &job in &jobs {
            states.push(engine.job(job).await.unwrap().state);
        }
        states
    };
    for _ in 0..3_000 {
        if states().await[0] == "Running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(states().await, ["Running", "Queued"]);
    // One that works starts the other there.
    let backfill = engine.canary_policy(&ROOT, "policy-backfill", Vec::new(), part(), "");
    backfill.await.unwrap();
    for _ in 0..3_000 {
        if states().await[1] == "Running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let view = engine.job(jobs[1]).await.unwrap();
    assert_eq!(
        (view.state.as_str(), view.allocation[0].node.as_str()),
        ("Running", "n2")
    );
    let seen = engine.policies().await.unwrap().canary.unwrap();
    assert_eq!((seen.nodes, seen.cores, seen.free_cores), (1, 1, 0));
    assert_eq!(
        (seen.jobs, seen.watch.faults, seen.watch.refused),
        (1, 0, 0)
    );
    assert!(seen.watch.passes > 0);
    engine.end_canary(&ROOT, "").await.unwrap();
    engine.shutdown(Duration::ZERO).await;
}

fn verify(data: &Path, from: Option<Bound>) -> VerifyReport {
    static HOST: LazyLock<PluginHost> = LazyLock::new(|| {
        // Each component is compiled once for all that is verified here.
        let cache = tempfile::tempdir().unwrap().keep();
        PluginHost::new(Some(cache)).unwrap()
    });
    let stop = AtomicBool::new(false);
    verify_passes(data, &HOST, from, None, &stop).unwrap()
}

/// Writes a journal anew with events changed on the way.
fn forged(data: &Path, to: &Path, mut change: impl FnMut(&mut Event)) {
    let past = Reader::open(data).unwrap();
    let mut forged = SqliteJournal::open(to).unwrap();
    let mut events = past.read(past.oldest(), usize::MAX).unwrap();
    assert_eq!(events.len() as u64, past.last());
    events.iter_mut().for_each(&mut change);
    for event in &events {
        if let Fact::PolicyStored(policy) = &event.fact {
            let bytes = past.component(&policy.digest).unwrap().unwrap();
            forged.keep_component(&policy.digest, &bytes).unwrap();
        }
    }
    forged.append(&events).unwrap();
}

/// Its first pass takes a good second, and it never proposes anything.
fn slow_at_first() -> Vec<u8> {
    let slow = Policy {
        extra: "(global $was_asked (mut i32) (i32.const 0))".into(),
        schedule: "(local $turns i64)
                   (if (i32.eqz (global.get $was_asked)) (then
                     (loop $turn
                       (local.set $turns (i64.add (local.get $turns) (i64.const 1)))
                       (br_if $turn (i64.lt_u (local.get $turns) (i64.const 1500000000))))))
                   (global.set $was_asked (i32.const 1))
                   i32.const 0"
            .into(),
        ..Policy::default()
    };
    slow.build()
}

/// The policy in force goes on deciding while another has its first pass, and the passes of both are proved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_start_while_a_policy_comes_into_force() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let manifest = "name = \"slow\"\nversion = \"1.0.0\"\nworld = \"scheduling-policy\"\n\
                    description = \"slow\"\n[limits]\ndeadline_ms = 60000\n";
    let loaded = engine.load_policy(&ROOT, "slow", slow_at_first(), Some(manifest.into()));
    loaded.await.unwrap();
    let activation = {
        let engine = engine.clone();
        let activate = async move {
            let activated = engine.activate_policy(&ROOT, "slow", Vec::new(), "", None);
            activated.await.unwrap()
        };
        tokio::spawn(activate)
    };
    // By the number of calls it shows that the newcomer has been asked: nothing else happens.
    let passes = |engine: &Engine| {
        let engine = engine.clone();
        async move { engine.stats().await.unwrap().passes }
    };
    let before = passes(&engine).await;
    while passes(&engine).await == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut meanwhile = 0;
    while !activation.is_finished() {
        let job = engine.submit(&ANN, named("a"), vec![task("true")]).await;
        let job = job.unwrap();
        tokio::select! {
            _ = ends(&engine, job, "Finished") => meanwhile += 1,
            () = until(&engine, "in force", |list| list.active.as_ref().unwrap().number == 2) => {}
        }
    }
    assert_eq!(activation.await.unwrap(), 2);
    assert!(meanwhile > 3, "{meanwhile} jobs");
    // It decides now: nothing starts any more, until the one before is back.
    let job = engine.submit(&ANN, named("b"), vec![task("true")]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let job = job.unwrap();
    assert_eq!(engine.job(job).await.unwrap().state, "Queued");
    engine.roll_back_policy(&ROOT, None, "").await.unwrap();
    ends(&engine, job, "Finished").await;
    engine.shutdown(Duration::from_secs(5)).await;

    let report = verify(&folder.path().join("data"), None);
    assert!(report.skipped.is_empty(), "{report:?}");
    assert_eq!(report.mismatches, [], "{report:?}");
    assert!(report.same > 3, "{report:?}");
}

/// Nothing else happens that would wake the engine: its own alarms are far between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_swaps_hears_at_once_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    load(&engine, "good", &Policy::default().build()).await;
    load(&engine, "bad", &Policy::doing("unreachable").build()).await;
    let swapped = async |policy| {
        // Passes of which nothing came are noted by now.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let activated = engine.activate_policy(&ROOT, policy, Vec::new(), "", None);
        tokio::time::timeout(Duration::from_secs(10), activated).await
    };
    let bad = swapped("bad").await.expect("an answer").unwrap_err();
    assert!(bad.to_string().contains("its first pass failed"), "{bad}");
    assert_eq!(swapped("good").await.expect("an answer").unwrap(), 2);
    engine.shutdown(Duration::from_secs(5)).await;
}

/// What decided what can be proved from the journal, across swaps and restarts; and a forged decision is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_are_proved_and_one_byte_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for round in 0..2 {
        let engine = engine(folder.path()).await;
        let mut jobs = Vec::new();
        for _ in 0..6 {
            let job = engine.submit(&ANN, named("a"), vec![task("true"), task("true")]);
            jobs.push(job.await.unwrap());
        }
        let activated = engine.activate_policy(&ROOT, "policy-backfill", sjbf(), "", None);
        activated.await.unwrap();
        let set = jobyard::kernel::Command::SetParameter {
            by: ROOT.clone(),
            name: "BackfillLookahead".into(),
            value: Some(format!("{}", 10 + round)),
        };
        engine.command(set).await.unwrap();
        for job in jobs {
            ends(&engine, job, "Finished").await;
        }
        let half = engine.canary_policy(&ROOT, "policy-backfill", sjbf(), Part::Percent(50), "");
        half.await.unwrap();
        runs_a_job(&engine).await;
        engine.end_canary(&ROOT, "").await.unwrap();
        engine.shutdown(Duration::from_secs(5)).await;
    }
    let report = verify(&data, None);
    assert!(report.same > 10 && report.skipped.is_empty(), "{report:?}");
    assert_eq!(report.mismatches, [], "{report:?}");
    let (_, last) = report.range.unwrap();
    let later = verify(&data, Some(Bound::Pass(last)));
    assert_eq!((later.same, later.range), (1, Some((last, last))));
    assert!(
        later.mismatches.is_empty() && later.skipped.is_empty(),
        "{later:?}"
    );

    // One bit of what was answered, of what was sent, of who got which core.
    let forge = |name: &str, change: &mut dyn FnMut(&mut Event)| {
        let to = folder.path().join(name);
        forged(&data, &to, change);
        verify(&to, None)
    };
    let mut seen = 0;
    let report = forge("answered", &mut |event| {
        if let Fact::PolicyPassed(record) = &mut event.fact
            && record.proposals > 0
        {
            seen += 1;
            if seen == 3 {
                std::sync::Arc::make_mut(record).answered[7] ^= 1;
            }
        }
    });
    let [found] = &report.mismatches[..] else {
        panic!("{report:?}");
    };
    assert!(found.what.contains("it answered"), "{found:?}");
    let report = forge("sent", &mut |event| {
        if let Fact::PolicyPassed(record) = &mut event.fact
            && record.fresh
        {
            std::sync::Arc::make_mut(record).sent[0] ^= 1;
        }
    });
    assert!(
        report.mismatches[0].what.contains("it was sent"),
        "{report:?}"
    );
    let report = forge("decided", &mut |event| {
        if let Fact::JobStarted { job, grants } = &mut event.fact
            && job.0 == 1
        {
            let other = jobyard::kernel::CoreSet::from(vec![(1, 2)]);
            grants[0].cores = other;
        }
    });
    assert!(
        report.mismatches[0].what.contains("JobStarted"),
        "{report:?}"
    );
    let report = forge("silent", &mut |event| {
        if let Fact::PolicyActivated(activation) = &mut event.fact
            && activation.cause == ActivationCause::Chosen
        {
            let settings = &mut std::sync::Arc::make_mut(activation).setup.settings;
            settings[0].1 = "fcfs".into();
        }
    });
    // The same decisions may come of other settings; then nothing differs, and that is true.
    assert!(report.skipped.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_job_waiting_is_explained_and_what_would_help_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let wants = |cores, minutes: u64| JobSpec {
        min: Some(cores),
        max: Some(cores),
        runtime: Some(Span::from_secs(60 * minutes)),
        ..named("a")
    };
    let holds = engine.submit(&ANN, wants(1, 10), vec![task("sleep 600")]);
    let holds = holds.await.unwrap();
    while engine.job(holds).await.unwrap().state != "Running" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = engine.submit(&ANN, wants(2, 10), vec![task("true")]);
    let before = before.await.unwrap();
    let waits = engine.submit(&ANN, wants(2, 9), vec![task("true")]);
    let waits = waits.await.unwrap();
    while engine.job(waits).await.unwrap().state != "Queued" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let said = engine.explain(waits).await.unwrap();
    assert_eq!((said.job, said.state.as_str()), (waits.0, "Queued"));
    assert_eq!(said.policy.unwrap().name, "backfill");
    let standing = said.standing.unwrap();
    assert_eq!((standing.position, standing.queued), (Some(2), 2));
    assert_eq!((standing.min, standing.free, standing.at_most), (2, 1, 2));
    assert_eq!(standing.ahead[0].job, before.0);
    assert_eq!(
        (standing.holders[0].job, standing.holders[0].cores),
        (holds.0, 1)
    );
    // The first has ten minutes, and so has the one before it.
    let outlook = said.outlook.unwrap();
    let Expected::Starts { at_us, nodes } = &outlook.as_it_is else {
        panic!("{outlook:?}");
    };
    assert_eq!(nodes[0].cores, 2);
    let started = engine.job(holds).await.unwrap().started.unwrap();
    let started = jobyard::jobfile::parse_hold_until(&started).unwrap();
    assert_eq!(Timestamp(*at_us), started + Span::from_secs(1_200));
    // With one core it fits beside the first, and ends before the one before it could start.
    let best = &outlook.variants[0];
    assert!(best.at_us < started.0 + 60_000_000, "{outlook:?}");
    assert!(best.change.contains("1 core instead of 2"), "{outlook:?}");

    let runs = engine.explain(holds).await.unwrap();
    assert_eq!((runs.state.as_str(), runs.standing), ("Running", None));
    let nobody = engine.explain(jobyard::JobId(99)).await;
    assert_eq!(
        nobody.unwrap_err(),
        EngineError::UnknownJob(jobyard::JobId(99))
    );
    engine.shutdown(Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_is_kept_is_checked_and_simulated_on_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    load(&engine, "strict", builtin::POLICY_FIFO.bytes).await;
    for _ in 0..3 {
        runs_a_job(&engine).await;
    }
    let options = CheckOptions {
        seeds: 2,
        ..CheckOptions::default()
    };
    let report = engine.check_policy("strict", Vec::new(), options).await;
    let report = report.unwrap();
    assert_eq!(report.failures().count(), 0);
    let names: Vec<_> = report.results.iter().map(|r| r.name.as_str()).collect();
    assert!(
        names.contains(&"in-queue-order"),
        "its manifest claims fifo: {names:?}"
    );
    let only = || CheckOptions {
        seeds: 2,
        rules: vec!["no-fault".into()],
        ..CheckOptions::default()
    };
    let report = engine.check_policy("backfill", sjbf(), only()).await;
    let report = report.expect("a built-in one need not be kept");
    assert_eq!((report.results.len(), report.failures().count()), (1, 0));
    let unknown = engine.check_policy("nobody", Vec::new(), only()).await;
    assert!(unknown.unwrap_err().to_string().contains("nobody"));
    let (all, other) = tokio::join!(
        engine.verify_policies(None, None),
        engine.check_policy("strict", Vec::new(), only())
    );
    assert!(all.unwrap().same >= 3);
    assert_eq!(other.unwrap_err(), EngineError::Busy);
    let data = folder.path().join("data");
    let stopped = verify_passes(&data, &engine.plugin_host(), None, None, &true.into());
    assert!(
        matches!(stopped, Err(VerifyError::Stopped(0))),
        "{stopped:?}"
    );

    let compared = engine
        .simulate_policy("strict", Vec::new(), Window::default())
        .await
        .unwrap();
    assert_eq!(compared.jobs, 3);
    let names: Vec<_> = compared.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[1], "strict");
    engine.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_has_one_name_and_keeps_the_one_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let names = async |engine: &Engine| {
        let list = engine.policies().await.unwrap();
        let active = list.active.unwrap().name;
        let all = list.policies.into_iter().map(|policy| policy.name);
        (active, all.collect::<Vec<_>>())
    };
    let one = |name: &str| (name.to_string(), vec![name.to_string()]);
    let backfill = builtin::POLICY_BACKFILL;
    // What it is loaded as, and what it is called after the next start.
    for (given, after) in [
        (None, "backfill"),
        // As older versions did it.
        (Some("policy-backfill"), "backfill"),
        (Some("mine"), "mine"),
    ] {
        let engine = engine(folder.path()).await;
        if let Some(name) = given {
            load(&engine, name, backfill.bytes).await;
        }
        engine.shutdown(Duration::ZERO).await;
        let engine = self::engine(folder.path()).await;
        assert_eq!(names(&engine).await, one(after), "{given:?}");
        let full = engine.stored_policy("policy-backfill").await;
        assert_eq!(full.is_ok(), after == "backfill");
        assert_eq!(engine.stored_policy(after).await.unwrap().name, after);
        engine.shutdown(Duration::ZERO).await;
    }
}
