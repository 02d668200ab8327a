//! What events about policies do to the state.

use std::sync::Arc;

use crate::limits::ACTIVATIONS_MAX;
use crate::{Activation, Canary, PassRecord, Seat, State, Watch};

impl State {
    pub(super) fn policy_activated(&mut self, activation: &Arc<Activation>) {
        let all = &mut self.policies.activations;
        all.push(activation.clone());
        let over = all.len().saturating_sub(ACTIVATIONS_MAX);
        all.drain(..over);
        self.policies.watch = Watch::default();
    }

    pub(super) fn canary_set(&mut self, canary: &Option<Arc<Canary>>) {
        self.policies.canary.clone_from(canary);
        if canary.is_some() {
            self.policies.canary_watch = Watch::default();
        }
        self.choose_part();
    }

    /// Nodes have come, their groups are others, or the canary is.
    pub(super) fn choose_part(&mut self) {
        self.policies.canary_nodes = self.policies.part(&self.nodes);
    }

    pub(super) fn policy_passed(&mut self, record: &PassRecord) {
        let policies = &mut self.policies;
        policies.last_pass = policies.last_pass.max(record.number);
        let active = policies.active().map_or(0, |active| active.number);
        // A pass that was answered by a last resort is the fault of the one in force.
        let answers = [0, active].contains(&record.activation);
        match record.seat {
            Seat::Active if answers => policies.watch.note(record),
            Seat::Canary if policies.canary.is_some() => policies.canary_watch.note(record),
            Seat::Active | Seat::Canary | Seat::Shadow => {}
        }
    }
}
