//! Seeded runs of random commands. After each step every invariant holds, a refusal has changed nothing, replay gives the
//! state, the same step gives the same events, and a policy's mirror is what a new one would be. In the end every job ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Columns, Command, Decision, Ending, Event, Fact, FromNode, Job, JobId, JobState, Manner,
    Mirror, NodeSpec, NodeState, Parameters, PreemptionType, Refusal, Rejection, SetId, Span,
    State, TaskKind, Timestamp, step, waiting,
};
use strum::VariantNames;

use crate::filters;
use crate::mirror::Known;
use crate::numbers::Numbers;
use crate::{anything, fuzz};
use crate::{proposals, random};

const SEEDS: u64 = 800;
const STEPS: u32 = 300;
/// Commands shown when a run fails.
const SHOWN: usize = 12;

struct World {
    state: State,
    now: Timestamp,
    /// Built from the events alone.
    replay: State,
    mirror: Mirror,
    known: Known,
    /// An instance that asks for columns, and changes its mind.
    asking: Asking,
    last: VecDeque<String>,
    steps: u32,
    refused: u32,
    /// Why jobs waited, by code.
    reasons: BTreeMap<u32, u32>,
    /// What has left the live state.
    history: BTreeMap<JobId, Arc<Job>>,
    /// How often each kind of event, command and refusal was seen.
    seen: Seen,
}

/// What an instance may ask for, one after the other.
const ASKED: [&str; 4] = [
    "account.owner,account.project,account.used,account.at,account.cores,job.owner",
    "job.owner,job.project,job.pool,job.requeues,job.custom.site,node.name,node.groups,account.owner,account.project,account.cores,account.used",
    "",
    "job.pool,node.groups",
];

/// An instance that asks for columns: its mirror, and what it was told.
#[derive(Default)]
struct Asking {
    mirror: Mirror,
    known: Known,
    columns: Columns,
    passes: usize,
    /// The most that it knew, see `Known::asked_len`.
    most: [usize; 3],
}

impl Asking {
    fn look(&mut self, state: &State) {
        if self.passes.is_multiple_of(8) {
            let columns = ASKED[self.passes / 8 % ASKED.len()];
            self.columns = Columns::parse(columns).expect("known columns");
            self.mirror.wants(self.columns.clone());
            self.known.asks_anew();
        }
        self.passes += 1;
        // Now and then it is another instance.
        if self.passes.is_multiple_of(50) {
            self.mirror.forget();
            self.known = Known::default();
        }
        self.known.apply(&self.mirror.take(state));
        self.known.check(state, &self.columns);
        assert!(!self.mirror.has_changes());
        let known = self.known.asked_len();
        (self.most.iter_mut().zip(known)).for_each(|(most, now)| *most = now.max(*most));
    }
}

/// How often each kind was seen.
#[derive(Default)]
struct Seen {
    facts: BTreeMap<&'static str, u32>,
    accepted: BTreeMap<&'static str, u32>,
    rejections: BTreeMap<&'static str, u32>,
    refusals: BTreeMap<&'static str, u32>,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        let pairs = [
            (&mut self.facts, other.facts),
            (&mut self.accepted, other.accepted),
            (&mut self.rejections, other.rejections),
            (&mut self.refusals, other.refusals),
        ];
        for (all, more) in pairs {
            for (name, count) in more {
                *all.entry(name).or_default() += count;
            }
        }
    }
}

