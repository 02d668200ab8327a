//! What one policy instance has been told, and so what it is to be told next.
//!
//! Not part of the state: each instance (active, shadow, simulated) has its own. Feed it every event after `apply`; a new
//! one, or one after `forget`, tells everything.

mod columns;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ALLOCATION_ENDING, ALLOCATION_RUNNING, AllocationRow, COLUMN_FREE_SOCKETS, COLUMN_LEAST,
    COLUMN_PART_OF, COLUMN_REQUIRED, CandidateSet, Changes, Column, ColumnValues, Columns, Event,
    Fact, JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_CAN_SHRINK, JOB_EXCLUSIVE, JOB_SINGLE_NODE, Job,
    JobId, JobKind, JobRow, NODE_CLOSED, NODE_GONE, NODE_USABLE, Node, NodeId, NodeRow, Phase,
    Seat, SetId, SetRow, Share, State, Unit,
};

/// Follows the events on behalf of one policy instance.
#[derive(Debug, Clone, Default)]
pub struct Mirror {
    /// Whose instance it is: the nodes of another seat's part are told as ones that take no jobs.
    seat: Option<Seat>,
    /// Everything was told once; from then on only changes are.
    told: bool,
    /// Jobs that have changed, and whether only in what they hold.
    jobs: Vec<(JobId, Changed)>,
    nodes: Vec<NodeId>,
    /// Sets that were told, and which version of each.
    sets: BTreeMap<SetId, u32>,
    /// Parts that were told, by what they are part of.
    parts: BTreeMap<SetId, Vec<SetId>>,
    /// How many were ever told: their ids count down from the largest, where sets' own never come.
    last_part: u32,
    /// Whether a job that counts sockets was told: then nodes are told with their free ones.
    sockets: Sockets,
    /// A node came, or is in other groups: sets may be others.
    sets_moved: bool,
    /// Sets that had ever gone when `sets` was last compared with the state's.
    gone_sets: u32,
    /// The cluster's parameters were set, and a policy may follow them.
    parameters_set: bool,
    /// No running job that was ever told has a lower priority; none was told when none.
    lowest_running: Option<u32>,
    /// The least that one of the jobs wants which have just been queued; of use as long as nothing else has changed.
    least_arrival: Option<u64>,
    /// The highest priority that one of those has.
    highest_arrival: u32,
    /// Nodes of which something is withheld for a job until its activation filters have answered, as was told.
    withheld: BTreeMap<JobId, Vec<NodeId>>,
    other: bool,
    /// Columns that the instance asked for, and what of them has been told.
    asked: columns::Asked,
}

/// Whether free sockets are told. Most clusters have nobody who counts in sockets, and then it is not worth counting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sockets {
    /// No: nobody asked for one.
    #[default]
    Untold,
    /// From now on: all nodes have to be told again.
    Due,
    /// With each node.
    Told,
}

/// What of a job an instance has to be told. The more comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Changed {
    Allocation,
    All,
}

impl Mirror {
    /// The mirror of an instance that has been told nothing, and that decides for all nodes but a canary's.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for an instance in any seat.
    pub fn of(seat: Seat) -> Self {
        Mirror {
            seat: Some(seat),
            ..Self::default()
        }
    }

    /// The instance is gone: the next one is told everything, with the columns that this one asked for unless it says otherwise.
    pub fn forget(&mut self) {
        *self = Self {
            seat: self.seat,
            asked: self.asked.again(),
            ..Self::default()
        };
    }

    /// Tells these columns too from now on, in the place of those that were asked for before. An instance that has been told things
    /// already is told all jobs and nodes again with the next changes if they are others.
    pub fn wants(&mut self, columns: Columns) {
        self.asked.ask(columns, self.told);
    }

    /// Whether the instance may place jobs there now.
    fn is_usable(&self, state: &State, node: &Node) -> bool {
        node.takes_jobs() && state.is_in_part(self.seat.unwrap_or(Seat::Active), node.id)
    }

    /// Which nodes are whose may have changed.
    fn parts_moved(&mut self, state: &State) {
        state.nodes().for_each(|node| self.node(node.id));
    }

