//! The policies that are measured: each natively and as the committed component.

use jobyard::builtin::{self, Component};
use jobyard_plugin::{Limits, Part, Plugin, PluginHost, PolicyInstance, World, compose};
use jobyard_policy_backfill::Backfill;
use jobyard_policy_balanced::Balanced;
use jobyard_policy_conservative::Conservative;
use jobyard_policy_fifo::Fifo;
use jobyard_policy_queued::Queued;
use jobyard_policy_ranked::Ranked;
use jobyard_ranker_fairshare::FairShare;
use jobyard_ranker_formula::Formula;
use jobyard_ranker_multifactor::Multifactor;

use crate::{Decides, native::Native};

type Settings = Vec<(String, String)>;
type Make = fn(&Settings) -> Box<dyn Decides>;
/// Name, settings, how it is made natively.
type Row = (&'static str, &'static [(&'static str, &'static str)], Make);

/// A policy with settings.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    settings: Settings,
    plugin: Plugin,
    make: Make,
}

impl Subject {
    /// A new instance of the component.
    pub(crate) fn component(&self) -> PolicyInstance {
        let limits = Limits {
            // A pass may take longer here than a cluster would wait.
            deadline: std::time::Duration::from_secs(60),
            memory_bytes_max: 1 << 30,
            ..Limits::for_world(World::SchedulingPolicy)
        };
        let instance = self.plugin.policy(limits, &self.settings);
        instance.expect("an instance")
    }

    /// A new native instance.
    pub(crate) fn native(&self) -> Box<dyn Decides> {
        (self.make)(&self.settings)
    }
}

/// All of them; each is compiled when it is its turn.
pub(crate) fn subjects() -> impl Iterator<Item = Subject> {
    // The cluster's parameters, which it would follow, forbid it.
    const KEPT: &[(&str, &str)] = &[("preemption", "none")];
    const SJF: &[(&str, &str)] = &[("ranker.formula", "sjf")];
    const SJBF: &[(&str, &str)] = &[("order", "sjbf")];
    let rows: [Row; 9] = [
        ("fifo", &[], |s| Box::new(Native::<Fifo>::new(s))),
        ("backfill", &[], |s| Box::new(Native::<Backfill>::new(s))),
        ("backfill sjbf", SJBF, |s| {
            Box::new(Native::<Backfill>::new(s))
        }),
        ("queued", &[], |s| Box::new(Native::<Queued>::new(s))),
        ("balanced", KEPT, |s| Box::new(Native::<Balanced>::new(s))),
        ("conservative", &[], |s| {
            Box::new(Native::<Conservative>::new(s))
        }),
        ("ranked+formula", SJF, |s| {
            Box::new(Native::<Ranked<Formula>>::new(s))
        }),
        ("ranked+fairshare", &[], |s| {
            Box::new(Native::<Ranked<FairShare>>::new(s))
        }),
        ("ranked+multifactor", &[], |s| {
            Box::new(Native::<Ranked<Multifactor>>::new(s))
        }),
    ];
    let host = PluginHost::new(None).expect("a plugin host");
    rows.into_iter().map(move |(name, settings, make)| Subject {
        name,
        settings: settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        plugin: plugin(&host, name),
        make,
    })
}

/// A built-in policy, or a ranked one with a ranker in it.
fn plugin(host: &PluginHost, name: &str) -> Plugin {
    let name = name.split_whitespace().next().expect("it has a name");
    let Some((ranked, ranker)) = name.split_once('+') else {
        let policy = builtin::policy(name).expect("it is built in");
        return policy.load(host).expect("a good component");
    };
    let ranked = builtin::ranked_policy(ranked).expect("it is built in");
    let ranker = builtin::ranker(ranker).expect("it is built in");
    let part = |component: &Component| Part {
        name: component.name,
        bytes: component.bytes,
    };
    let bytes = compose(part(&ranked), part(&ranker)).expect("they fit");
    let manifest = ranked.manifest().expect("it reads");
    let manifest = manifest.composed(&ranker.manifest().expect("it reads"));
    let plugin = host.load(name, &bytes, World::SchedulingPolicy);
    let plugin = plugin.expect("a good component");
    plugin.with_manifest(manifest).expect("it is of this world")
}
