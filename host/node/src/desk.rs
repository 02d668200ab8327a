//! The desk: takes the host's messages, begins and stops work, and hands out reports.
//!
//! One tokio task a node, the only one that touches the table. Not where work is done: each piece has a task of its own (`work`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jobyard_kernel::{Assignment, Ending, Execution, FromNode, ToNode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};

use crate::config::MESSAGES_WAITING_MAX;
use crate::failure;
use crate::node::Shared;
use crate::stop::{self, Stopper};
use crate::table::{Begin, Table};
use crate::work::{Done, Work};

/// A grace longer than this is taken for this: clocks overflow.
const GRACE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// What a handle sends.
#[derive(Debug)]
pub(crate) enum Order {
    /// From the host.
    Message(ToNode),
    /// Answer what is held, and say of all of it where it stands.
    Holds(oneshot::Sender<Vec<Execution>>),
    /// End all work, then say so.
    Shutdown {
        /// For the work.
        grace: Duration,
        /// When nothing is left.
        done: oneshot::Sender<()>,
    },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Order>,
    table: Table<Running>,
    work: JoinSet<Done>,
    executions: HashMap<Id, Execution>,
    closing: bool,
    when_idle: Vec<oneshot::Sender<()>>,
}

/// A piece of work that runs, from outside.
#[derive(Debug)]
struct Running {
    stopper: Stopper,
    /// Closed when the work is gone.
    gone: watch::Receiver<()>,
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>, inbox: mpsc::Receiver<Order>) -> Desk {
        Desk {
            shared,
            inbox,
            table: Table::new(),
            work: JoinSet::new(),
            executions: HashMap::new(),
            closing: false,
            when_idle: Vec::new(),
        }
    }

    /// Runs until the node was shut down, or nobody holds it any more, and all is said.
    pub(crate) async fn run(mut self, outbox: mpsc::Sender<FromNode>) {
        let mut listening = true;
        let mut heard = true;
        loop {
            if self.table.running() == 0 {
                for done in self.when_idle.drain(..) {
                    let _ = done.send(());
                }
            }
            if !heard {
                while self.table.next_report().is_some() {}
            }
            let waiting = self.table.reports_waiting();
            if !listening && waiting == 0 && self.table.running() == 0 {
                return;
            }
            tokio::select! {
                biased;
                Some(ended) = self.work.join_next_with_id() => self.ended(ended),
                place = outbox.reserve(), if waiting > 0 => match place {
                    Ok(place) => if let Some(report) = self.table.next_report() {
                        place.send(report);
                    },
                    Err(_) => heard = false,
                },
                order = self.inbox.recv(), if listening && waiting < MESSAGES_WAITING_MAX => {
                    match order {
                        Some(Order::Message(message)) => self.message(message),
                        Some(Order::Holds(answer)) => {
                            // An error means that nobody wants to know any more.
                            let _ = answer.send(self.table.holds());
                        }
                        Some(Order::Shutdown { grace, done }) => {
                            self.when_idle.push(done);
                            self.inbox.close();
                            self.close(grace);
                        }
                        None => {
                            listening = false;
                            if !self.closing {
                                self.close(Duration::ZERO);
                            }
                        }
                    }
                }
            }
        }
    }

    fn message(&mut self, message: ToNode) {
        match message {
            ToNode::Start(assignment) if self.closing => {
                // As if it had not come any more.
                self.stop(assignment.execution, Duration::ZERO);
            }
            ToNode::Start(assignment) => self.start(assignment),
            ToNode::Stop {
                execution,
                grace_ms,
            } => {
                self.stop(execution, Duration::from_millis(grace_ms));
            }
            ToNode::Forget(execution) => self.table.forget(execution),
        }
    }

    fn start(&mut self, assignment: Box<Assignment>) {
        let Begin::Yes { after } = self.table.start(&assignment) else {
            return;
        };
        let execution = assignment.execution;
        let mut before = Vec::new();
        for older in after {
            // The host has given it up: at most one attempt lives.
            if let Some(running) = self.table.stop(older) {
                running.stopper.stop(Duration::ZERO);
                before.push(running.gone.clone());
            }
        }
        let (stopper, stopping) = stop::stop();
        let (going, gone) = watch::channel(());
        let work = Work {
            shared: self.shared.clone(),
            assignment,
            stopping,
            before,
        };
        let task = self.work.spawn(async move {
            let done = work.run().await;
            drop(going);
            done
        });
        self.executions.insert(task.id(), execution);
        self.table.begun(execution, Running { stopper, gone });
    }

    fn stop(&mut self, execution: Execution, grace: Duration) {
        if let Some(running) = self.table.stop(execution) {
            running.stopper.stop(grace.min(GRACE_MAX));
        }
    }

    fn close(&mut self, grace: Duration) {
        self.closing = true;
        for running in self.table.stoppers() {
            running.stopper.stop(grace.min(GRACE_MAX));
        }
    }

    fn ended(&mut self, result: Result<(Id, Done), JoinError>) {
        let (id, done) = match result {
            Ok((id, done)) => (id, done),
            Err(error) => {
                let text = format!("the node failed at this work: {error}");
                let ending = Ending::Failed {
                    code: failure::PLUGIN_FAULT,
                    text,
                };
                (
                    error.id(),
                    Done {
                        ending,
                        output_tail: String::new(),
                    },
                )
            }
        };
        if let Some(execution) = self.executions.remove(&id) {
            self.table.ended(execution, done.ending, done.output_tail);
        }
    }
}