    /// Takes note of an event that has been applied to `state`.
    pub fn note(&mut self, state: &State, event: &Event) {
        let begins = matches!(event.fact, Fact::ActivationBegun { .. });
        if (begins || !self.withheld.is_empty())
            && let Some(job) = event.fact.job()
        {
            self.note_withheld(state, job, begins);
        }
        match &event.fact {
            Fact::NodeGroupsSet { node, .. } => {
                self.sets_moved = true;
                if self.asked.of_nodes() {
                    self.node(*node);
                }
                if state.policies().canary.is_some() {
                    self.parts_moved(state);
                }
            }
            Fact::CanarySet(_) => self.parts_moved(state),
            Fact::ParametersSet(_) => self.parameters_set = true,
            Fact::JobPreempted { .. }
            | Fact::TemplateSet(_)
            | Fact::TemplateRemoved { .. }
            | Fact::JobAdded { .. }
            | Fact::JobSubmitted { .. }
            | Fact::JobInvalid { .. }
            | Fact::ScreeningBegun { .. }
            | Fact::FilterPassed { .. }
            | Fact::JobRejected { .. }
            | Fact::RevertEnded { .. }
            | Fact::ActivationAsked { .. }
            | Fact::WaitExplained { .. }
            | Fact::Reserved { .. }
            | Fact::WorkStarted { .. }
            | Fact::StopRequested { .. }
            | Fact::TaskRequested { .. }
            | Fact::JobDeleted { .. } => {}
            Fact::JobValidated { job, min, .. } => {
                let least = self.least_arrival.unwrap_or(u64::MAX);
                self.least_arrival = Some(least.min(u64::from(*min)));
                let priority = state.job(*job).map_or(0, |job| job.spec.priority);
                self.highest_arrival = self.highest_arrival.max(priority);
                self.jobs.push((*job, Changed::All));
            }
            Fact::NodeAdded { node, .. } => {
                self.sets_moved = true;
                self.node(*node);
                if state.policies().canary.is_some() {
                    self.parts_moved(state);
                }
            }
            Fact::NodeStateChanged { node, .. } | Fact::NodeReachable { node, .. } => {
                self.node(*node);
            }
            Fact::JobStarted { job, grants } | Fact::JobGrown { job, grants } => {
                self.job(*job, Changed::Allocation);
                grants.iter().for_each(|grant| self.node(grant.node));
            }
            Fact::CoresReturned { job, grant } => {
                self.job(*job, Changed::Allocation);
                self.node(grant.node);
            }
            Fact::SharesFreed { job, nodes } => {
                self.job(*job, Changed::Allocation);
                nodes.iter().for_each(|&node| self.node(node));
            }
            Fact::ShareClosed { job, .. } | Fact::JobEnding { job, .. } => {
                self.job(*job, Changed::Allocation);
            }
            Fact::JobConfigured { job }
            | Fact::HoldSet { job, .. }
            | Fact::InstancesCanceled { job, .. }
            | Fact::InstancesFailed { job, .. }
            | Fact::TaskRequeued { job, .. }
            | Fact::JobEnded { job }
            | Fact::ParentFinished { job, .. }
            | Fact::ActivationBegun { job, .. }
            | Fact::ActivationDeferred { job, .. }
            | Fact::ActivationDue { job }
            | Fact::ActivationDropped { job }
            | Fact::JobModified { job, .. }
            | Fact::MaximumChanged { job, .. }
            | Fact::TasksAdded { job, .. }
            | Fact::TaskSubmitted { job, .. }
            | Fact::TaskConfigured { job, .. }
            | Fact::TaskModified { job, .. }
            | Fact::JobPurged { job } => self.job(*job, Changed::All),
            Fact::PolicyStored(_)
            | Fact::PolicyActivated(_)
            | Fact::ShadowSet(_)
            | Fact::PolicyPassed(_)
            | Fact::PolicyFaulted(_)
            | Fact::AnswerKept(_) => {}
            // Ended before, ended after: policies do not have them.
            Fact::JobArchived { .. } | Fact::JobRecalled { .. } | Fact::HistoryPurged { .. } => {}
            // Only a job's demand can change with its tasks; it matters to those that have less than their maximum.
            Fact::Dispatched { job, .. }
            | Fact::WorkEnded {
                execution: crate::Execution { job, .. },
                ..
            } => {
                if state.job(*job).is_some_and(|j| j.min < j.max) {
                    self.job(*job, Changed::Allocation);
                }
            }
        }
    }

