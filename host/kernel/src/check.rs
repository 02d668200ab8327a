//! The invariants of the state, checked from scratch. For tests and simulations, after each step; nothing else calls it.

use std::collections::{BTreeMap, BTreeSet};

use crate::depend::relink;
use crate::few::FewSet;
use crate::filter::Stage;
use crate::needs::Spare;
use crate::{
    CoreSet, Counts, Grant, Job, JobKind, NodeId, Outcome, Phase, QueueKey, Selector, SetId,
    SharePhase, State, TaskKind, Then, Unit,
};

type Check = Result<(), String>;

impl State {
    /// Every invariant of the state that can be checked at one moment; the first that does not hold, in words.
    ///
    /// Costs as much as the state is large: for tests and simulations, after each step.
    pub fn check(&self) -> Result<(), String> {
        same("what nodes owe", &self.owed, &self.derive_owed())?;
        same("timers", &self.timers, &self.derive_timers())?;
        let queued = self.jobs.values().filter(|j| j.phase == Phase::Queued);
        same(
            "the queue",
            &self.queue,
            &queued.map(QueueKey::of).collect(),
        )?;
        same("children", &self.children, &self.derive_children())?;
        let reserved = self.jobs.values().filter(|j| j.reservation.is_some());
        same(
            "jobs with a reservation",
            &self.reserved,
            &reserved.map(QueueKey::of).collect(),
        )?;
        self.check_questions()?;
        self.check_sets()?;
        same(
            "the canary's nodes",
            &self.policies.canary_nodes,
            &self.policies.part(&self.nodes),
        )?;
        self.check_nodes()?;
        self.check_accounts()?;
        same("kept answers", &self.answers, &self.answers.derived())?;
        self.jobs.values().try_for_each(|job| {
            self.check_job(job)
                .map_err(|what| format!("job {}: {what}", job.id))
        })
    }

    fn check_questions(&self) -> Check {
        let mut questions = BTreeMap::new();
        let mut blockers = BTreeSet::new();
        for job in self.jobs.values() {
            if let Phase::External(screening) = &job.phase {
                questions.insert(screening.question, job.id);
            }
            if let Some(activation) = &job.activation {
                questions.extend(activation.question().map(|number| (number, job.id)));
                blockers.extend(activation.blocks.then(|| QueueKey::of(job)));
            }
        }
        same("open questions", &self.questions, &questions)?;
        same("jobs that hold the queue", &self.blockers, &blockers)
    }

    fn check_sets(&self) -> Check {
        let mut users: BTreeMap<SetId, u32> = BTreeMap::new();
        let used = |job: &Job| [job.candidates, job.required];
        for set in self.jobs.values().flat_map(used).filter(|&s| s != SetId(0)) {
            *users.entry(set).or_default() += 1;
        }
        let kept = self.sets.iter().map(|(&id, set)| (id, set.users)).collect();
        same("users of candidate sets", &kept, &users)?;
        let by_selector = self
            .sets
            .iter()
            .map(|(&id, set)| (set.selector.clone(), id));
        same("sets by selector", &self.set_of, &by_selector.collect())?;
        for (id, set) in &self.sets {
            let mut again = set.clone();
            ensure(!again.choose(&self.nodes), || {
                format!(
                    "candidate set {id} is {:?}, not {:?}",
                    set.nodes, again.nodes
                )
            })?;
            again.sorted.sort_unstable();
            again.nodes.sort_unstable();
            ensure(
                again.sorted == again.nodes && set.sorted == again.sorted,
                || format!("candidate set {id} is not sorted"),
            )?;
        }
        Ok(())
    }

