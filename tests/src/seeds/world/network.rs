//! The network and the nodes: messages that are lost, doubled and late, nodes that crash.

use jobyard_kernel::{Ending, Execution, FromNode, NodeId, Span, StopCause, ToNode};

use super::{Check, Coming, World};
use crate::seeds::Bug;
use crate::seeds::node::{Attempt, Deed, Node};

impl World {
    pub(super) fn post(&mut self, node: NodeId, message: ToNode) {
        for after in self.deliveries() {
            self.later(after, Coming::ToNode(node, message.clone()));
        }
    }

    pub(super) fn post_report(&mut self, node: NodeId, report: FromNode) {
        for after in self.deliveries() {
            self.later(after, Coming::FromNode(node, report.clone()));
        }
    }

    /// When a message arrives, and whether: lost, once, twice, late.
    pub(super) fn deliveries(&mut self) -> Vec<Span> {
        let (soon, late) = (self.millis(40), self.millis(40_000));
        match self.n.below(20) {
            0 if self.faults => Vec::new(),
            1 if self.faults => vec![soon, late],
            2 if self.faults => vec![late],
            3 if self.faults => vec![soon, soon],
            _ => vec![soon],
        }
    }

    pub(super) fn arrive(&mut self, id: NodeId, message: ToNode) -> Check {
        self.oracle.delivered(&message);
        let node = self.nodes.entry(id).or_default();
        let deeds = node.take(message, self.bug);
        self.deeds(id, deeds)
    }

    pub(super) fn deeds(&mut self, id: NodeId, deeds: Vec<Deed>) -> Check {
        for deed in deeds {
            match deed {
                Deed::Report(report) => {
                    self.oracle.reported(&report);
                    self.post_report(id, report);
                }
                Deed::Begin(execution) => self.begin(id, execution)?,
                Deed::StopWithin(execution, grace_ms) => {
                    let after = self.millis(grace_ms.min(20_000) as u32 + 1);
                    let ending = Ending::Stopped { code: Some(130) };
                    self.later(after, Coming::WorkEnds(id, execution, ending));
                }
            }
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, id: NodeId, execution: Execution) -> Check {
        self.summary.attempts += 1;
        if let Some(Attempt::Running(assignment)) = self.nodes[&id].attempts.get(&execution) {
            let live = self.nodes.values().flat_map(Node::live);
            self.oracle.begins(id, assignment, live)?;
        }
        let code = i32::from(self.n.once_in(6));
        let (ending, after) = (Ending::Exited { code }, self.millis(9_000));
        self.later(after, Coming::WorkEnds(id, execution, ending));
        Ok(())
    }

    pub(super) fn crash_node(&mut self, id: NodeId) -> Check {
        let node = self.nodes.entry(id).or_default();
        if self.n.once_in(2) {
            let gone = node.forget_everything();
            gone.into_iter()
                .for_each(|execution| self.oracle.gone(execution));
            // Its connection is gone too, with all that was on its way.
            self.coming.retain(|_, coming| match coming {
                Coming::ToNode(node, _) | Coming::FromNode(node, _) => *node != id,
                Coming::Written(_)
                | Coming::Decided(..)
                | Coming::TakesOver(..)
                | Coming::WorkEnds(..)
                | Coming::Caller
                | Coming::HostBack
                | Coming::NodeCrash
                | Coming::NodeConnects(_)
                | Coming::HostCrash
                | Coming::FilterAnswers(..)
                | Coming::Caretaker
                | Coming::NodesRepeat => true,
            });
            let after = self.millis(3_000);
            self.later(after, Coming::NodeConnects(id));
            return Ok(());
        }
        let live: Vec<Execution> = node.live().collect();
        let deeds = node.crash();
        live.into_iter()
            .for_each(|execution| self.oracle.ends(execution));
        self.deeds(id, deeds)
    }

    pub(super) fn oracle_ends(&mut self, node: NodeId, execution: Execution) {
        let alive = self.nodes.get(&node);
        if alive.is_some_and(|node| node.live().any(|live| live == execution)) {
            self.oracle.ends(execution);
        }
    }

    pub(super) fn report(&mut self, mut report: FromNode) {
        let now = self.now;
        let Some(host) = &mut self.host else { return };
        if self.bug == Some(Bug::AnyAttemptCounts)
            && let FromNode::Ended { execution, .. } = &mut report
            && let Some(task) = host
                .core
                .state()
                .job(execution.job)
                .and_then(|j| j.task(execution.task))
            && let Some(run) = task.runs.get(&execution.instance)
        {
            execution.attempt = run.attempt;
        }
        if self.bug == Some(Bug::PreemptedTasksAreDone)
            && let FromNode::Ended {
                execution, ending, ..
            } = &mut report
            && let Some((_, _, run)) = host.core.state().run(*execution)
            && run
                .stop
                .is_some_and(|stop| stop.cause == StopCause::Preempted)
        {
            *ending = Ending::Exited { code: 0 };
        }
        let ended = match &report {
            FromNode::Ended { execution, .. } => Some(*execution),
            FromNode::Started { .. } => None,
        };
        host.core.report(report, now);
        if self.bug == Some(Bug::ForgetsBeforeDurable)
            && let Some(execution) = ended
        {
            for node in self.nodes.values_mut() {
                node.take(ToNode::Forget(execution), self.bug);
            }
        }
    }
}