impl World {
    fn new() -> Self {
        World {
            state: State::new(),
            now: Timestamp(1),
            replay: State::new(),
            mirror: Mirror::new(),
            known: Known::default(),
            asking: Asking::default(),
            last: VecDeque::new(),
            steps: 0,
            refused: 0,
            reasons: BTreeMap::new(),
            history: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    fn act(&mut self, command: Command) -> Result<(), Rejection> {
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last
            .push_back(format!("{} us: {command:?}", self.now.0));
        self.steps += 1;
        let before = self.state.clone();
        let mut events = Vec::new();
        let result = step(&mut self.state, &command, self.now, &mut events);
        if let Err(rejection) = &result {
            self.refused += 1;
            *self.seen.rejections.entry(rejection.into()).or_default() += 1;
            if let Rejection::Refused(refusal) = rejection {
                *self.seen.refusals.entry(refusal.into()).or_default() += 1;
            }
            assert!(events.is_empty(), "a refusal has no events");
            assert_eq!(self.state, before, "a refusal changes nothing");
            return result;
        }
        *self.seen.accepted.entry((&command).into()).or_default() += 1;
        self.state.check().unwrap_or_else(|what| panic!("{what}"));
        if !events.is_empty() {
            self.check_shrink(&command);
        }
        for event in &events {
            self.replay.apply(event);
            self.mirror.note(&self.state, event);
            self.asking.mirror.note(&self.state, event);
            *self.seen.facts.entry((&event.fact).into()).or_default() += 1;
            self.keep_history(&event.fact);
        }
        if self.steps.is_multiple_of(4) {
            let mut again = before;
            let mut same: Vec<Event> = Vec::new();
            let _ = step(&mut again, &command, self.now, &mut same);
            assert_eq!(same, events, "the same step gives the same events");
            assert_eq!(self.replay, self.state, "replay gives the state");
        }
        self.check_reasons();
        if self.steps.is_multiple_of(6) {
            self.look();
        }
        Ok(())
    }

    fn keep_history(&mut self, fact: &Fact) {
        if let Fact::JobArchived { job } = fact {
            self.history.insert(job.id, job.clone());
        } else if let Fact::JobRecalled { job } = fact {
            self.history.remove(&job.id);
        } else if let Fact::HistoryPurged { ended_before } = fact {
            let ended = |job: &Job| job.times.ended.is_some_and(|at| at < *ended_before);
            self.history.retain(|_, job| !ended(job));
        }
    }

    /// Every queued job says why it waits, and no other does.
    fn check_reasons(&mut self) {
        for job in self.state.jobs() {
            let why = self.state.why_waiting(job.id);
            let queued = job.state() == JobState::Queued;
            assert_eq!(why.is_some(), queued, "job {}: {why:?}", job.id);
            let Some(why) = why else { continue };
            assert!(!why.text.is_empty(), "job {} says nothing", job.id);
            *self.reasons.entry(why.reason).or_default() += 1;
            // What the policy says is its own; what the kernel says holds.
            if job.waiting.is_some() && !job.is_held() && job.open_parents().is_empty() {
                continue;
            }
            let held = job.is_held();
            let holds = match why.reason {
                waiting::HELD_BY_USER
                | waiting::HELD_BY_ADMIN
                | waiting::HELD_BY_ACTIVATION_FILTER => held,
                waiting::ACTIVATION_FILTER => {
                    let blocks = |other: &Job| other.activation.as_ref().is_some_and(|a| a.blocks);
                    !held && (job.activation.is_some() || self.state.queue().any(blocks))
                }
                waiting::PARENT_JOBS_NOT_FINISHED | waiting::PARENT_JOBS_CANCELED_OR_FAILED => {
                    !held && !job.open_parents().is_empty()
                }
                waiting::REQUIRED_NODES_NOT_AVAILABLE
                | waiting::NOT_ENOUGH_RESOURCE
                | waiting::NO_RESOURCE_IN_NODE_GROUP => {
                    // Dear to find out: not each time.
                    let asked = self.steps.is_multiple_of(5);
                    let fits = asked && proposals::start(&self.state, job.id).is_some();
                    !held && !fits
                }
                waiting::NONE | waiting::JOB_SUBMITTED_EARLIER | waiting::HIGHER_PRIORITY_JOB => {
                    !held && job.open_parents().is_empty()
                }
                _ => false,
            };
            assert!(holds, "job {}: {why:?} does not hold", job.id);
        }
    }

    /// A job that was shrunk keeps its minimum.
    fn check_shrink(&self, command: &Command) {
        let Command::Propose(Decision::Shrink { job, shares }) = command else {
            return;
        };
        if let Some(job) = self.state.job(*job).filter(|_| !shares.is_empty()) {
            let units = self.state.units_kept(job);
            assert!(units >= job.min, "{units} units stay of job {}", job.id);
        }
    }

    /// A pass of the policy: it is told what changed. If that is said to be new jobs that do not fit, none of them does.
    fn look(&mut self) {
        // Where a canary has some of the nodes, a job that fits there is nothing for this one.
        let whole = self.state.policies().canary.is_none();
        let idle = whole && self.mirror.only_arrivals_that_do_not_fit(&self.state);
        let open = |job: &&Job| job.activation.as_ref().is_none_or(|a| a.is_open());
        let queued = || self.state.queue().filter(|job| !job.is_held()).filter(open);
        let told = |id| self.known.has_job(id);
        let fits = |id| proposals::start(&self.state, id).is_some();
        let mut new = queued().map(|job| job.id).filter(|&id| !told(id));
        assert!(!idle || !new.any(fits), "a new job could be started");
        drop(new);
        let changes = self.mirror.take(&self.state);
        self.known.apply(&changes);
        self.known.check(&self.state, &Columns::default());
        assert_eq!(
            self.known.asked_len(),
            [0; 3],
            "nothing that was not asked for"
        );
        assert!(!self.mirror.has_changes());
        self.asking.look(&self.state);
    }

    fn end(&mut self, execution: jobyard_kernel::Execution) {
        let stopped = self
            .state
            .run(execution)
            .is_some_and(|(_, _, run)| run.stop.is_some());
        let ending = match stopped {
            true => Ending::Stopped { code: None },
            false => Ending::Exited { code: 0 },
        };
        self.act(Command::Report(FromNode::Ended {
            execution,
            ending,
            output_tail: String::new(),
        }))
        .expect("a current attempt ends");
    }

    /// Its work never ends by itself.
    fn serves(&self, job: JobId) -> bool {
        let job = self.state.job(job);
        job.is_some_and(|job| job.tasks.iter().any(|t| t.spec.kind == TaskKind::Service))
    }

    /// It waits for a job that does not go on by itself; or nothing runs, and still there is no room for it, since it is choosy
    /// about nodes, which are in other groups by now.
    fn waits_in_vain(&self, job: JobId) -> bool {
        let parents = self.state.job(job).map(|job| job.open_parents());
        let stands = |parent: &JobId| {
            let state = self.state.job(*parent).map(|parent| parent.state());
            state.is_none_or(|state| state.is_ended() || state == JobState::Configuring)
        };
        if let Some(parents) = parents.filter(|parents| !parents.is_empty()) {
            return parents.iter().any(stands);
        }
        let idle = self.state.nodes().all(|node| node.jobs.is_empty());
        let choosy = |job: &Job| (job.candidates, job.required) != (SetId(0), SetId(0));
        idle && self.state.job(job).is_some_and(choosy)
    }

    /// With honest nodes, a policy that starts what fits, and no more orders, every job comes to its end.
    fn drive_to_the_end(&mut self) {
        let _ = self.act(Command::SetParameters(Parameters {
            ttl_completed_jobs: Span::from_secs(1_000_000),
            ..Parameters::default()
        }));
        // Nodes that can do all that a job could ask for, but for wishes about nodes.
        for number in 10..14 {
            let (gpus, sockets) = (40, 10);
            let spec = random::node(number, 40);
            let _ = self.act(Command::AddNode(NodeSpec {
                gpus,
                sockets,
                ..spec
            }));
        }
        for node in self.state.nodes().map(|n| n.id).collect::<Vec<_>>() {
            let (by, state) = (Actor::administrator("root"), NodeState::Online);
            let _ = self.act(Command::SetNodeState { by, node, state });
            let reachable = true;
            let _ = self.act(Command::SetNodeReachable { node, reachable });
        }
        // What filters keep waiting is proposed again.
        let (queued, until) = (self.state.queue(), Some(self.now + Span::from_secs(1)));
        let kept: Vec<JobId> = queued
            .filter(|job| job.activation.is_some())
            .map(|job| job.id)
            .collect();
        for job in kept {
            let by = Actor::administrator("root");
            let _ = self.act(Command::HoldJob { by, job, until });
        }
        for _ in 0..10_000 {
            let open: Vec<_> = self
                .state
                .questions()
                .map(|(n, _, kind)| (n, kind))
                .collect();
            for (question, kind) in open {
                let answer = filters::yes_to(kind);
                let _ = self.act(Command::FilterAnswer { question, answer });
            }
            let live: Vec<_> = self
                .state
                .jobs()
                .filter(|job| !job.state().is_ended() && job.state() != JobState::Configuring)
                .map(|job| (job.id, job.state(), job.counts, job.is_held()))
                .collect();
            if live.is_empty() {
                break;
            }
            for (job, state, counts, held) in live {
                let by = Actor::administrator("root");
                if held {
                    let until = None;
                    let _ = self.act(Command::HoldJob { by, job, until });
                } else if state == JobState::Running
                    && ((counts.running == 0 && (counts.queued == 0 || counts.configuring > 0))
                        || self.serves(job))
                {
                    let message = "enough".into();
                    let _ = self.act(Command::FinishJob {
                        by,
                        job,
                        message,
                        graceful: false,
                    });
                } else if state == JobState::Queued
                    && let Some(start) = proposals::start(&self.state, job)
                {
                    self.act(Command::Propose(start)).expect("it fits");
                } else if state == JobState::Queued && self.waits_in_vain(job) {
                    let message = "its nodes are gone".into();
                    let _ = self.act(Command::CancelJob {
                        by,
                        job,
                        message,
                        how: Manner::Normal,
                    });
                }
            }
            for execution in anything::runs(&self.state) {
                if self.state.run(execution).is_some() {
                    self.end(execution);
                }
            }
        }
        let open: Vec<_> = self
            .state
            .jobs()
            .filter(|job| !job.state().is_ended() && job.state() != JobState::Configuring)
            .collect();
        assert!(open.is_empty(), "these never end: {open:#?}");
        assert_eq!(self.state.owed().count(), 0, "nothing is owed");
        assert_eq!(self.state.questions().count(), 0, "nothing is asked");
        for node in self.state.nodes() {
            assert_eq!(
                node.free.len(),
                node.spec.cores,
                "cores of {}",
                node.spec.name
            );
            assert!(node.jobs.is_empty() && node.exclusive.is_none());
        }
        assert_eq!(self.state.sets().count(), 0, "no candidate set is left");
        assert_eq!(self.replay, self.state, "replay gives the state");
    }
}

fn run(seed: u64, world: &mut World) {
    let mut n = Numbers::new(seed);
    let _ = world.act(Command::SetParameters(Parameters {
        ttl_completed_jobs: Span::from_secs(60),
        preemption: PreemptionType::Immediate,
        fair_share_half_life: Span::from_secs(2),
        ..Parameters::default()
    }));
    for number in 1..=3 {
        let _ = world.act(Command::AddNode(random::node(number, 2 + n.below(5))));
    }
    for _ in 0..STEPS {
        let command = anything::command(&world.state, &world.history, world.now, &mut n);
        let again = n.once_in(10).then(|| command.clone());
        let _ = world.act(command);
        // Sent twice, as networks do.
        if let Some(command) = again {
            let _ = world.act(command);
        }
        world.now = world.now + Span::from_millis(u64::from(n.below(700)));
    }
    world.drive_to_the_end();
}

/// What no run comes to, and why.
const UNREACHED: &[(&str, &str)] = &[
    (
        "NoIdsLeft",
        "that takes 2^32 jobs; `decide` has a test of it",
    ),
    (
        "OtherPart",
        "of plans, not of single proposals; `policies.rs` has tests of it",
    ),
];

#[test]
fn random_commands_keep_every_promise() {
    let mut seen = Seen::default();
    let mut reasons: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut steps, mut refused) = (0, 0);
    let mut asked = [0; 3];
    for seed in 0..SEEDS * u64::from(fuzz::times()) {
        let mut world = World::new();
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &mut world)));
        if let Err(panic) = outcome {
            let shown = world.last.iter().fold(String::new(), |s, c| s + "\n  " + c);
            eprintln!("seed {seed}, after {} steps:{shown}", world.steps);
            std::panic::resume_unwind(panic);
        }
        steps += world.steps;
        refused += world.refused;
        (asked.iter_mut().zip(world.asking.most)).for_each(|(all, most)| *all += most);
        seen.add(world.seen);
        for (code, count) in world.reasons {
            *reasons.entry(code).or_default() += count;
        }
    }
    // The runs are worth something only if they reach everything.
    let all = [
        ("events", Fact::VARIANTS, &seen.facts, 5),
        ("commands", Command::VARIANTS, &seen.accepted, 5),
        ("refusals", Rejection::VARIANTS, &seen.rejections, 1),
        ("refused proposals", Refusal::VARIANTS, &seen.refusals, 1),
    ];
    let mut missing = Vec::new();
    for (what, names, counts, least) in all {
        for name in names {
            let count = counts.get(name).copied().unwrap_or_default();
            if count < least && !UNREACHED.iter().any(|(known, _)| known == name) {
                missing.push(format!("{what}: {name}: {count} times"));
            }
        }
    }
    assert!(missing.is_empty(), "hardly or never: {missing:#?}");
    let enough = asked.iter().all(|count| *count as u64 > SEEDS / 10);
    assert!(
        enough,
        "told of what was asked, and of what was forgotten: {asked:?}"
    );
    for code in [
        waiting::NONE,
        waiting::NOT_ENOUGH_RESOURCE,
        waiting::HIGHER_PRIORITY_JOB,
        waiting::JOB_SUBMITTED_EARLIER,
        waiting::REQUIRED_NODES_NOT_AVAILABLE,
        waiting::HELD_BY_ADMIN,
        waiting::HELD_BY_USER,
        waiting::PARENT_JOBS_CANCELED_OR_FAILED,
        waiting::PARENT_JOBS_NOT_FINISHED,
        waiting::NO_RESOURCE_IN_NODE_GROUP,
    ] {
        let count = reasons.get(&code).copied().unwrap_or_default();
        assert!(
            count >= 20,
            "reason {code} was given {count} times: {reasons:?}"
        );
    }
    assert!(
        refused < steps / 3 * 2,
        "{refused} of {steps} commands were refused"
    );
}