    /// What is withheld for a job is free again by whatever ends the waiting: cancel, hold, start.
    fn note_withheld(&mut self, state: &State, id: JobId, begins: bool) {
        if !begins && !self.withheld.contains_key(&id) {
            return;
        }
        let now = state.job(id).map(withheld).unwrap_or_default();
        let before = self.withheld.remove(&id).unwrap_or_default();
        if now == before {
            self.withheld.insert(id, now);
            return;
        }
        before.iter().chain(&now).for_each(|&node| self.node(node));
        self.job(id, Changed::All);
        if !now.is_empty() {
            self.withheld.insert(id, now);
        }
    }

    fn job(&mut self, job: JobId, changed: Changed) {
        self.jobs.push((job, changed));
        self.other = true;
    }

    fn node(&mut self, node: NodeId) {
        self.nodes.push(node);
        self.other = true;
    }

    /// Whether anything was noted since the last `take`.
    pub fn has_changes(&self) -> bool {
        !self.told
            || self.asked.is_news()
            || self.parameters_set
            || self.sets_moved
            || !self.jobs.is_empty()
            || !self.nodes.is_empty()
    }

    /// How many changes of jobs were noted since the last `take`.
    pub fn untold_jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Whether all that is new are jobs that do not fit into the cores that are free, nor have a higher priority than a running
    /// job: then a policy with the trait `arrivals` = `fitting` need not be asked.
    pub fn only_arrivals_that_do_not_fit(&self, state: &State) -> bool {
        let news = self.parameters_set || self.sets_moved || self.asked.is_news();
        if self.other || news || !self.told {
            return false;
        }
        let Some(mut wanted) = self.least_arrival else {
            return true;
        };
        if (self.lowest_running).is_some_and(|lowest| self.highest_arrival > lowest) {
            return false;
        }
        let mut usable = state.nodes().filter(|node| self.is_usable(state, node));
        !usable.any(|node| {
            wanted = wanted.saturating_sub(u64::from(node.usable_cores()));
            wanted == 0
        })
    }

    /// What the instance does not know yet. Afterwards it is held to know it.
    pub fn take(&mut self, state: &State) -> Changes {
        let mut changes = Changes::default();
        if !self.told {
            self.forget();
            self.told = true;
            self.gone_sets = state.gone_sets();
            for node in state.nodes() {
                self.tell_node(state, node, &mut changes);
            }
            for job in state.jobs() {
                self.tell_job(state, job, Changed::All, &mut changes);
            }
            self.tell_sockets(state, &mut changes);
            self.asked.tell(state, &mut changes);
            return changes;
        }
        self.parameters_set = false;
        if self.asked.must_tell_again(state) {
            self.nodes.extend(state.nodes().map(|node| node.id));
            let visible = state.jobs().filter(|job| is_visible(job));
            self.jobs.extend(visible.map(|job| (job.id, Changed::All)));
        }
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.sort_unstable();
        nodes.dedup();
        changes.nodes.reserve_exact(nodes.len());
        for id in nodes.drain(..) {
            match state.node(id) {
                Some(node) => self.tell_node(state, node, &mut changes),
                None => changes.nodes.push(NodeRow {
                    id,
                    state: NODE_GONE,
                    ..NodeRow::default()
                }),
            }
        }
        self.nodes = nodes;
        let mut jobs = std::mem::take(&mut self.jobs);
        jobs.sort_unstable();
        let mut rest = &jobs[..];
        while let [(id, changed), later @ ..] = rest {
            rest = later;
            // The last of a job says the most.
            if later.first().is_some_and(|(next, _)| next == id) {
                continue;
            }
            match state.job(*id).filter(|job| is_visible(job)) {
                Some(job) => self.tell_job(state, job, *changed, &mut changes),
                None => changes.removed_jobs.push(*id),
            }
        }
        jobs.clear();
        self.jobs = jobs;
        (self.least_arrival, self.highest_arrival) = (None, 0);
        self.other = false;
        let gone_sets = state.gone_sets();
        if std::mem::replace(&mut self.gone_sets, gone_sets) != gone_sets {
            let gone = self
                .sets
                .extract_if(.., |id, _| !state.sets.contains_key(id));
            for (id, _) in gone {
                let parts = self.parts.remove(&id).unwrap_or_default();
                for id in parts.into_iter().chain([id]) {
                    let nodes = Vec::new();
                    push_set(&mut changes, SetRow { id, nodes }, SetId(0), 0);
                }
            }
        }
        self.tell_changed_sets(state, &mut changes);
        self.tell_sockets(state, &mut changes);
        self.asked.tell(state, &mut changes);
        changes
    }

