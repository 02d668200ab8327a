//! Puts an engine together: policy, nodes, journal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use jobyard_journal::{Journal, MemoryJournal, SqliteJournal, replay};
use jobyard_kernel::{
    Command, Event, JobId, NodeId, NodeSpec, Parameters, Seat, State, run_on, step,
};
use jobyard_node::{LinkError, LinkEvent, NodeConfig, NodeLink, NodeProcess, PluginSet};
use jobyard_plugin::{FilterSlot, Limits, Plugin, PluginHost};
use tokio::sync::{broadcast, mpsc};

use crate::archive::{self, ENDED_LIVE_MAX, SharedHistory};
use crate::clock::Clock;
use crate::commit::Committer;
use crate::core::{self, Core};
use crate::filters::{Filters, Loaded, NewFilter};
use crate::handle::Parts;
use crate::long::Turn;
use crate::notice::NOTICES_MAX;
use crate::pass::Decider;
use crate::plugins::Running;
use crate::policies::{self, Started, Wanted};
use crate::run::{Loop, NODE_MESSAGES_MAX, Outbox};
use crate::shadow::ShadowLog;
use crate::swap::Swaps;
use crate::waiters::{Waiters, Waking};
use crate::{BuildError, Engine, builtin};

/// Requests that wait for the loop before callers wait.
const REQUESTS_MAX: usize = 1_024;
/// Policies that may answer at one time, each once.
const SEATS: usize = 3;
/// Reports of all nodes that wait for the loop before nodes wait.
const REPORTS_MAX: usize = 4_096;

/// A node of this process: what the pool knows of it, and where it keeps its files.
#[derive(Debug, Clone)]
pub struct LocalNode {
    /// As the kernel has it.
    pub spec: NodeSpec,
    /// Folders and limits.
    pub config: NodeConfig,
}

impl LocalNode {
    /// This machine, as far as this process may use it: its name and its cores; files go below `folder`.
    pub fn this_machine(folder: impl Into<PathBuf>) -> LocalNode {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let usable = |c: &char| !c.is_whitespace() && !c.is_control() && *c != ',';
        let name: String = name.trim().chars().filter(usable).collect();
        let name = if name.is_empty() {
            "localhost".to_string()
        } else {
            name
        };
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        LocalNode {
            spec: NodeSpec {
                name: name.clone(),
                cores,
                sockets: 1,
                gpus: 0,
                memory_mb: memory_mb(),
                groups: Vec::new(),
            },
            config: NodeConfig::new(name, folder),
        }
    }
}

/// Memory of this machine in MiB; 0 when the system does not say.
fn memory_mb() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| {
        rest.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or(0) / 1_024
}

/// Puts an [`Engine`] together. What is not said is the built-in: EASY backfill, a journal in memory, no nodes.
#[must_use]
pub struct Builder {
    cache: Option<PathBuf>,
    host: Option<PluginHost>,
    policy: Wanted,
    plugins: Vec<(String, Plugin, Limits)>,
    filters: Vec<NewFilter>,
    nodes: Vec<(NodeSpec, Carrier)>,
    parameters: Option<Parameters>,
    journal: Store,
    ended_live: usize,
}

/// How a node is reached.
enum Carrier {
    Here(NodeConfig),
    Process(NodeProcess),
}

/// Where events are kept.
enum Store {
    Given(Box<dyn Journal>),
    Folder(PathBuf),
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            cache: None,
            host: None,
            policy: Wanted::default(),
            plugins: Vec::new(),
            filters: Vec::new(),
            nodes: Vec::new(),
            parameters: None,
            journal: Store::Given(Box::new(MemoryJournal::new())),
            ended_live: ENDED_LIVE_MAX,
        }
    }
}

impl Builder {
    /// Keeps compiled components in this folder, so that the next start takes milliseconds.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Uses a plugin host that is there already, with its cache.
    pub fn plugin_host(mut self, host: PluginHost) -> Self {
        self.host = Some(host);
        self
    }

