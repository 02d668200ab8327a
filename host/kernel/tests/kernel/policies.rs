//! Which policy is in force, what its guard says, and who may place jobs where while a canary has some of the nodes.

use std::sync::Arc;

use jobyard_kernel::{
    ActivationCause, Actor, Command, Decision, Event, Guard, JobId, JobSpec, NodeId, NodeSpec,
    Part, PassRecord, Plan, PolicySetup, Refusal, Rejection, Seat, Share, Span, State,
    StoredPolicy, TaskSpec, Timestamp, carry_out_of, step,
};

struct World {
    state: State,
    replay: State,
    now: Timestamp,
}

impl World {
    /// Four nodes of two cores, the first two in the group "new"; a policy is kept and in force.
    fn new() -> World {
        let (state, replay) = (State::new(), State::new());
        let now = Timestamp(1_000_000);
        let mut world = World { state, replay, now };
        for number in 1..=4u32 {
            let groups = if number <= 2 {
                vec!["new".into()]
            } else {
                vec![]
            };
            let node = NodeSpec {
                name: format!("n{number}"),
                cores: 2,
                groups,
                ..NodeSpec::default()
            };
            world.act(Command::AddNode(node)).unwrap();
        }
        let policy = Arc::new(StoredPolicy {
            digest: digest(),
            name: "some".into(),
            bytes: 1,
            manifest: None,
            at: Timestamp(0),
            by: String::new(),
        });
        let by = root();
        world.act(Command::StorePolicy { by, policy }).unwrap();
        world.activate(ActivationCause::Chosen, None).unwrap();
        world
    }

    fn act(&mut self, command: Command) -> Result<Vec<Event>, Rejection> {
        let mut events = Vec::new();
        step(&mut self.state, &command, self.now, &mut events)?;
        events.iter().for_each(|event| self.replay.apply(event));
        assert_eq!(self.replay, self.state);
        self.state.check().unwrap();
        Ok(events)
    }

    fn activate(&mut self, cause: ActivationCause, guard: Option<Guard>) -> Result<(), Rejection> {
        let (by, setup, why) = (root(), setup(), "to see".into());
        let activate = Command::ActivatePolicy {
            by,
            setup,
            cause,
            why,
            guard,
        };
        self.act(activate).map(drop)
    }

    fn canary(&mut self, part: Part) -> Result<(), Rejection> {
        let (by, why) = (root(), String::new());
        let trial = Some((setup(), part));
        self.act(Command::CanaryPolicy { by, trial, why }).map(drop)
    }

    fn passed(&mut self, activation: u32, faults: u32, refused: u32, took: Span) {
        self.answered(activation, faults, refused, took, false);
    }

    fn answered(&mut self, activation: u32, faults: u32, refused: u32, took: Span, fresh: bool) {
        self.answered_at(Seat::Active, activation, (faults, refused), took, fresh);
    }

    fn answered_at(
        &mut self,
        seat: Seat,
        activation: u32,
        (faults, refused): (u32, u32),
        took: Span,
        fresh: bool,
    ) {
        let record = PassRecord {
            number: self.state.policies().last_pass + 1,
            seat,
            activation,
            component: [0; 16],
            asked_after: 0,
            asked_at: self.now,
            fresh,
            sent: [0; 16],
            answered: [0; 16],
            proposals: 0,
            refused,
            faults,
            events: 0,
            took,
        };
        self.act(Command::PolicyPassed(Arc::new(record))).unwrap();
    }

    fn submit(&mut self, spec: JobSpec) -> JobId {
        let task = TaskSpec {
            command_line: "true".into(),
            ..TaskSpec::default()
        };
        let (by, tasks) = (root(), vec![Arc::new(task)]);
        let spec = Arc::new(spec);
        let events = self.act(Command::QueueJob { by, spec, tasks }).unwrap();
        events.iter().find_map(|event| event.fact.job()).unwrap()
    }

    fn propose(&mut self, seat: Seat, decision: Decision) -> Option<Refusal> {
        let plan = Plan {
            decisions: vec![decision],
            wake_at: None,
        };
        let mut events = Vec::new();
        let refused = carry_out_of(&mut self.state, seat, plan, self.now, &mut events);
        events.iter().for_each(|event| self.replay.apply(event));
        refused.into_iter().next().map(|(_, refusal)| refusal)
    }
}

fn root() -> Actor {
    Actor::administrator("root")
}

fn digest() -> String {
    "d".repeat(64)
}