    fn tell_job(&mut self, state: &State, job: &Job, changed: Changed, changes: &mut Changes) {
        if !is_visible(job) {
            return;
        }
        for id in [job.candidates, job.required] {
            if let Some(set) = state.sets.get(&id)
                && self.sets.insert(id, set.version) != Some(set.version)
            {
                self.tell_set(state, id, set, changes);
            }
        }
        if changed == Changed::All || matches!(job.phase, Phase::Queued) {
            if job.spec.unit == Unit::Socket && self.sockets == Sockets::Untold {
                self.sockets = Sockets::Due;
            }
            push_job(changes, job);
        }
        let withheld = withheld(job);
        if !matches!(job.phase, Phase::Queued) || !withheld.is_empty() {
            let lowest = self.lowest_running.unwrap_or(u32::MAX);
            self.lowest_running = Some(lowest.min(job.spec.priority));
            push_allocation(changes, job);
        }
        if !withheld.is_empty() {
            self.withheld.insert(job.id, withheld);
        }
    }

    fn tell_node(&self, state: &State, node: &Node, changes: &mut Changes) {
        push_node(changes, node, self.is_usable(state, node));
    }

    /// Sets follow nodes and groups as those come and change.
    fn tell_changed_sets(&mut self, state: &State, changes: &mut Changes) {
        if !std::mem::take(&mut self.sets_moved) {
            return;
        }
        let moved = |(&id, &told): (&SetId, &u32)| {
            let set = state.sets.get(&id)?;
            // Its parts may be others though all of them together are the same.
            (set.version != told || self.parts.contains_key(&id)).then_some((id, set))
        };
        let moved: Vec<_> = self.sets.iter().filter_map(moved).collect();
        for (id, set) in moved {
            self.sets.insert(id, set.version);
            self.tell_set(state, id, set, changes);
        }
    }

    /// A set, and behind it its parts.
    fn tell_set(&mut self, state: &State, id: SetId, set: &CandidateSet, changes: &mut Changes) {
        let nodes = set.nodes.clone();
        push_set(changes, SetRow { id, nodes }, SetId(0), 0);
        let groups = set.selector.parts().len();
        if groups == 0 {
            return;
        }
        let least = set.selector.least();
        let last = &mut self.last_part;
        let parts = self.parts.entry(id).or_insert_with(|| {
            let first = *last + 1;
            *last += groups as u32;
            (first..=*last).map(|n| SetId(u32::MAX - n)).collect()
        });
        for (at, &part) in parts.iter().enumerate() {
            let nodes = set.selector.part(at).nodes(state.nodes());
            let least = least.and_then(|least| least.get(at)).copied();
            push_set(changes, SetRow { id: part, nodes }, id, least.unwrap_or(0));
        }
    }

    /// The free sockets of the nodes in `changes`, once somebody counts in sockets; the first time of all nodes.
    fn tell_sockets(&mut self, state: &State, changes: &mut Changes) {
        match self.sockets {
            Sockets::Untold => return,
            Sockets::Due => {
                self.sockets = Sockets::Told;
                let told: BTreeSet<NodeId> = changes.nodes.iter().map(|row| row.id).collect();
                let rest = state.nodes().filter(|node| !told.contains(&node.id));
                rest.for_each(|node| self.tell_node(state, node, changes));
            }
            Sockets::Told => {}
        }
        let free = |row: &NodeRow| {
            let node = state.node(row.id).filter(|node| node.exclusive.is_none());
            let free = |node: &Node| Unit::Socket.within(&node.spec, &node.free, &node.free_gpus);
            f64::from(node.map_or(0, free))
        };
        if !changes.nodes.is_empty() {
            changes.columns.push(Column {
                name: COLUMN_FREE_SOCKETS.into(),
                values: ColumnValues::Numbers(changes.nodes.iter().map(free).collect()),
            });
        }
    }
}