    /// The policy component that decides, in the place of the one that the journal says was in force; `name` is what people call it.
    pub fn policy(mut self, name: impl Into<String>, component: impl Into<Vec<u8>>) -> Self {
        self.policy.policy = Some((name.into(), component.into()));
        self
    }

    /// The manifest (`plugin.toml`) of that policy: its limits, what it may be told, what its settings may be. A built-in one has its own.
    pub fn policy_manifest(mut self, manifest: impl Into<String>) -> Self {
        self.policy.manifest = Some(manifest.into());
        self
    }

    /// A setting of the policy.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.policy.settings.push((name.into(), value.into()));
        self
    }

    /// The limits of the policy's calls, in the place of what its manifest says.
    pub fn policy_limits(mut self, limits: Limits) -> Self {
        self.policy.limits = Some(limits);
        self
    }

    /// An executor, prepare or release component beside the built-in ones, or in the place of one, by the name that jobs use.
    pub fn node_plugin(mut self, name: impl Into<String>, plugin: Plugin, limits: Limits) -> Self {
        self.plugins.push((name.into(), plugin, limits));
        self
    }

    /// A job filter that every job is shown to, after those that were named before: when it is submitted, when it is about to start or to
    /// grow, or both, as the component exports. The parameters SubmissionFilterProgram and ActivationFilterProgram then name the filters
    /// that were given here, in the place of those that the journal has.
    pub fn filter(
        mut self,
        name: impl Into<String>,
        component: impl Into<Vec<u8>>,
        settings: impl Into<Vec<(String, String)>>,
    ) -> Self {
        self.filters.push(NewFilter {
            name: name.into(),
            component: component.into(),
            settings: settings.into(),
            everywhere: true,
        });
        self
    }

    /// A job filter that only jobs are shown to whose template, or a cluster parameter, names it.
    pub fn filter_for_templates(
        mut self,
        name: impl Into<String>,
        component: impl Into<Vec<u8>>,
        settings: impl Into<Vec<(String, String)>>,
    ) -> Self {
        self.filters.push(NewFilter {
            name: name.into(),
            component: component.into(),
            settings: settings.into(),
            everywhere: false,
        });
        self
    }

    /// A node in this process.
    pub fn node(mut self, node: LocalNode) -> Self {
        self.nodes.push((node.spec, Carrier::Here(node.config)));
        self
    }

    /// A node in a process of its own, which outlives the engine: it is found or started, and what it did meanwhile is heard of. It has the
    /// built-in executor, prepare and release components. It wants a journal that outlives the engine too: one in memory
    /// knows nothing of what such a process still holds.
    pub fn node_process(mut self, spec: NodeSpec, process: NodeProcess) -> Self {
        self.nodes.push((spec, Carrier::Process(process)));
        self
    }

    /// The cluster's parameters, in the place of those that the journal has. A new journal begins with the defaults.
    pub fn parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Where events are kept.
    pub fn journal(mut self, journal: impl Journal) -> Self {
        self.journal = Store::Given(Box::new(journal));
        self
    }

    /// Keeps everything in this folder, in a [`SqliteJournal`]: what was acknowledged survives the process and the machine.
    /// The folder is made where it is not there.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.journal = Store::Folder(folder.into());
        self
    }

    /// How many ended jobs stay in memory, 10,000 unless said otherwise. The others are in history, until something is
    /// wanted of them.
    pub fn ended_live(mut self, jobs: usize) -> Self {
        self.ended_live = jobs;
        self
    }

    /// Starts the engine: replays the journal, loads the policy, starts the nodes. Within a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// Nothing was started, and nothing of it is left.
    pub async fn build(self) -> Result<Engine, BuildError> {
        let host = match self.host {
            Some(host) => host,
            None => PluginHost::new(self.cache)?,
        };
        let mut plugins = builtin::node_plugins(&host)?;
        let mut running = Vec::new();
        for (name, plugin, limits) in self.plugins {
            running.push(Running::new(&name, &plugin, limits));
            plugins.insert(name, plugin, limits);
        }

        let everywhere = self.filters.iter().any(|filter| filter.everywhere);
        let filters = Loaded::load(&host, self.filters)?;
        let of_filter = |slot: &FilterSlot| {
            let (name, plugin) = (slot.name(), slot.plugin());
            let built_in = builtin::filter(name).is_some_and(|one| one.is(plugin));
            (!built_in).then(|| Running::new(name, plugin, plugin.limits()))
        };
        running.extend(filters.slots.iter().filter_map(of_filter));

        let mut clock = Clock::default();
        let (mut journal, folder): (Box<dyn Journal>, _) = match self.journal {
            Store::Given(journal) => (journal, None),
            Store::Folder(folder) => (Box::new(SqliteJournal::open(&folder)?), Some(folder)),
        };
        let mut state = replay(journal.as_ref())?;
        let sequence = journal.last();
        let mut events = Vec::new();
        // Time goes on from the last event, even if the system's clock was set back meanwhile.
        if let Some(last) = journal.read(sequence, 1).unwrap_or_default().first() {
            clock.at_least(last.at);
        }
        let mut parameters = self.parameters;
        if everywhere {
            let all = parameters.get_or_insert_with(|| state.parameters().clone());
            all.submission_filters.clone_from(&filters.submission);
            all.activation_filters.clone_from(&filters.activation);
        }
        let started = Started::new(&host, &state, journal.as_mut(), self.policy)?;
        let policy = started.slot.active().plugin.name().to_string();
        for command in &started.commands {
            step(&mut state, command, clock.now(), &mut events).map_err(BuildError::Pool)?;
        }
        set_up(&mut state, &mut clock, parameters, &self.nodes, &mut events)?;
        let sequence = match events.is_empty() {
            true => sequence,
            false => journal.append(&events)?,
        };

        let history: SharedHistory = Arc::new(Mutex::new(journal.history()?));
        let (reports_in, reports) = mpsc::channel(REPORTS_MAX);
        let (nodes, handles) = start_nodes(&state, self.nodes, &plugins, &reports_in)?;
        let (requests_in, requests) = mpsc::channel(REQUESTS_MAX);
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        let failure = Arc::new(OnceLock::new());
        let waiters = Waiters::default();
        let committer = Committer::start(journal, notices.clone())?;
        let (answers_in, answers) = mpsc::channel(SEATS);
        let mut core = Core::new(state, sequence, policy, clock.now())
            .ended_live(self.ended_live)
            .filters(filters.wants());
        let mut deciders = BTreeMap::new();
        for (seat, slot) in [(Seat::Active, started.slot)]
            .into_iter()
            .chain(started.trials)
        {
            core.take_seat(seat);
            core.wants(seat, slot.columns());
            deciders.insert(seat, Decider::start(seat, slot, answers_in.clone())?);
        }
        let (go_back, guard_says) = mpsc::channel(1);
        let filters = Filters::start(filters.slots)?;
        let parts = Parts {
            notices: notices.clone(),
            host,
            nodes: handles.clone(),
            failure: failure.clone(),
            history: history.clone(),
            waiters: waiters.clone(),
            store: committer.store(),
            shadow: ShadowLog::default(),
            filters: filters.log.clone(),
            running: running.into(),
            folder,
            simulations: Turn::default(),
            plan: Arc::default(),
            proofs: Turn::default(),
        };
        let engine = Loop {
            core,
            clock,
            requests,
            crowded: false,
            reports,
            committer,
            deciders,
            answers: (answers_in, answers),
            shadow: parts.shadow.clone(),
            go_back,
            filters,
            nodes,
            handles,
            notices,
            failure,
            waiters: Waking(waiters),
            swaps: Swaps::new(),
            told: BTreeMap::new(),
        };
        // The loop holds a sender itself, so that it does not end where there is no node.
        let _keeps_open = reports_in;
        tokio::spawn(async move {
            let _keeps_open = _keeps_open;
            engine.run().await;
        });
        tokio::spawn(archive::purge(requests_in.downgrade(), history));
        let engine = Engine::new(requests_in, parts);
        tokio::spawn(policies::watch(engine.downgrade(), guard_says));
        Ok(engine)
    }
}