fn setup() -> PolicySetup {
    PolicySetup {
        digest: digest(),
        settings: Vec::new(),
    }
}

fn start(job: JobId, node: u32) -> Decision {
    let node = NodeId(node);
    let shares = vec![Share {
        node,
        cores: 1,
        gpus: 0,
    }];
    Decision::Start { job, shares }
}

#[test]
fn the_last_activation_is_in_force_and_earlier_ones_can_be_gone_back_to() {
    let mut world = World::new();
    world.activate(ActivationCause::Chosen, None).unwrap();
    world
        .activate(ActivationCause::RolledBack { to: 1 }, None)
        .unwrap();
    let policies = world.state.policies();
    assert_eq!(policies.active().map(|active| active.number), Some(3));
    assert_eq!(policies.before().map(|before| before.number), Some(2));
    assert!(policies.activation(1).is_some() && policies.activation(4).is_none());
    let unknown = world.activate(ActivationCause::RolledBack { to: 9 }, None);
    assert_eq!(unknown, Err(Rejection::UnknownActivation(9)));
}

/// A first pass is made while the one before still decides: what that took is not the newcomer's fault. All else counts.
#[test]
fn what_is_refused_of_a_first_pass_is_not_held_against_a_policy() {
    let mut world = World::new();
    let guard = Guard {
        window: Span::from_secs(60),
        faults_max: Some(0),
        refused_max: Some(0),
        ..Guard::default()
    };
    let mut tried = |passes: &[(u32, u32, bool)]| {
        let cause = ActivationCause::Chosen;
        world.activate(cause, Some(guard)).unwrap();
        let active = world.state.policies().active().unwrap().number;
        for &(faults, refused, fresh) in passes {
            world.answered(active, faults, refused, Span::ZERO, fresh);
        }
        world.state.guard_says(world.now)
    };
    assert_eq!(tried(&[(0, 9, true), (0, 0, false)]), None);
    let refused = Some("1 refused proposals, 0 are allowed".into());
    assert_eq!(tried(&[(0, 9, true), (0, 1, false)]), refused);
    assert_eq!(
        tried(&[(0, 0, true), (0, 1, true)]),
        refused,
        "a later instance's"
    );
    let faults = Some("1 faults, 0 are allowed".into());
    assert_eq!(tried(&[(1, 0, true)]), faults);
}

#[test]
fn a_guard_says_what_is_over_its_bounds_for_as_long_as_it_stands() {
    let mut world = World::new();
    let guard = Guard {
        window: Span::from_secs(60),
        faults_max: Some(1),
        refused_max: Some(2),
        pass_max: Some(Span::from_millis(5)),
        wait_max: Some(Span::from_secs(30)),
    };
    let mut tried = |passes: &[(u32, u32, u64)], seconds: u64| {
        world
            .activate(ActivationCause::Chosen, Some(guard))
            .unwrap();
        let active = world.state.policies().active().unwrap().number;
        for &(faults, refused, millis) in passes {
            world.passed(active, faults, refused, Span::from_millis(millis));
        }
        let at = world.now + Span::from_secs(seconds);
        world.state.guard_says(at)
    };
    assert_eq!(tried(&[(1, 1, 1), (0, 1, 5)], 60), None);
    assert_eq!(
        tried(&[(1, 0, 1), (1, 0, 1)], 1),
        Some("2 faults, 1 are allowed".into())
    );
    assert_eq!(
        tried(&[(0, 3, 1)], 1),
        Some("3 refused proposals, 2 are allowed".into())
    );
    let slow = tried(&[(0, 0, 6)], 1).unwrap();
    assert!(slow.starts_with("a pass of "), "{slow}");
    assert_eq!(tried(&[(9, 9, 9)], 61), None, "its time is over");

    world
        .activate(ActivationCause::Chosen, Some(guard))
        .unwrap();
    world.passed(0, 2, 0, Span::ZERO);
    assert!(
        world.state.guard_says(world.now).is_some(),
        "the last resort answered in its place"
    );
    world
        .activate(ActivationCause::Chosen, Some(guard))
        .unwrap();
    let job = world.submit(JobSpec::default());
    let waited = |world: &World, seconds| {
        let at = world.now + Span::from_secs(seconds);
        world.state.guard_says(at)
    };
    assert_eq!(waited(&world, 30), None);
    let said = waited(&world, 31).unwrap();
    assert!(said.starts_with(&format!("job {job} has waited")), "{said}");
}

