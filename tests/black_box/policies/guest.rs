//! Policies that misbehave in one call, and are simple and right in all others.

use std::fmt;

use crate::wat::{Bytes, Policy};

/// What a guest does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Runs for ever.
    Loops,
    /// Stops with a trap.
    Traps,
    /// Takes memory, and touches it, until there is none.
    EatsMemory,
    /// Logs more than it may, and goes on.
    Floods,
    /// Answers bytes that are no answer.
    AnswersNonsense,
    /// Answers well, but proposes what cannot be.
    ProposesNonsense,
    /// Takes its time, within the deadline or a little more.
    IsLate,
}

/// The call in which it does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// When it is instantiated.
    Instantiate,
    /// When it is given its settings.
    Configure,
    /// In the pass of this number, counted from 1 in each instance.
    Pass(u32),
}

impl Call {
    /// What the report of a fault calls it.
    pub(super) fn function(self) -> &'static str {
        match self {
            Call::Instantiate => "instantiate",
            Call::Configure => "configure",
            Call::Pass(_) => "schedule",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Instantiate | Call::Configure => f.write_str(self.function()),
            Call::Pass(number) => write!(f, "pass {number}"),
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Behaviour::Loops => "loops",
            Behaviour::Traps => "traps",
            Behaviour::EatsMemory => "eats memory",
            Behaviour::Floods => "floods the log",
            Behaviour::AnswersNonsense => "answers nonsense",
            Behaviour::ProposesNonsense => "proposes nonsense",
            Behaviour::IsLate => "is late",
        })
    }
}

impl Behaviour {
    /// All of them.
    pub(super) const ALL: [Behaviour; 7] = [
        Behaviour::Loops,
        Behaviour::Traps,
        Behaviour::EatsMemory,
        Behaviour::Floods,
        Behaviour::AnswersNonsense,
        Behaviour::ProposesNonsense,
        Behaviour::IsLate,
    ];

    /// Whether it ends the call.
    pub(super) fn is_fault(self) -> bool {
        match self {
            Behaviour::Loops
            | Behaviour::Traps
            | Behaviour::EatsMemory
            | Behaviour::AnswersNonsense => true,
            Behaviour::Floods | Behaviour::ProposesNonsense | Behaviour::IsLate => false,
        }
    }

    /// Instructions that do it; nothing is on the stack afterwards.
    fn code(self) -> &'static str {
        match self {
            Behaviour::Loops => "(loop $for_ever (br $for_ever))",
            Behaviour::Traps => "unreachable",
            Behaviour::EatsMemory => "(call $eat)",
            Behaviour::Floods => "(call $flood)",
            Behaviour::AnswersNonsense => "(return (i32.const 65533))",
            Behaviour::ProposesNonsense => "(global.set $mad (i32.const 77))",
            Behaviour::IsLate => "(call $dawdle)",
        }
    }
}

/// The component. One node and jobs of one core are all that it knows: it starts whatever waits, in the order of the ids, while there are
/// cores.
pub(super) fn policy(behaviour: Behaviour, call: Call) -> Vec<u8> {
    let code = behaviour.code();
    let mut policy = Policy {
        schedule: schedule(""),
        extra: EXTRA.to_owned(),
        data: Bytes::default().text("nobody reads all of this: "),
        ..Policy::default()
    };
    match call {
        Call::Instantiate => policy.start = code.to_owned(),
        Call::Configure => policy.configure = format!("{code} i32.const 0"),
        Call::Pass(number) => {
            policy.schedule = schedule(&format!(
                "(if (i32.eq (global.get $passes) (i32.const {number})) (then {code}))"
            ));
        }
    }
    policy.build()
}

/// A pass: take the changes in, perhaps misbehave, start what waits.
///
/// A byte a job at 4096 says whether it waits. The plan is at 16 KiB, its decisions of 32 bytes behind it, and the one share that they all have,
/// one core of the node, before it. Parameters: 0 the time; then pointer and length of 1 removed jobs, 3 nodes, 5 sets, 7 jobs,
/// 9 allocations, 11 shares, 13 columns.
fn schedule(misbehave: &str) -> String {
    format!(
        r#"(local $free i32) (local $id i32) (local $to i32)
        (global.set $passes (i32.add (global.get $passes) (i32.const 1)))
        (call $mark (local.get 7) (local.get 8) (i32.const 56) (i32.const 1))
        (call $mark (local.get 9) (local.get 10) (i32.const 24) (i32.const 0))
        (call $mark (local.get 1) (local.get 2) (i32.const 4) (i32.const 0))
        (if (local.get 4) (then
          (global.set $node (i32.load (local.get 3)))
          (global.set $free (i32.load offset=12 (local.get 3)))))
        {misbehave}
        (i32.store (i32.const 16000) (i32.add (global.get $node) (global.get $mad)))
        (i32.store (i32.const 16004) (i32.const 1))
        (global.set $mad (i32.const 0))
        (local.set $free (global.get $free))
        (local.set $to (i32.const 16448))
        (local.set $id (i32.const 1))
        (block $done (loop $next
          (br_if $done (i32.or (i32.eqz (local.get $free)) (i32.gt_u (local.get $id) (global.get $newest))))
          (if (i32.load8_u offset=4096 (local.get $id)) (then
            (i32.store offset=8 (local.get $to) (local.get $id))
            (i32.store offset=12 (local.get $to) (i32.const 16000))
            (i32.store offset=16 (local.get $to) (i32.const 1))
            (local.set $to (i32.add (local.get $to) (i32.const 32)))
            (local.set $free (i32.sub (local.get $free) (i32.const 1)))))
          (local.set $id (i32.add (local.get $id) (i32.const 1)))
          (br $next)))
        (i32.store (i32.const 16384) (i32.const 16448))
        (i32.store (i32.const 16388)
          (i32.shr_u (i32.sub (local.get $to) (i32.const 16448)) (i32.const 5)))
        i32.const 16384"#
    )
}

/// What guests share. A job's id must be below 11,000, and a node may have 1,000 cores.
const EXTRA: &str = r#"
(global $passes (mut i32) (i32.const 0))
(global $newest (mut i32) (i32.const 0))
(global $free (mut i32) (i32.const 0))
(global $node (mut i32) (i32.const 0))
;; What is added to the node's number, so that there is no such node.
(global $mad (mut i32) (i32.const 0))
(func $mark (param $at i32) (param $count i32) (param $size i32) (param $waits i32) (local $id i32)
  (block $done (loop $next
    (br_if $done (i32.eqz (local.get $count)))
    (local.set $id (i32.load (local.get $at)))
    (i32.store8 offset=4096 (local.get $id) (local.get $waits))
    (if (i32.gt_u (local.get $id) (global.get $newest)) (then (global.set $newest (local.get $id))))
    (local.set $at (i32.add (local.get $at) (local.get $size)))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br $next))))
(func $eat (local $page i32)
  (loop $more
    (local.set $page (memory.grow (i32.const 1)))
    (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
    (i32.store (i32.shl (local.get $page) (i32.const 16)) (i32.const 1))
    (br $more)))
(func $flood (local $messages i32)
  (loop $more
    (call $log (i32.const 1) (i32.const 1024) (i32.const 4096))
    (local.set $messages (i32.add (local.get $messages) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $messages) (i32.const 10000)))))
(func $dawdle (local $n i32)
  (local.set $n (i32.const 200000000))
  (loop $more
    (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"#;