/// Brings a replayed state up to what the engine starts with: parameters, the pool, and work that nobody holds any more.
fn set_up(
    state: &mut State,
    clock: &mut Clock,
    parameters: Option<Parameters>,
    nodes: &[(NodeSpec, Carrier)],
    events: &mut Vec<Event>,
) -> Result<(), BuildError> {
    let mut command = |state: &mut State, command: Command| {
        step(state, &command, clock.now(), events).map_err(BuildError::Pool)
    };
    if let Some(parameters) = parameters.filter(|p| p != state.parameters()) {
        command(state, Command::SetParameters(parameters))?;
    }
    for (spec, _) in nodes {
        if state.node_by_name(&spec.name).is_none() {
            command(state, Command::AddNode(spec.clone()))?;
        }
    }
    // Nodes of this process are here, those that nobody brings are not; node processes are looked for.
    let here = |name: &str| {
        let found = nodes.iter().find(|(spec, _)| spec.name == name);
        match found.map(|(_, carrier)| carrier) {
            None => Some(false),
            Some(Carrier::Here(_)) => Some(true),
            Some(Carrier::Process(_)) => None,
        }
    };
    let known = state.nodes().map(|node| (node.id, here(&node.spec.name)));
    let known: Vec<_> = known.collect();
    for (node, here) in known {
        if let Some(reachable) = here {
            command(state, Command::SetNodeReachable { node, reachable })?;
        }
    }
    // Nodes of this process begin with nothing, and who is not there any more has nothing: what ran there when the journal was written is lost.
    // Node processes say what they hold when they are connected.
    let processes = nodes
        .iter()
        .filter(|(_, carrier)| matches!(carrier, Carrier::Process(_)))
        .filter_map(|(spec, _)| Some(state.node_by_name(&spec.name)?.id));
    let processes: BTreeSet<NodeId> = processes.collect();
    let gone = core::running(state, |run| {
        !run.places
            .first()
            .is_some_and(|p| processes.contains(&p.node))
    });
    for (execution, _) in gone {
        command(state, Command::Report(core::lost(execution)))?;
    }
    let jobs: Vec<JobId> = state.jobs().map(|job| job.id).collect();
    let now = clock.now();
    jobs.into_iter()
        .for_each(|job| run_on(state, job, now, events));
    Ok(())
}

