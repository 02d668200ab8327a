//! Tiny components in the text format: the functions of a core module, wrapped into the types of a world.
//!
//! What a test writes is the body of the exported functions; memory, allocation, imports and types are written
//! here, once. Layouts are those of the canonical ABI, see [`Bytes`].

/// Where a guest's data begins in its memory; what is below is zero.
pub(crate) const DATA: u32 = 1024;

/// Above what the host writes for small arguments; zero too.
pub(crate) const HIGH: u32 = 2 << 16;

/// A pointer to zeroed memory, which reads as `ok` of nothing and as an empty plan.
pub(crate) const ZEROS: &str = "i32.const 0";

/// A guest of the world `scheduling-policy`.
pub(crate) struct Policy {
    /// Instructions of the start function.
    pub start: String,
    /// Body of `configure(settings pointer, settings length) -> pointer`.
    pub configure: String,
    /// Body of `schedule(now, pointer and length of each list of changes) -> pointer`.
    pub schedule: String,
    /// More functions and globals.
    pub extra: String,
    /// Lies at [`DATA`].
    pub data: Bytes,
    /// Version of the exported interface.
    pub version: &'static str,
    /// Pages of memory that it begins with.
    pub pages: u32,
    /// More imports of the component.
    pub imports: &'static str,
    /// Type of a decision's job id, to get it wrong.
    pub job_id: &'static str,
}

impl Default for Policy {
    /// Takes any settings and answers an empty plan.
    fn default() -> Self {
        Self {
            start: String::new(),
            configure: ZEROS.to_owned(),
            schedule: ZEROS.to_owned(),
            extra: String::new(),
            data: Bytes::default(),
            version: "0.1.0",
            pages: 2,
            imports: "",
            job_id: "u32",
        }
    }
}

impl Policy {
    /// A policy that always answers the plan at [`DATA`].
    pub(crate) fn answering(data: Bytes) -> Self {
        Self {
            schedule: format!("i32.const {DATA}"),
            data,
            ..Self::default()
        }
    }

    /// A policy that does this in each pass.
    pub(crate) fn doing(schedule: &str) -> Self {
        Self {
            schedule: schedule.to_owned(),
            ..Self::default()
        }
    }

    /// A policy that asks for these columns, traps in a pass that tells jobs without any column, and says of job 1 that it waits for reason 1000.
    pub(crate) fn asking(columns: &str) -> Self {
        let said = 512;
        let data = Bytes::plan(1, None)
            .decision(5, |bytes| bytes.u32(1).u32(1_000).u32(0).u32(0))
            .up_to(said)
            .u32(0)
            .u32(DATA + said + 16)
            .u32(1)
            .up_to(said + 16)
            .u32(DATA + said + 32)
            .u32(7)
            .u32(DATA + said + 39)
            .u32(columns.len() as u32)
            .text("columns")
            .text(columns);
        Self {
            configure: format!("i32.const {}", DATA + said),
            // Of the lists, jobs are the fourth and columns the last; each is a pointer and a length.
            schedule: format!(
                "(if (i32.and (i32.ne (local.get 8) (i32.const 0)) (i32.eqz (local.get 14))) (then unreachable))
                 i32.const {DATA}"
            ),
            data,
            ..Self::default()
        }
    }