#[test]
fn a_canary_decides_for_its_part_and_nobody_else_does() {
    let mut world = World::new();
    let job = world.submit(JobSpec::default());
    world.canary(Part::Groups(vec!["new".into()])).unwrap();
    let other = |node| {
        let node = NodeId(node);
        Some(Refusal::OtherPart { job, node })
    };
    assert_eq!(world.propose(Seat::Active, start(job, 1)), other(1));
    assert_eq!(world.propose(Seat::Canary, start(job, 3)), other(3));
    assert_eq!(world.propose(Seat::Canary, start(job, 1)), None);
    let preempt = Decision::Preempt {
        job,
        how: 1,
        cores: 0,
    };
    assert_eq!(world.propose(Seat::Active, preempt), other(1));

    // Why a job waits is said by whoever could start it.
    let wait = |job, text: &str| Decision::Wait {
        job,
        reason: 1,
        text: text.into(),
    };
    let anywhere = world.submit(JobSpec::default());
    let there = world.submit(JobSpec {
        node_groups: vec!["new".into()],
        ..JobSpec::default()
    });
    for job in [anywhere, there] {
        for seat in [Seat::Active, Seat::Canary] {
            assert_eq!(world.propose(seat, wait(job, &seat.to_string())), None);
        }
    }
    let said = |job| {
        let waiting = world.state.job(job).and_then(|job| job.waiting.as_ref());
        waiting.map(|waiting| waiting.text.clone())
    };
    assert_eq!(said(anywhere).as_deref(), Some("active"));
    assert_eq!(said(there).as_deref(), Some("canary"));
}

#[test]
fn what_a_canary_does_is_counted_beside_what_the_policy_in_force_does() {
    let mut world = World::new();
    world.activate(ActivationCause::Chosen, None).unwrap();
    let counted = |world: &World| {
        let policies = world.state.policies();
        [policies.watch, policies.canary_watch].map(|w| (w.passes, w.faults, w.refused))
    };
    let (second, span) = (Seat::Canary, Span::from_millis(5));
    world.answered_at(second, 0, (1, 1), span, false);
    assert_eq!(counted(&world), [(0, 0, 0); 2], "there is no canary");
    world.canary(Part::Percent(50)).unwrap();
    world.answered_at(second, 0, (0, 3), span, true);
    world.answered_at(second, 0, (1, 2), span, false);
    world.answered_at(Seat::Shadow, 0, (9, 9), span, false);
    assert_eq!(counted(&world), [(0, 0, 0), (2, 1, 2)]);
    assert_eq!(world.state.policies().canary_watch.slowest, span);
    world.canary(Part::Percent(25)).unwrap();
    assert_eq!(counted(&world), [(0, 0, 0); 2], "another canary");
}

#[test]
fn a_part_is_named_groups_or_so_many_in_a_hundred() {
    let mut world = World::new();
    for (part, nodes) in [
        (Part::Groups(vec!["new".into()]), vec![1, 2]),
        (Part::Percent(50), vec![2, 4]),
        (Part::Percent(25), vec![4]),
        (Part::Percent(99), vec![2, 3, 4]),
        (Part::Percent(1), vec![]),
    ] {
        world.canary(part.clone()).unwrap();
        let chosen = world.state.policies().canary_nodes();
        let chosen: Vec<u32> = chosen.iter().map(|node| node.0).collect();
        assert_eq!(chosen, nodes, "{part}");
    }
    for part in [
        Part::Percent(0),
        Part::Percent(100),
        Part::Groups(vec!["nowhere".into()]),
        Part::Groups(vec![]),
    ] {
        let refused = world.canary(part.clone());
        assert_eq!(refused, Err(Rejection::NoSuchPart(part)));
    }
    // It follows the groups.
    world.canary(Part::Groups(vec!["new".into()])).unwrap();
    let (by, node, groups) = (root(), NodeId(1), Vec::new());
    world
        .act(Command::SetNodeGroups { by, node, groups })
        .unwrap();
    assert_eq!(world.state.policies().canary_nodes().len(), 1);
}

#[test]
fn only_administrators_change_policies() {
    let mut world = World::new();
    let by = Actor::user("ann");
    let (setup, why) = (Some(setup()), String::new());
    let refused = world.act(Command::ShadowPolicy { by, setup, why });
    assert!(matches!(refused, Err(Rejection::ForAdministrators { .. })));
}