/// Whether a policy is to know the job: it could start, or holds nodes.
fn is_visible(job: &Job) -> bool {
    if job.spec.kind == JobKind::Command {
        return false;
    }
    match job.phase {
        // One that an activation filter is asked about shows as a job that has its resources and gets no more.
        Phase::Queued => {
            let activation = job.activation.as_ref();
            job.may_start() && activation.is_none_or(|a| a.is_open() || !a.grants.is_empty())
        }
        Phase::Running | Phase::Ending(_) => !job.shares.is_empty(),
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Ended(_) => false,
    }
}

/// Nodes of which something is withheld for a job.
fn withheld(job: &Job) -> Vec<NodeId> {
    let grants = job.activation.iter().flat_map(|a| a.grants.iter());
    grants.map(|grant| grant.node).collect()
}

/// `part_of` is 0 for a set of its own, and a unit of it is asked for by none: as long as that is so of all, there are no columns of it.
fn push_set(changes: &mut Changes, row: SetRow, part_of: SetId, least: u32) {
    changes.sets.push(row);
    let rows = changes.sets.len();
    push_number(&mut changes.columns, COLUMN_PART_OF, rows, part_of.0);
    push_number(&mut changes.columns, COLUMN_LEAST, rows, least);
}

/// A number of the last of so many rows. A column begins with the first number that is not 0.
fn push_number(columns: &mut Vec<Column>, name: &str, rows: usize, number: u32) {
    let at = columns.iter().position(|column| column.name == name);
    if at.is_none() && number == 0 {
        return;
    }
    let at = at.unwrap_or_else(|| {
        columns.push(Column {
            name: name.into(),
            values: ColumnValues::Numbers(vec![0.0; rows - 1]),
        });
        columns.len() - 1
    });
    if let ColumnValues::Numbers(numbers) = &mut columns[at].values {
        numbers.push(f64::from(number));
    }
}

fn push_node(changes: &mut Changes, node: &Node, usable: bool) {
    changes.nodes.push(NodeRow {
        id: node.id,
        state: if usable { NODE_USABLE } else { NODE_CLOSED },
        cores: node.spec.cores,
        free_cores: node.usable_cores(),
        sockets: node.spec.sockets,
        gpus: node.spec.gpus,
        free_gpus: if node.exclusive.is_some() {
            0
        } else {
            node.free_gpus.len()
        },
        memory: u32::try_from(node.spec.memory_mb).unwrap_or(u32::MAX),
    });
}

fn push_job(changes: &mut Changes, job: &Job) {
    let bit = |is: bool, bit: u32| if is { bit } else { 0 };
    let spec = &job.spec;
    changes.jobs.push(JobRow {
        id: job.id,
        flags: bit(spec.exclusive, JOB_EXCLUSIVE)
            | bit(spec.can_grow, JOB_CAN_GROW)
            | bit(spec.can_shrink, JOB_CAN_SHRINK)
            | bit(spec.can_preempt, JOB_CAN_PREEMPT)
            | bit(spec.single_node, JOB_SINGLE_NODE),
        priority: spec.priority,
        unit: spec.unit as u32,
        min: job.min,
        max: job.max,
        demand: job.demand(),
        candidates: job.candidates,
        position: job.position as f64,
        submitted: job.times.submitted.unwrap_or_default().as_instant(),
        walltime: spec.runtime.map_or(f64::INFINITY, |limit| limit.0 as f64),
    });
    let rows = changes.jobs.len();
    push_number(&mut changes.columns, COLUMN_REQUIRED, rows, job.required.0);
}