    /// The binary component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let Policy {
            start,
            configure,
            schedule,
            extra,
            version,
            pages,
            imports,
            job_id,
            ..
        } = self;
        let (data, memory) = (self.data.wat(), memory(*pages));
        component(&format!(
            r#"(component {imports} {LOG} {memory}
              (core func $log (canon lower (func $logs "log") (memory (core memory $memory "memory"))))
              (core module $guest
                (import "memory" "memory" (memory 1))
                (import "host" "log" (func $log (param i32 i32 i32)))
                (data (i32.const {DATA}) "{data}")
                {extra}
                (func $configure (export "configure") (param i32 i32) (result i32) {configure})
                (func $schedule (export "schedule") (param f64 {LISTS}) (result i32) {schedule})
                (func $start {start})
                (start $start))
              (core instance $guest (instantiate $guest
                (with "memory" (instance $memory))
                (with "host" (instance (export "log" (func $log))))))
              (type $share-type (record (field "node" u32) (field "cores" u32) (field "gpus" u32)))
              (export $share "share" (type $share-type))
              {CHANGES}
              (type $placement-type (record (field "job" {job_id}) (field "shares" (list $share))))
              (export $placement "placement" (type $placement-type))
              (type $reservation-type (record
                (field "job" u32) (field "at" f64) (field "shares" (list $share))))
              (export $reservation "reservation" (type $reservation-type))
              (type $preemption-type (record
                (field "job" u32) (field "how" u32) (field "cores" u32)))
              (export $preemption "preemption" (type $preemption-type))
              (type $waiting-type (record
                (field "job" u32) (field "reason" u32) (field "text" string)))
              (export $waiting "waiting" (type $waiting-type))
              (type $decision-type (variant
                (case "start" $placement) (case "grow" $placement) (case "shrink" $placement)
                (case "preempt" $preemption) (case "reserve" $reservation) (case "wait" $waiting)))
              (export $decision "decision" (type $decision-type))
              (type $plan-type (record
                (field "decisions" (list $decision)) (field "wake-at" (option f64))))
              (export $plan "plan" (type $plan-type))
              (func $configure
                (param "settings" (list (tuple string string)))
                (result (result (list (tuple string string)) (error string)))
                (canon lift (core func $guest "configure")
                  (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
              (func $schedule (param "now" f64) (param "changes" $changes) (result $plan)
                (canon lift (core func $guest "schedule")
                  (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
              (instance $policy
                (export "configure" (func $configure))
                (export "schedule" (func $schedule)))
              (export "jobyard:plugin/policy@{version}" (instance $policy)))"#,
        ))
    }
}

/// A guest of the worlds that work on a node.
pub(crate) struct Worker {
    /// `executor`, `prepare` or `release`.
    pub interface: &'static str,
    /// Body of `run(assignment pointer $work) -> pointer`. It may call the imports of `wit/process.wit` and
    /// `wit/files.wit`: `$spawn`, `$next`, `$interrupt`, `$kill`, `$exists`, `$create`, `$remove`, `$list`, and `$log`.
    pub run: String,
    /// Locals and more of the same kind, before the body.
    pub locals: &'static str,
    /// Lies at [`DATA`].
    pub data: Bytes,
}

impl Worker {
    pub(crate) fn executor(run: &str) -> Self {
        let data = Bytes::default();
        Self {
            interface: "executor",
            run: run.to_owned(),
            locals: "",
            data,
        }
    }

    /// The binary component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let Worker {
            interface,
            run,
            locals,
            ..
        } = self;
        let (data, memory) = (self.data.wat(), memory(2));
        let lower = |name: &str, instance: &str, function: &str| {
            format!(
                r#"(core func ${name} (canon lower (func ${instance} "{function}")
                     (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))"#
            )
        };
        let lowered = [
            lower("log", "logs", "log"),
            lower("spawn", "processes", "spawn"),
            lower("next", "processes", "next"),
            lower("interrupt", "processes", "interrupt"),
            lower("kill", "processes", "kill"),
            lower("exists", "folders", "exists"),
            lower("create", "folders", "create-folder"),
            lower("remove", "folders", "remove-tree"),
            lower("list", "folders", "list-folder"),
        ]
        .concat();
        component(&format!(
            r#"(component {LOG} {WORK} {PROCESS} {FILES} {memory} {lowered}
              (core module $guest
                (import "memory" "memory" (memory 1))
                (import "host" "log" (func $log (param i32 i32 i32)))
                (import "host" "spawn" (func $spawn (param i32 i32)))
                (import "host" "next" (func $next (param i32 i32 i32)))
                (import "host" "interrupt" (func $interrupt (param i32)))
                (import "host" "kill" (func $kill (param i32)))
                (import "host" "exists" (func $exists (param i32 i32 i32)))
                (import "host" "create" (func $create (param i32 i32 i32)))
                (import "host" "remove" (func $remove (param i32 i32 i32)))
                (import "host" "list" (func $list (param i32 i32 i32)))
                (data (i32.const {DATA}) "{data}")
                (func $run (export "run") (param $work i32) (result i32) {locals} {run}))
              (core instance $guest (instantiate $guest
                (with "memory" (instance $memory))
                (with "host" (instance
                  (export "log" (func $log)) (export "spawn" (func $spawn))
                  (export "next" (func $next)) (export "interrupt" (func $interrupt))
                  (export "kill" (func $kill)) (export "exists" (func $exists))
                  (export "create" (func $create)) (export "remove" (func $remove))
                  (export "list" (func $list))))))
              (func $run (param "work" $assignment) (result (result $exit (error $failure)))
                (canon lift (core func $guest "run")
                  (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
              (instance $worker (export "run" (func $run)))
              (export "jobyard:plugin/{interface}@0.1.0" (instance $worker)))"#
        ))
    }
}

/// Translates the text, and shows the error's place when it cannot.
pub(crate) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A memory of so many pages, and an allocator that only ever goes up and grows the memory when it must.
pub(crate) fn memory(pages: u32) -> String {
    format!(
        r#"(core module $memory
          (memory (export "memory") {pages})
          (global $next (mut i32) (i32.const 65536))
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and
              (i32.sub (i32.add (global.get $next) (local.get 2)) (i32.const 1))
              (i32.sub (i32.const 0) (local.get 2))))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (block $enough
              (br_if $enough (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
              (br_if $enough (i32.ne (i32.const -1) (memory.grow
                (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
              unreachable)
            (local.get $at)))
        (core instance $memory (instantiate $memory))"#
    )
}

pub(crate) const LOG: &str = r#"
(import "jobyard:plugin/log@0.1.0" (instance $logs
  (type $level-type (enum "error" "warn" "info" "debug"))
  (export "level" (type $level (eq $level-type)))
  (export "log" (func (param "level" $level) (param "message" string)))))"#;

/// The seven lists of `changes` as parameters.
const LISTS: &str = "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32";

/// The types of `changes`, but for `share`.
const CHANGES: &str = r#"
(type $job-type (record
  (field "id" u32) (field "flags" u32) (field "priority" u32) (field "unit" u32)
  (field "min" u32) (field "max" u32) (field "demand" u32) (field "candidates" u32)
  (field "position" f64) (field "submitted" f64) (field "walltime" f64)))
(export $job "job" (type $job-type))
(type $allocation-type (record
  (field "job" u32) (field "state" u32) (field "demand" u32) (field "share-count" u32)
  (field "started" f64)))
(export $allocation "allocation" (type $allocation-type))
(type $node-type (record
  (field "id" u32) (field "state" u32) (field "cores" u32) (field "free-cores" u32)
  (field "sockets" u32) (field "gpus" u32) (field "free-gpus" u32) (field "memory" u32)))
(export $node "node" (type $node-type))
(type $set-type (record (field "id" u32) (field "nodes" (list u32))))
(export $set "candidate-set" (type $set-type))
(type $values-type (variant (case "numbers" (list f64)) (case "texts" (list string))))
(export $values "column-values" (type $values-type))
(type $column-type (record (field "name" string) (field "values" $values)))
(export $column "column" (type $column-type))
(type $changes-type (record
  (field "removed-jobs" (list u32)) (field "nodes" (list $node)) (field "sets" (list $set))
  (field "jobs" (list $job)) (field "allocations" (list $allocation))
  (field "shares" (list $share)) (field "columns" (list $column))))
(export $changes "changes" (type $changes-type))"#;

const WORK: &str = r#"
(import "jobyard:plugin/work@0.1.0" (instance $words
  (type $execution-type (record
    (field "job" u32) (field "task" u32) (field "instance" u32) (field "attempt" u32)))
  (export "execution" (type $execution (eq $execution-type)))
  (type $share-type (record
    (field "node" string) (field "cores" (list u32)) (field "gpus" (list u32))))
  (export "share" (type $share (eq $share-type)))
  (type $assignment-type (record
    (field "execution" $execution) (field "command-line" string)
    (field "working-folder" string) (field "standard-input" (option string))
    (field "standard-output" (option string)) (field "standard-error" (option string))
    (field "environment" (list (tuple string string))) (field "shares" (list $share))
    (field "scratch-folder" string) (field "attributes" (list (tuple string string)))))
  (export "assignment" (type (eq $assignment-type)))
  (type $exit-type (record (field "code" s32) (field "signal" (option u32))))
  (export "exit" (type (eq $exit-type)))
  (type $failure-type (record (field "code" u32) (field "text" string)))
  (export "failure" (type (eq $failure-type)))))
(alias export $words "assignment" (type $assignment))
(alias export $words "exit" (type $exit))
(alias export $words "failure" (type $failure))"#;

const PROCESS: &str = r#"
(import "jobyard:plugin/process@0.1.0" (instance $processes
  (alias outer 1 $exit (type $outer-exit))
  (export "exit" (type $exit (eq $outer-exit)))
  (type $input-type (variant (case "nothing") (case "file" string)))
  (export "input" (type $input (eq $input-type)))
  (type $output-type (variant
    (case "captured") (case "file" string) (case "same-as-output") (case "nothing")))
  (export "output" (type $output (eq $output-type)))
  (type $command-type (record
    (field "program" string) (field "arguments" (list string))
    (field "environment" (list (tuple string string))) (field "working-folder" string)
    (field "standard-input" $input) (field "standard-output" $output)
    (field "standard-error" $output)))
  (export "command" (type $command (eq $command-type)))
  (type $event-type (variant
    (case "exited" (tuple u32 $exit)) (case "cancel-requested" u32) (case "deadline")))
  (export "event" (type $event (eq $event-type)))
  (export "spawn" (func (param "command" $command) (result (result u32 (error string)))))
  (export "next" (func (param "limit-ms" (option u32)) (result $event)))
  (export "interrupt" (func (param "process" u32)))
  (export "kill" (func (param "process" u32)))))"#;

const FILES: &str = r#"
(import "jobyard:plugin/files@0.1.0" (instance $folders
  (export "exists" (func (param "path" string) (result (result bool (error string)))))
  (export "create-folder" (func (param "path" string) (result (result (error string)))))
  (export "remove-tree" (func (param "path" string) (result (result (error string)))))
  (export "list-folder" (func (param "path" string)
    (result (result (list string) (error string)))))))"#;

/// A guest's data, written as the canonical ABI lays it out; addresses count from [`DATA`].
#[derive(Default, Clone)]
pub(crate) struct Bytes(Vec<u8>);

impl Bytes {
    pub(crate) fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn f64(mut self, number: f64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.extend(text.as_bytes());
        self
    }

    /// Zeros up to this place, from [`DATA`].
    pub(crate) fn up_to(mut self, place: u32) -> Self {
        assert!(
            self.0.len() <= place as usize,
            "{} is past {place}",
            self.0.len()
        );
        self.0.resize(place as usize, 0);
        self
    }

    /// A plan: a list of so many decisions at [`DECISIONS`], each 32 bytes, and perhaps a wake-at.
    pub(crate) fn plan(decisions: u32, wake_at: Option<f64>) -> Self {
        Self::default()
            .u32(DATA + DECISIONS)
            .u32(decisions)
            .u32(wake_at.is_some().into())
            .u32(0)
            .f64(wake_at.unwrap_or(0.0))
            .up_to(DECISIONS)
    }

    /// A decision: the case's number, then its payload, which starts at a multiple of 8.
    pub(crate) fn decision(self, case: u32, payload: impl FnOnce(Self) -> Self) -> Self {
        let end = self.0.len() as u32 + 32;
        payload(self.u32(case).u32(0)).up_to(end)
    }

    pub(crate) fn wat(&self) -> String {
        self.0.iter().map(|byte| format!("\\{byte:02x}")).collect()
    }
}

/// Where [`Bytes::plan`] puts its decisions, from [`DATA`].
pub(crate) const DECISIONS: u32 = 64;