type Links = (BTreeMap<NodeId, Outbox>, Vec<NodeLink>);

fn start_nodes(
    state: &State,
    nodes: Vec<(NodeSpec, Carrier)>,
    plugins: &PluginSet,
    reports: &mpsc::Sender<(NodeId, LinkEvent)>,
) -> Result<Links, LinkError> {
    let (mut outboxes, mut links) = (BTreeMap::new(), Vec::new());
    for (spec, carrier) in nodes {
        let Some(id) = state.node_by_name(&spec.name).map(|n| n.id) else {
            continue;
        };
        let (link, mut events) = match carrier {
            Carrier::Here(config) => NodeLink::start_here(config, plugins.clone())?,
            Carrier::Process(process) => NodeLink::to_process(process)?,
        };
        let (messages, mut to_node) = mpsc::channel(NODE_MESSAGES_MAX);
        let sender = link.clone();
        tokio::spawn(async move {
            while let Some(message) = to_node.recv().await {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        });
        let reports = reports.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = events.recv() => {
                        let Some(event) = event else { return };
                        if reports.send((id, event)).await.is_err() {
                            return;
                        }
                    }
                    // The loop has ended: so does the connection, whoever still holds the link.
                    () = reports.closed() => return,
                }
            }
        });
        let waiting = VecDeque::new();
        outboxes.insert(id, Outbox { messages, waiting });
        links.push(link);
    }
    Ok((outboxes, links))
}
