//! The policy itself, without a component around it.

use std::cmp::Ordering;

use jobyard_plugin_sdk::{
    announce::Announcements,
    conservative::{Reserved, conservative},
    easy::backfill,
    mirror::{Entry, Mirror, Queue},
    pass::Pass,
    policy::{Changes, Instant, Plan, Policy, Traits},
    preempt::preempt,
    ranker::Ranker,
    shadow::Shadow,
};

use crate::{
    line::Line,
    settings::{Backfill, Parts, Settings},
    told::Told,
};

/// Backfill in the order of a ranker.
///
/// Decides from the mirror, the settings, the time and the ranks only. What it has announced before changes what it
/// announces again, never what it starts.
#[derive(Debug)]
pub struct Ranked<R> {
    ranker: R,
    /// What the ranker was last configured with.
    of_ranker: Vec<(String, String)>,
    settings: Settings,
    mirror: Mirror,
    told: Told,
    line: Line,
    announcements: Announcements,
}

impl<R: Default> Default for Ranked<R> {
    fn default() -> Ranked<R> {
        Ranked {
            ranker: R::default(),
            of_ranker: Vec::new(),
            settings: Settings::default(),
            mirror: Mirror::default(),
            told: Told::default(),
            line: Line::default(),
            announcements: Announcements::ranked(),
        }
    }
}

impl<R: Ranker> Policy for Ranked<R> {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        let parts = Parts::read(settings)?;
        let traits = self.configure_ranker(&parts).inspect_err(|_| {
            // It goes on with what it had, which it has taken before.
            let _ = self.ranker.configure(&self.of_ranker);
        })?;
        self.settings = parts.settings;
        self.settings.rules.prepare(&mut self.mirror);
        let fixed = names(&traits, "ranks") == ["fixed"];
        // All that wait are ranked anew: another setting may mean another rank.
        self.line = Line::new(fixed, self.settings.bands);
        Ok(self.traits(&traits))
    }

    fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        self.told.apply(&self.mirror, changes);
        let (mirror, told) = (&self.mirror, &self.told);
        self.line
            .update(mirror, told, changes, &mut self.ranker, now);

        let mut pass = Pass::new(mirror, now);
        self.settings.rules.begin(&mut pass);
        let line = self.line.queue();
        let head = pass.start_in_order_of(line);
        let reserved = head.map(|head| self.settings.serve(&mut pass, line, head));
        self.announcements
            .update(&mut pass, &reserved.unwrap_or_default());
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}

impl<R: Ranker> Ranked<R> {
    /// Gives the ranker its settings, and the parameters that it says it follows; answers what it says of itself.
    fn configure_ranker(&mut self, parts: &Parts) -> Result<Traits, String> {
        let own = |error| format!("ranker: {error}");
        let mut traits = self.ranker.configure(&parts.ranker).map_err(own)?;
        let of_ranker = parts.of_ranker(&names(&traits, "follows"))?;
        if of_ranker.len() > parts.ranker.len() {
            traits = self.ranker.configure(&of_ranker).map_err(own)?;
        }
        self.told.ask(&names(&traits, "columns"))?;
        self.of_ranker = of_ranker;
        Ok(traits)
    }

    /// What this policy says of itself.
    fn traits(&self, of_ranker: &Traits) -> Traits {
        let own = self.settings.rules.traits(true);
        let mut follows = names(&own, "follows");
        for name in names(of_ranker, "follows") {
            if !follows.contains(&name) {
                follows.push(name);
            }
        }
        let mut traits = vec![("follows".to_owned(), follows.join(","))];
        let mut columns = names(&own, "columns");
        columns.extend(self.told.asks_host_for());
        if !columns.is_empty() {
            traits.push(("columns".to_owned(), columns.join(",")));
        }
        traits
    }
}

impl Settings {
    /// Serves the head of the line, which does not fit now, and lets jobs past it; answers what waits with a reservation.
    fn serve<'a>(
        &self,
        pass: &mut Pass<'a>,
        line: &'a Queue<f64>,
        head: &'a Entry<f64>,
    ) -> Vec<Reserved> {
        let job = pass.mirror.job(head.slot);
        let mut shadow = match (self.backfill, self.lookahead) {
            (Backfill::Conservative, None | Some(1..)) => None,
            (Backfill::Conservative, Some(0)) | (Backfill::None | Backfill::Easy, _) => {
                Some(Shadow::find(pass, job))
            }
        };
        // What is taken from others is for the head.
        let taken = preempt(pass, job, self.rules.preemption);
        let Some(shadow) = &mut shadow else {
            let waiting = line.iter().skip_while(|entry| entry.slot != head.slot);
            return conservative(pass, waiting, self.lookahead, !taken);
        };
        let (slot, at) = (head.slot, shadow.at);
        if self.backfill == Backfill::Easy && !taken {
            let is_behind =
                |entry: &Entry<f64>| line.order().compare(entry, head) == Ordering::Greater;
            backfill(pass, is_behind, shadow, line, self.lookahead);
        }
        vec![Reserved { slot, at }]
    }
}

/// The value of a trait, taken apart at its commas.
fn names<'a>(traits: &'a Traits, name: &str) -> Vec<&'a str> {
    let of = |(known, value): &'a (String, String)| (known == name).then_some(value.as_str());
    let values = traits.iter().filter_map(of);
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty()).collect()
}