/// What a job holds, and what is withheld for it.
fn push_allocation(changes: &mut Changes, job: &Job) {
    let first = changes.shares.len();
    for (&node, share) in &job.shares {
        changes.shares.push(Share {
            node,
            cores: share.cores.len(),
            gpus: share.gpus.len(),
        });
    }
    let activation = job.activation.as_deref();
    for grant in activation.iter().flat_map(|a| &a.grants) {
        let (cores, gpus) = (grant.cores.len(), grant.gpus.len());
        let of_node = |share: &&mut Share| share.node == grant.node;
        match changes.shares[first..].iter_mut().find(of_node) {
            Some(share) => {
                share.cores += cores;
                share.gpus += gpus;
            }
            None => changes.shares.push(Share {
                node: grant.node,
                cores,
                gpus,
            }),
        }
    }
    let started = job.times.started.or(activation.map(|a| a.since));
    changes.allocations.push(AllocationRow {
        job: job.id,
        state: if matches!(job.phase, Phase::Running) && !job.is_held() {
            ALLOCATION_RUNNING
        } else {
            ALLOCATION_ENDING
        },
        demand: job.demand(),
        share_count: (changes.shares.len() - first) as u32,
        started: started.map_or(0.0, |at| at.as_instant()),
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Actor, Command, JobSpec, NodeSpec, NodeState, Timestamp, step};

    fn act(state: &mut State, mirror: &mut Mirror, command: Command) {
        let mut events = Vec::new();
        step(state, &command, Timestamp(0), &mut events).expect("a good command");
        events.iter().for_each(|event| mirror.note(state, event));
    }

    /// A job that keeps what it is given.
    fn submit(state: &mut State, mirror: &mut Mirror, min: u32) {
        submit_at(state, mirror, min, 2_000);
    }

    fn submit_at(state: &mut State, mirror: &mut Mirror, min: u32, priority: u32) {
        let by = Actor::administrator("root");
        let spec = Arc::new(JobSpec {
            min: Some(min),
            max: Some(min),
            run_until_canceled: true,
            priority,
            ..JobSpec::default()
        });
        let tasks = Vec::new();
        let add = Command::AddJob {
            by: by.clone(),
            spec,
            tasks,
        };
        act(state, mirror, add);
        let job = JobId(state.last_job);
        act(state, mirror, Command::SubmitJob { by, job });
    }

    #[test]
    fn arrivals_that_do_not_fit_are_told_apart() {
        let (mut state, mut mirror) = (State::new(), Mirror::new());
        for (name, online) in [("n1", true), ("n2", false)] {
            let spec = NodeSpec {
                name: name.into(),
                cores: 2,
                sockets: 1,
                gpus: 0,
                memory_mb: 0,
                groups: Vec::new(),
            };
            act(&mut state, &mut mirror, Command::AddNode(spec));
            let (node, now) = (NodeId(state.last_node), NodeState::Draining);
            if !online {
                act(
                    &mut state,
                    &mut mirror,
                    Command::SetNodeState {
                        by: Actor::administrator("root"),
                        node,
                        state: now,
                    },
                );
            }
        }
        submit(&mut state, &mut mirror, 3);
        assert!(
            !mirror.only_arrivals_that_do_not_fit(&state),
            "not told yet"
        );
        mirror.take(&state);
        submit(&mut state, &mut mirror, 3);
        submit(&mut state, &mut mirror, 4);
        assert!(mirror.only_arrivals_that_do_not_fit(&state), "two are free");
        submit(&mut state, &mut mirror, 2);
        assert!(
            !mirror.only_arrivals_that_do_not_fit(&state),
            "this one fits"
        );
        mirror.take(&state);
        submit(&mut state, &mut mirror, 3);
        assert!(
            mirror.only_arrivals_that_do_not_fit(&state),
            "only the new one counts"
        );
        let (node, now) = (NodeId(2), NodeState::Online);
        act(
            &mut state,
            &mut mirror,
            Command::SetNodeState {
                by: Actor::administrator("root"),
                node,
                state: now,
            },
        );
        assert!(
            !mirror.only_arrivals_that_do_not_fit(&state),
            "a node came back"
        );
    }

    #[test]
    fn an_arrival_that_outranks_what_runs_is_news() {
        let (mut state, mut mirror) = (State::new(), Mirror::new());
        let node = NodeSpec {
            name: "n1".into(),
            cores: 2,
            ..NodeSpec::default()
        };
        act(&mut state, &mut mirror, Command::AddNode(node));
        submit(&mut state, &mut mirror, 2);
        let shares = vec![Share {
            node: NodeId(1),
            cores: 2,
            gpus: 0,
        }];
        let job = JobId(1);
        let start = Command::Propose(crate::Decision::Start { job, shares });
        act(&mut state, &mut mirror, start);
        mirror.take(&state);
        submit_at(&mut state, &mut mirror, 1, 2_000);
        assert!(mirror.only_arrivals_that_do_not_fit(&state));
        submit_at(&mut state, &mut mirror, 1, 2_001);
        assert!(!mirror.only_arrivals_that_do_not_fit(&state));
        mirror.take(&state);
        submit_at(&mut state, &mut mirror, 1, 1_000);
        assert!(mirror.only_arrivals_that_do_not_fit(&state));
    }
}
