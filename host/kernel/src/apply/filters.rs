//! What events do to what filters have been asked: questions, reverts, and resources that are withheld until an answer.

use crate::filter::{Activation, Deferral, Revert, Screening, Stage};
use crate::{Grant, HeldBy, Job, JobId, JobKind, Phase, QueueKey, State, Timer, Timestamp};

impl State {
    /// What a job that moves into another phase leaves of its filters: what was withheld for it is free, and submission filters that
    /// had passed it are to take that back, unless all have.
    pub(super) fn leave_filters(&mut self, id: JobId, phase: &Phase) {
        let job = self.job(id).expect("the event's job is there");
        let stays = match (&job.phase, phase) {
            (Phase::Queued, Phase::Queued) | (Phase::Running, Phase::Running) => true,
            (_, _) => false,
        };
        let goes_on = match phase {
            Phase::External(_) | Phase::Validating => true,
            Phase::Configuring
            | Phase::Submitted
            | Phase::Queued
            | Phase::Running
            | Phase::Ending(_)
            | Phase::Ended(_) => false,
        };
        if let Phase::External(screening) = &job.phase {
            let screening = screening.clone();
            self.questions.remove(&screening.question);
            if !goes_on {
                self.revert(id, *screening);
            }
        }
        if !stays {
            self.set_activation(id, None);
        }
    }

    fn next_question(&mut self) -> u64 {
        self.last_question += 1;
        self.last_question
    }

    pub(super) fn screening_begun(&mut self, id: JobId, filters: &[String]) {
        let screening = Screening {
            filters: filters.to_vec(),
            passed: Vec::new(),
            question: self.next_question(),
        };
        self.enter_phase(id, Phase::External(Box::new(screening)), |_| {});
    }

    pub(super) fn filter_passed(&mut self, id: JobId) {
        let job = self.job_mut(id);
        let Phase::External(mut screening) = job.phase.clone() else {
            panic!("job {id} passed a filter that was not asked")
        };
        screening.passed.push(job.spec.clone());
        if screening.passed.len() == screening.filters.len() {
            return self.enter_phase(id, Phase::Validating, |_| {});
        }
        screening.question = self.next_question();
        self.enter_phase(id, Phase::External(screening), |_| {});
    }

    /// The filters that had passed a job which goes no further are to take that back, the last first.
    fn revert(&mut self, job: JobId, screening: Screening) {
        let passed = screening.filters.into_iter().zip(screening.passed);
        let passed: Vec<_> = passed.collect();
        for (filter, spec) in passed.into_iter().rev() {
            let number = self.next_question();
            self.reverts.insert(number, Revert { job, filter, spec });
        }
    }

    pub(super) fn activation_begun(
        &mut self,
        at: Timestamp,
        id: JobId,
        grants: &[Grant],
        filters: &[String],
        backfill: bool,
    ) {
        let blocks = self.jobs[&id].activation.as_ref().is_some_and(|a| a.blocks);
        let (pass, index) = self.pass.next(at);
        let question = self.next_question();
        let activation = Activation {
            filters: filters.to_vec(),
            grants: grants.to_vec(),
            stage: Stage::Asked {
                question,
                filter: 0,
            },
            blocks,
            pass,
            index,
            backfill,
            since: at,
            said: String::new(),
        };
        self.set_activation(id, Some(Box::new(activation)));
    }

    pub(super) fn activation_asked(&mut self, at: Timestamp, id: JobId, filter: u32) {
        let question = self.next_question();
        let mut activation = self.activation(id);
        activation.stage = Stage::Asked { question, filter };
        if filter == 0 {
            (activation.pass, activation.index) = self.pass.next(at);
        }
        self.set_activation(id, Some(activation));
    }

    pub(super) fn activation_deferred(
        &mut self,
        id: JobId,
        how: Deferral,
        until: Timestamp,
        said: &str,
    ) {
        let mut activation = self.activation(id);
        activation.said = said.into();
        activation.blocks = how == Deferral::QueueHeld;
        activation.stage = match how {
            Deferral::QueueHeld | Deferral::NotGrown => Stage::Waiting { again: Some(until) },
            Deferral::Kept => Stage::Kept { again: until },
            Deferral::Held => Stage::Held,
        };
        if how != Deferral::Kept {
            activation.grants.clear();
        }
        if how == Deferral::Held {
            self.with_timers(id, |job| {
                (job.hold_until, job.held_by) = (Some(until), HeldBy::ActivationFilter);
            });
        }
        self.set_activation(id, Some(activation));
    }

    pub(super) fn activation_due(&mut self, id: JobId) {
        let mut activation = self.activation(id);
        activation.stage = Stage::Waiting { again: None };
        self.set_activation(id, Some(activation));
    }

    /// The event's activation, still in place.
    fn activation(&self, id: JobId) -> Box<Activation> {
        let activation = self.jobs[&id].activation.clone();
        activation.expect("the event's activation is there")
    }

    /// Puts another activation, or none, in the place of a job's, and keeps what follows from it in step: questions, timers, jobs that
    /// hold the queue, and the resources that are withheld.
    pub(super) fn set_activation(&mut self, id: JobId, next: Option<Box<Activation>>) {
        let job = self.job(id).expect("the event's job is there");
        if job.activation.is_none() && next.is_none() {
            return;
        }
        let key = QueueKey::of(job);
        let last = self.job_mut(id).activation.take();
        if let Some(last) = last {
            last.question().map(|number| self.questions.remove(&number));
            last.due()
                .map(|at| self.timers.remove(&(at, Timer::Activation(id))));
            self.blockers.remove(&key);
            self.give_up(id, &last.grants);
        }
        let Some(next) = next else { return };
        next.question()
            .map(|number| self.questions.insert(number, id));
        next.due()
            .map(|at| self.timers.insert((at, Timer::Activation(id))));
        if next.blocks {
            self.blockers.insert(key);
        }
        self.withhold(id, &next.grants);
        self.job_mut(id).activation = Some(next);
    }

    fn withhold(&mut self, id: JobId, grants: &[Grant]) {
        for grant in grants {
            let exclusive = self.jobs[&id].spec.exclusive;
            let node = self.node_mut(grant.node);
            node.free.take(&grant.cores);
            node.free_gpus.take(&grant.gpus);
            node.jobs.insert(id);
            if exclusive {
                node.exclusive = Some(id);
            }
        }
    }

    fn give_up(&mut self, id: JobId, grants: &[Grant]) {
        for grant in grants {
            let stays = self.jobs[&id].shares.contains_key(&grant.node);
            let node = self.node_mut(grant.node);
            node.free.put(&grant.cores);
            node.free_gpus.put(&grant.gpus);
            if !stays {
                node.jobs.remove(&id);
                node.exclusive = node.exclusive.filter(|&job| job != id);
            }
        }
    }
}

impl Job {
    /// Whether its submission filters are being asked.
    pub(crate) fn is_screened(&self) -> bool {
        matches!(self.phase, Phase::External(_))
    }

    /// Whether something of a node is withheld for it until its activation filters have answered.
    pub(crate) fn withholds(&self, node: crate::NodeId) -> bool {
        let mut grants = self.activation.iter().flat_map(|a| a.grants.iter());
        self.spec.kind == JobKind::Batch && grants.any(|grant| grant.node == node)
    }
}
