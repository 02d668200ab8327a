//! `jobyard policy` with a daemon: load, put in force, shadow, try, go back, prove.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comfy_table::{Cell, Table};
use jobyard::policies::{
    ActivationView, Explanation, PolicyList, PolicyView, VerifyReport, WatchView,
};
use jobyard::shadow::{Placement, ShadowReport};
use jobyard_server::policies::{Activate, Canary, NewGuard, NewPolicy, RollBack, Trial};
use jobyard_server::proof::VerifyPasses;
use serde_json::Value;

use super::args::{
    Daemon, PolicyActivate, PolicyCanary, PolicyDiff, PolicyExplain, PolicyLoad, PolicyShadow,
    PolicyVerb, PolicyVerify,
};
use super::at_rest::Journal;
use super::client::part;
use super::show::Shown;
use super::{Client, show};
use crate::args::Common;
use crate::failure::Failure;
use crate::policy::{self, Chosen};
use crate::table;

/// What a verb does.
pub(crate) fn run(
    verb: PolicyVerb,
    common: &Common,
) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let client = &client;
        match verb {
            PolicyVerb::List(args) => {
                let answer = list(client).await?;
                show::answer(args.form(), answer, |list: PolicyList| policies(&list))?;
            }
            PolicyVerb::History(args) => {
                let answer = list(client).await?;
                show::answer(args.form(), answer, |list: PolicyList| {
                    history(&list.history)
                })?;
            }
            PolicyVerb::Load(args) => load(client, args).await?,
            PolicyVerb::Activate(args) => activate(client, args).await?,
            PolicyVerb::Rollback(args) => {
                let (to, why) = (args.to, args.why);
                let answer = client
                    .post("/policy/rollback", RollBack { to, why })
                    .await?;
                show::answer(args.show.form(), answer, |list: PolicyList| in_force(&list))?;
            }
            PolicyVerb::Shadow(args) => shadow(client, args).await?,
            PolicyVerb::Diff(args) => diff(client, args).await?,
            PolicyVerb::Canary(args) => canary(client, args).await?,
            PolicyVerb::Explain(args) => explain(client, args, common).await?,
            PolicyVerb::Verify(args) => return verify(client, args, common).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Why a job waits: `jobyard policy explain`, `jobyard job explain`.
pub(crate) async fn explain(
    client: &Client,
    args: PolicyExplain,
    common: &Common,
) -> Result<(), Failure> {
    let answer = match Journal::of(client).await? {
        Some(journal) => journal.explain(args.job, common)?,
        None => {
            let path = format!("/jobs/{}/explain", args.job);
            client.get(&path, ()).await?
        }
    };
    show::answer(args.show.form(), answer, |job: Explanation| {
        Shown::from(super::explain::row(&job)).saying(super::explain::text(&job))
    })
}

async fn list(client: &Client) -> Result<Value, Failure> {
    match Journal::of(client).await? {
        Some(journal) => journal.policies(),
        None => client.get("/policies", ()).await,
    }
}

/// All policies that a daemon, or the journal of one, keeps; none where there is neither.
pub(crate) fn all_kept(daemon: &Daemon) -> Result<Vec<PolicyView>, Failure> {
    let mut kept = Vec::new();
    super::main(daemon, async |client| {
        if client.folder().is_some() && client.is_nobody_there().await {
            let journal = Journal::of(&client).await?;
            let answer = journal.map(|journal| journal.policies()).transpose()?;
            let list = answer.map(show::read::<PolicyList>).transpose()?;
            kept = list.map_or(Vec::new(), |list| list.policies);
        } else {
            let list: PolicyList = show::read(list(&client).await?)?;
            kept = list.policies;
        }
        Ok(ExitCode::SUCCESS)
    })?;
    Ok(kept)
}

/// A policy that a daemon, or the journal of one, keeps.
pub(crate) fn kept(daemon: &Daemon, named: &str) -> Result<Chosen, Failure> {
    let mut found = None;
    super::main(daemon, async |client| {
        let journal = Journal::of(&client).await?;
        let answer = match &journal {
            Some(journal) => journal.policy(named)?,
            None => {
                client
                    .get(&format!("/policies/{}", part(named)), ())
                    .await?
            }
        };
        let view: PolicyView = show::read(answer)?;
        let bytes = match &journal {
            Some(journal) => journal.component(&view.digest)?,
            None => {
                let path = format!("/policies/{}/component", view.digest);
                client.bytes(&path).await?
            }
        };
        found = Some(Chosen {
            name: view.name,
            bytes,
            manifest: view.manifest,
        });
        Ok(ExitCode::SUCCESS)
    })?;
    found.ok_or_else(|| Failure::Input(format!("{named}: there is no such policy")))
}

/// Brings a component to the daemon.
async fn bring(client: &Client, chosen: Chosen, name: Option<String>) -> Result<Value, Failure> {
    let file = Path::new(&chosen.name).file_stem();
    let short = file.map_or_else(|| chosen.name.clone(), |f| f.to_string_lossy().into_owned());
    let new = NewPolicy {
        name: name.unwrap_or(short),
        component: STANDARD.encode(&chosen.bytes),
        manifest: chosen.manifest,
    };
    client.post("/policies", new).await
}

async fn load(client: &Client, args: PolicyLoad) -> Result<(), Failure> {
    let chosen = policy::find(&args.policy, args.manifest.as_deref())?;
    let answer = bring(client, chosen, args.name).await?;
    show::answer(args.show.form(), answer, |policy: PolicyView| {
        let text = format!("{} {}", policy.name, policy.digest);
        Shown::from(text).called([policy.name])
    })
}

/// A policy that the daemon knows goes by its name; anything else that can be found here is brought first.
async fn known(client: &Client, named: &str) -> Result<String, Failure> {
    let path = format!("/policies/{}", part(named));
    match client.get(&path, ()).await {
        Ok(answer) => Ok(show::read::<PolicyView>(answer)?.digest),
        Err(unknown) => match policy::find(named, None) {
            Ok(chosen) => {
                let loaded: PolicyView = show::read(bring(client, chosen, None).await?)?;
                Ok(loaded.digest)
            }
            Err(_) => Err(unknown),
        },
    }
}

fn settings(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().collect()
}

async fn activate(client: &Client, args: PolicyActivate) -> Result<(), Failure> {
    let digest = known(client, &args.policy).await?;
    let guard = args.guard_for.map(|window| NewGuard {
        window_s: window.0 / 1_000_000,
        faults_max: args.max_faults,
        refused_max: args.max_refused,
        pass_ms_max: args.max_pass.map(|span| span.0 / 1_000),
        wait_s_max: args.max_wait.map(|span| span.0 / 1_000_000),
    });
    let new = Activate {
        settings: settings(args.settings),
        why: args.why,
        guard,
    };
    let answer = client
        .post(&format!("/policies/{digest}/activate"), new)
        .await?;
    show::answer(args.show.form(), answer, |list: PolicyList| in_force(&list))
}

async fn shadow(client: &Client, args: PolicyShadow) -> Result<(), Failure> {
    let answer = match args.policy {
        None => client.delete("/policy/shadow").await?,
        Some(named) => {
            let new = Trial {
                policy: known(client, &named).await?,
                settings: settings(args.settings),
                why: args.why,
            };
            client.put("/policy/shadow", new).await?
        }
    };
    show::answer(args.show.form(), answer, |list: PolicyList| seats(&list))
}

async fn canary(client: &Client, args: PolicyCanary) -> Result<(), Failure> {
    let answer = match args.policy {
        None => client.delete("/policy/canary").await?,
        Some(named) => {
            let new = Canary {
                policy: known(client, &named).await?,
                settings: settings(args.settings),
                groups: args.groups,
                percent: args.percent,
                why: args.why,
            };
            client.put("/policy/canary", new).await?
        }
    };
    show::answer(args.show.form(), answer, |list: PolicyList| seats(&list))
}

async fn diff(client: &Client, args: PolicyDiff) -> Result<(), Failure> {
    let answer = client.get("/policy/shadow", ()).await?;
    show::answer(args.show.form(), answer, |report: ShadowReport| {
        differences(&report, args.passes)
    })
}

/// Exit code 1 where something differs.
async fn verify(client: &Client, args: PolicyVerify, common: &Common) -> Result<ExitCode, Failure> {
    let answer = match Journal::of(client).await? {
        Some(journal) => journal.verify(&args, common)?,
        None => {
            let (from, to) = (args.from, args.to);
            let passes = VerifyPasses { from, to };
            client.post("/policy/verify", passes).await?
        }
    };
    let report: VerifyReport = show::read(answer.clone())?;
    show::answer(args.show.form(), answer, |report: VerifyReport| {
        proved(&report)
    })?;
    Ok(match report.mismatches.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

// ---- for people ----

fn short(digest: &str) -> String {
    digest.get(..12).unwrap_or(digest).into()
}

fn with_settings(name: &str, settings: &[(String, String)]) -> String {
    let settings = settings
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    format!("{name}{}", settings.collect::<String>())
}

fn policies(list: &PolicyList) -> Shown {
    let mut table = table::new(&["policy", "digest", "bytes", "loaded", "by", "now"]);
    for policy in &list.policies {
        table.add_row([
            Cell::new(&policy.name),
            Cell::new(short(&policy.digest)),
            Cell::new(policy.bytes),
            Cell::new(show::time(&Some(policy.loaded.clone()))),
            Cell::new(&policy.by),
            Cell::new(policy.seats.join(", ")),
        ]);
    }
    let text = format!("{table}\n\n{}", seats(list));
    Shown::from(table).saying(text)
}

fn in_force(list: &PolicyList) -> String {
    match &list.active {
        Some(active) => {
            let policy = with_settings(&active.name, &active.settings);
            let guard = active.guard.as_ref();
            let guard = guard.map_or(String::new(), |g| format!(", guarded until {}", g.until));
            format!("activation {}: {policy} decides{guard}", active.number)
        }
        None => "no policy is in force".into(),
    }
}

/// Who decides, and what is tried.
fn seats(list: &PolicyList) -> String {
    let mut text = in_force(list);
    text.push_str(&format!("\n{}", counted(&list.watch)));
    if let Some(shadow) = &list.shadow {
        let policy = with_settings(&shadow.name, &shadow.settings);
        text.push_str(&format!("\nshadow: {policy}, since {}", shadow.since));
    }
    if let Some(canary) = &list.canary {
        let (trial, part, nodes) = (&canary.trial, &canary.part, canary.nodes);
        let policy = with_settings(&trial.name, &trial.settings);
        text.push_str(&format!(
            "\ncanary: {policy} decides for {part} ({nodes} nodes), since {}",
            trial.since
        ));
        text.push_str(&format!("\ncanary: {}", counted(&canary.watch)));
    }
    text
}

fn counted(watch: &WatchView) -> String {
    format!(
        "{} passes, the longest {:.1} ms; {} faults, {} refused proposals",
        watch.passes,
        watch.slowest_us as f64 / 1e3,
        watch.faults,
        watch.refused
    )
}

fn history(activations: &[ActivationView]) -> Table {
    let mut table = table::new(&["", "at", "policy", "digest", "by", "cause", "why"]);
    for activation in activations {
        table.add_row([
            Cell::new(activation.number),
            Cell::new(show::time(&Some(activation.at.clone()))),
            Cell::new(with_settings(&activation.name, &activation.settings)),
            Cell::new(short(&activation.digest)),
            Cell::new(&activation.by),
            Cell::new(&activation.cause),
            Cell::new(&activation.why),
        ]);
    }
    table
}

fn differences(report: &ShadowReport, passes: usize) -> Shown {
    let totals = &report.totals;
    let mut table = table::new(&["pass", "", "job", "shares", "why"]);
    let first = report.passes.len().saturating_sub(passes);
    for pass in &report.passes[first..] {
        let sides = [
            ("only active", &pass.only_active),
            ("only shadow", &pass.only_shadow),
        ];
        for (who, placements) in sides {
            for placement in placements {
                table.add_row([
                    Cell::new(pass.number),
                    Cell::new(format!("{who} would {}", placement.what)),
                    Cell::new(placement.job),
                    Cell::new(shares(placement)),
                    Cell::new(&placement.why),
                ]);
            }
        }
    }
    let milli = |us: u64| us as f64 / 1e3;
    let mean = |us: u64| milli(us) / (totals.passes.max(1) as f64);
    let mut text = format!(
        "{} passes compared, {} the same, {} while the shadow was still at an earlier one\n\
         placements: {} active, {} shadow\n\
         the shadow would have started {} jobs earlier (by {:.1} s in all) and had not proposed {} jobs when they started\n\
         cost of a pass: {:.3} ms active, {:.3} ms shadow (longest {:.3} ms); shadow: {} MiB, {} faults",
        totals.passes,
        totals.same,
        totals.late,
        totals.active_placements,
        totals.shadow_placements,
        totals.earlier,
        totals.earlier_us as f64 / 1e6,
        totals.later,
        mean(totals.active_us),
        mean(totals.shadow_us),
        milli(totals.shadow_us_max),
        totals.memory_bytes >> 20,
        totals.faults,
    );
    if table.row_count() > 0 {
        text = format!("{table}\n\n{text}");
    }
    Shown::from(table).saying(text)
}

fn shares(placement: &Placement) -> String {
    let each = placement
        .shares
        .iter()
        .take(8)
        .map(|(node, cores, gpus)| match gpus {
            0 => format!("node {node}: {cores}"),
            gpus => format!("node {node}: {cores}+{gpus} GPUs"),
        });
    let mut text = each.collect::<Vec<_>>().join(", ");
    if placement.shares.len() > 8 {
        text.push_str(", …");
    }
    text
}

fn proved(report: &VerifyReport) -> String {
    let mut text = match report.range {
        Some((first, last)) => format!(
            "{} passes from {first} to {last} come out the same",
            report.same
        ),
        None => "no pass was run again".into(),
    };
    if report.before > 0 {
        text.push_str(&format!(", and {} before them", report.before));
    }
    for skipped in &report.skipped {
        let (passes, pass, why) = (skipped.passes, skipped.pass, &skipped.why);
        text.push_str(&format!(
            "\n{passes} not run again, from pass {pass} on: {why}"
        ));
    }
    for mismatch in &report.mismatches {
        let (pass, seat, event) = (mismatch.pass, &mismatch.seat, mismatch.event);
        text.push_str(&format!(
            "\npass {pass} ({seat}, event {event}) DIFFERS: {}",
            mismatch.what
        ));
    }
    text
}