    fn check_nodes(&self) -> Check {
        for node in self.nodes.values() {
            let (mut cores, mut gpus) = (node.free.clone(), node.free_gpus.clone());
            let mut holders = BTreeSet::new();
            for (job, share) in self
                .jobs
                .values()
                .filter(|job| job.spec.kind == JobKind::Batch)
                .filter_map(|job| Some((job, job.shares.get(&node.id)?)))
            {
                cores.put(&share.cores);
                gpus.put(&share.gpus);
                holders.insert(job.id);
            }
            for job in self.jobs.values() {
                let coming = job.activation.iter().flat_map(|a| a.grants.iter());
                for grant in coming.filter(|grant| grant.node == node.id) {
                    cores.put(&grant.cores);
                    gpus.put(&grant.gpus);
                    holders.insert(job.id);
                }
            }
            let name = &node.spec.name;
            same(
                &format!("cores of node {name}"),
                &cores,
                &CoreSet::first_n(node.spec.cores),
            )?;
            same(
                &format!("GPUs of node {name}"),
                &gpus,
                &CoreSet::first_n(node.spec.gpus),
            )?;
            same(&format!("jobs of node {name}"), &node.jobs, &holders)?;
            let exclusive = holders.iter().find(|id| self.jobs[id].spec.exclusive);
            same(
                &format!("the exclusive job of node {name}"),
                &node.exclusive,
                &exclusive.copied(),
            )?;
            ensure(exclusive.is_none() || holders.len() == 1, || {
                format!("node {name} is exclusive and shared")
            })?;
        }
        Ok(())
    }

    fn check_accounts(&self) -> Check {
        let mut held: BTreeMap<u32, u64> = BTreeMap::new();
        for job in self.jobs.values() {
            let Some(account) = job.account else { continue };
            ensure(!job.shares.is_empty(), || {
                format!(
                    "job {} holds nothing and counts for account {account}",
                    job.id
                )
            })?;
            let found = self.accounts.find(&job.spec.project, &job.spec.owner);
            ensure(found == Some(account), || {
                format!("job {} counts for account {account}, not {found:?}", job.id)
            })?;
            *held.entry(account).or_default() += u64::from(job.cores());
        }
        self.accounts.check(&held)
    }

    fn check_job(&self, job: &Job) -> Check {
        let waits = job.phase == Phase::Queued;
        let parents = waits.then(|| self.unfinished_parents(&job.spec));
        same(
            "parents that it waits for",
            &job.open_parents,
            &parents.unwrap_or_default(),
        )?;
        let chooses = matches!(job.phase, Phase::Queued | Phase::Running);
        let said = chooses && !Selector::is_not_needed(&job.spec);
        let wanted = said.then(|| Selector::of(&job.spec));
        let chosen = self.sets.get(&job.candidates).map(|set| &*set.selector);
        ensure(!chooses || chosen == wanted.as_ref(), || {
            format!("wants nodes by {wanted:?}, its candidates are by {chosen:?}")
        })?;
        ensure(!chooses || self.covers_needs(job), || {
            "its tasks need nodes that it does not ask for".into()
        })?;
        let spare = Spare::of(self, job);
        let gives = |&node: &NodeId| job.spec.unit == Unit::Core && spare.on(node) > 0;
        check_phase(job, job.idle.iter().any(gives))?;
        check_activation(job)?;
        check_tasks(job)?;
        check_shares(job)?;
        for (&node, share) in &job.shares {
            // A node that was excluded leaves when what runs there, or prepares it, has ended.
            let leaves = match share.phase {
                SharePhase::Preparing(_)
                | SharePhase::Closing
                | SharePhase::Releasing(_)
                | SharePhase::Released => true,
                SharePhase::Added | SharePhase::Ready => false,
            };
            // A command job stays on the nodes that it was started on.
            let stays = job.phase != Phase::Running || job.spec.kind == JobKind::Command;
            let leaves = leaves || stays;
            ensure(leaves || self.is_candidate(job, node), || {
                format!("holds node {node}, which is not a candidate")
            })?;
        }
        Ok(())
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, kept: &T, derived: &T) -> Check {
    ensure(kept == derived, || {
        format!("{what}: {kept:?} is kept, {derived:?} follows from the rest")
    })
}

/// What a job has and has not in its phase. `gives`: it has idle cores that it may give back.
fn check_phase(job: &Job, gives: bool) -> Check {
    let runs = job.tasks.iter().any(|t| !t.runs.is_empty());
    let told = |is: bool, what: &str| ensure(is, || format!("is {} and {what}", job.state()));
    match &job.phase {
        Phase::Running | Phase::Ending(_) => {}
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Ended(_) => {
            told(!runs && job.shares.is_empty(), "holds nodes or runs tasks")?;
        }
    }
    match &job.phase {
        Phase::Ended(then) => {
            told(*then != Then::Queued, "ended as queued")?;
            let left = job.counts.configuring + job.counts.queued;
            told(left == 0, "has queued instances")?;
            let sets = (job.candidates, job.required);
            told(sets == (SetId(0), SetId(0)), "keeps its candidates")?;
            let failed = *then == Then::Failed;
            told(!failed || job.error.is_some(), "does not say why")?;
        }
        Phase::Running => {
            told(job.times.started.is_some(), "has not started")?;
            told(!job.fails_now, "should fail now")?;
            told(!job.shares.is_empty(), "holds no node")?;
            told(
                job.giving_back.is_none() || !gives || job.is_draining(),
                "keeps what it is to give back",
            )?;
            told(job.doomed.is_empty(), "has tasks that should fail")?;
            let busy = job.counts.running > 0 || job.is_draining() || job.ready.is_empty();
            told(busy || !job.unsettled.is_empty(), "does nothing for ever")?;
        }
        Phase::Ending(closing) => {
            let stopping = |kind: TaskKind| kind != TaskKind::NodeRelease || !closing.release;
            let told_all = closing.grace.is_none()
                || job
                    .tasks
                    .iter()
                    .filter(|t| stopping(t.spec.kind))
                    .all(|t| t.runs.values().all(|run| run.stop.is_some()));
            told(told_all, "runs what it has not told to end")?;
            told(!job.shares.is_empty(), "has nothing left to wait for")?;
        }
        Phase::Configuring => {
            let sets = (job.candidates, job.required);
            told(sets == (SetId(0), SetId(0)), "keeps its candidates")?;
            told(job.counts.configuring == 0, "has tasks apart")?;
        }
        Phase::Submitted | Phase::Validating => {
            told(false, "waits for validation, which is immediate")?
        }
        Phase::External(screening) => told(
            screening.passed.len() < screening.filters.len(),
            "all its filters have passed it",
        )?,
        Phase::Queued if !job.open_parents.is_empty() => {}
        Phase::Queued => {
            let work = job.counts.queued > 0 || job.spec.run_until_canceled;
            told(work, "has nothing to do")?;
            told(
                !job.fails_now && job.doomed.is_empty(),
                "should have failed",
            )?;
        }
    }
    let validated = job.min >= 1 && job.min <= job.max;
    told(validated || job.min == 0, "has no minimum and maximum")
}

/// What activation filters keep from a job, and for it.
fn check_activation(job: &Job) -> Check {
    let Some(activation) = &job.activation else {
        return Ok(());
    };
    let told = |is: bool, what: &str| ensure(is, || format!("is {} and {what}", job.state()));
    let (queued, running) = (job.phase == Phase::Queued, job.phase == Phase::Running);
    told(queued || running, "is to start or to grow")?;
    told(queued || !activation.blocks, "holds the queue")?;
    let (holds, free) = match activation.stage {
        Stage::Asked { .. } => (true, queued),
        Stage::Kept { .. } => (true, true),
        Stage::Waiting { .. } => (false, queued),
        Stage::Held => (false, false),
    };
    told(
        holds != activation.grants.is_empty(),
        "something is kept for it or nothing is",
    )?;
    told(!free || job.may_start(), "is to start although it is held")?;
    let held = activation.stage == Stage::Held;
    told(
        !held || (queued && job.is_held()),
        "is held by a filter without a hold",
    )
}

/// Counters and indices of tasks.
fn check_tasks(job: &Job) -> Check {
    let mut counts = Counts::default();
    for (index, task) in job.tasks.iter().enumerate() {
        let mut all = task.queued.clone();
        let runs = task.runs.keys().copied();
        let ended = task.outcomes.values().flat_map(|set| set.iter());
        for instance in runs.chain(ended) {
            ensure(all.insert(instance), || {
                format!("instance {instance} of task {} is in two states", index + 1)
            })?;
        }
        if task.outcomes.values().any(crate::RangeSet::is_empty) {
            return Err(format!("task {} has an empty outcome", index + 1));
        }
        let (first, last) = task.spec.kind.instances().unwrap_or((1, task.made));
        same(
            &format!("instances of task {}", index + 1),
            &all,
            &crate::RangeSet::span(first, last),
        )?;
        if !task.spec.kind.is_ordinary() {
            continue;
        }
        ensure(!task.draft || !task.queued.is_empty(), || {
            format!("task {} is configured with nothing to run", index + 1)
        })?;
        match task.draft {
            true => counts.configuring += task.queued.len(),
            false => counts.queued += task.queued.len(),
        }
        counts.running += task.runs.len() as u64;
        for (outcome, set) in &task.outcomes {
            match outcome {
                Outcome::Finished { .. } => counts.finished += set.len(),
                Outcome::Failed { .. } => counts.failed += set.len(),
                Outcome::Canceled { .. } => counts.canceled += set.len(),
            }
        }
    }
    same("counts", &job.counts, &counts)?;
    ensure((counts.failed > 0) == job.first_failure.is_some(), || {
        format!(
            "{} instances failed, the first is {:?}",
            counts.failed, job.first_failure
        )
    })?;
    let mut linked = job.clone();
    relink(&mut linked);
    same("ready tasks", &job.ready, &linked.ready)?;
    same("doomed tasks", &job.doomed, &linked.doomed)?;
    same("groups", &job.groups, &linked.groups)?;
    same(
        "units that could be used",
        &job.open_units,
        &linked.open_units,
    )?;
    for (index, (kept, derived)) in job.tasks.iter().zip(&linked.tasks).enumerate() {
        let of = |task: &crate::Task| (task.waiting_for, task.parent_failed, task.group);
        same(
            &format!("dependencies of task {}", index + 1),
            &of(kept),
            &of(derived),
        )?;
    }
    Ok(())
}

/// Cores, phases and indices of shares.
fn check_shares(job: &Job) -> Check {
    let (mut unsettled, mut idle) = (FewSet::default(), FewSet::default());
    for (&node, share) in &job.shares {
        let (mut used, mut used_gpus) = (share.free.clone(), share.free_gpus.clone());
        let mut node_task = None;
        let mut busy = false;
        for task in &job.tasks {
            for run in task.runs.values() {
                for place in run.places.iter().filter(|place| place.node == node) {
                    used.put(&place.cores);
                    used_gpus.put(&place.gpus);
                    busy = true;
                    if !task.spec.kind.is_ordinary() {
                        node_task = Some(run.attempt);
                    }
                }
            }
        }
        same(&format!("cores of its node {node}"), &used, &share.cores)?;
        same(&format!("GPUs of its node {node}"), &used_gpus, &share.gpus)?;
        let command = job.spec.kind == JobKind::Command;
        ensure(command == share.cores.is_empty(), || {
            format!("holds node {node} without a core")
        })?;
        let is = match share.phase {
            SharePhase::Preparing(e) | SharePhase::Releasing(e) => {
                let run = job.task(e.task).and_then(|t| t.runs.get(&e.instance));
                ensure(run.is_some_and(|r| r.places[0].node == node), || {
                    format!("nothing treats node {node} in {:?}", share.phase)
                })?;
                unsettled.insert(node);
                true
            }
            SharePhase::Ready => {
                if !share.free.is_empty() {
                    idle.insert(node);
                }
                false
            }
            SharePhase::Closing => {
                ensure(busy, || format!("node {node} is idle and not released"))?;
                unsettled.insert(node);
                false
            }
            SharePhase::Added | SharePhase::Released => {
                return Err(format!("node {node} stays in {:?}", share.phase));
            }
        };
        ensure(is == node_task.is_some(), || {
            format!("node {node} in {:?} is treated: {}", share.phase, !is)
        })?;
    }
    same("nodes on the move", &job.unsettled, &unsettled)?;
    same("nodes with idle cores", &job.idle, &idle)?;
    let places = |t: &crate::Task| {
        let held = |place: &Grant| job.shares.contains_key(&place.node);
        t.runs.values().all(|run| run.places.iter().all(held))
    };
    ensure(job.tasks.iter().all(places), || {
        "runs on a node that it does not hold".into()
    })
}
