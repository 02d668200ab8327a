//! Work on a node: guests that wait by the thousand, misbehave, or are dropped, against scripted processes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jobyard_kernel::{Assignment, Execution, JobId, TaskId, WorkKind, WorkShare};
use jobyard_plugin::{
    Fault, FaultKind, Limits, LogLine, Plugin, ProcessCommand, ProcessEvent, Processes, WorkExit,
    WorkFailure, World,
};
use tokio::sync::{Semaphore, mpsc};

use crate::load;
use crate::wat::{Bytes, DATA, Worker};

/// What a guest gets to see, and what it did.
pub(crate) struct Script {
    events: mpsc::UnboundedReceiver<ProcessEvent>,
    pub(crate) did: Vec<Did>,
    pub(crate) log: Vec<LogLine>,
    folders: Vec<PathBuf>,
    spawned: u32,
    alive: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Did {
    Spawn(Box<ProcessCommand>),
    Next(Option<Duration>),
    Interrupt(u32),
    Kill(u32),
}

impl Script {
    /// With these events to come; when they are over it waits for ever.
    pub(crate) fn of(events: &[ProcessEvent]) -> Self {
        let (sender, script) = Self::open();
        events.iter().for_each(|event| sender.send(*event).unwrap());
        script
    }

    /// With a granted folder.
    pub(crate) fn granting(folder: &Path) -> Self {
        let mut script = Self::of(&[]);
        script.folders = vec![folder.to_owned()];
        script
    }

    fn open() -> (mpsc::UnboundedSender<ProcessEvent>, Self) {
        let (sender, events) = mpsc::unbounded_channel();
        let (did, log, folders) = (Vec::new(), Vec::new(), Vec::new());
        let alive = Arc::new(AtomicUsize::new(1));
        (
            sender,
            Self {
                events,
                did,
                log,
                folders,
                spawned: 0,
                alive,
            },
        )
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Processes for Script {
    fn spawn(&mut self, command: ProcessCommand) -> Result<u32, String> {
        self.did.push(Did::Spawn(Box::new(command)));
        self.spawned += 1;
        Ok(self.spawned - 1)
    }

    async fn next(&mut self, limit: Option<Duration>) -> ProcessEvent {
        self.did.push(Did::Next(limit));
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    fn interrupt(&mut self, process: u32) {
        self.did.push(Did::Interrupt(process));
    }

    fn kill(&mut self, process: u32) {
        self.did.push(Did::Kill(process));
    }

    fn files(&self) -> &[PathBuf] {
        &self.folders
    }

    fn log(&mut self, line: LogLine) {
        self.log.push(line);
    }
}

pub(crate) fn assignment(command_line: &str) -> Assignment {
    Assignment {
        execution: Execution {
            job: JobId(7),
            task: TaskId(1),
            instance: 0,
            attempt: 1,
        },
        owner: "ann".into(),
        kind: WorkKind::Execute,
        plugin: "command".to_owned(),
        command_line: command_line.to_owned(),
        working_folder: "/tmp".to_owned(),
        standard_input: None,
        standard_output: Some("out".to_owned()),
        standard_error: None,
        environment: vec![("A".to_owned(), "1".to_owned())],
        shares: vec![WorkShare {
            node: "n1".to_owned(),
            cores: vec![0, 1],
            gpus: vec![],
        }],
        pinned: false,
        attributes: vec![],
        limit_ms: 0,
    }
}

fn limits() -> Limits {
    Limits {
        deadline: Duration::from_millis(100),
        ..Limits::for_world(World::TaskExecutor)
    }
}

fn executor(run: &str) -> Plugin {
    load("site", &Worker::executor(run).build(), World::TaskExecutor)
}

async fn run(plugin: &Plugin, script: Script) -> (Result<WorkExit, WorkFailure>, Script) {
    let scratch = Path::new("/scratch/job-7");
    plugin
        .run(&assignment("true"), scratch, limits(), script)
        .await
}

async fn fault(plugin: &Plugin, script: Script) -> (Fault, Script) {
    match run(plugin, script).await {
        (Err(WorkFailure::Fault(fault)), script) => (fault, script),
        (other, _) => panic!("no fault: {other:?}"),
    }
}

fn exited(code: i32) -> ProcessEvent {
    ProcessEvent::Exited {
        process: 0,
        code,
        signal: None,
    }
}

/// Waits for one event, and ends with the exit that is in it.
const WAIT: &str = "
    (call $next (i32.const 0) (i32.const 0) (i32.const 512))
    (i32.store (i32.const 604) (i32.load (i32.const 520)))
    (i32.store8 (i32.const 608) (i32.load8_u (i32.const 524)))
    (i32.store (i32.const 612) (i32.load (i32.const 528)))
    i32.const 600";

#[tokio::test]
async fn an_exit_goes_through_the_guest() {
    let plugin = executor(WAIT);
    let (result, script) = run(&plugin, Script::of(&[exited(-3)])).await;
    assert_eq!(
        result.unwrap(),
        WorkExit {
            code: -3,
            signal: None
        }
    );
    assert_eq!(script.did, [Did::Next(None)]);

    let event = ProcessEvent::Exited {
        process: 0,
        code: 143,
        signal: Some(15),
    };
    let (result, _) = run(&plugin, Script::of(&[event])).await;
    assert_eq!(
        result.unwrap(),
        WorkExit {
            code: 143,
            signal: Some(15)
        }
    );
}

#[tokio::test]
async fn all_three_worlds_do_work() {
    let worlds = [World::TaskExecutor, World::PrepareTask, World::ReleaseTask];
    for world in worlds {
        let worker = Worker {
            interface: world.export(),
            ..Worker::executor(WAIT)
        };
        let plugin = load("site", &worker.build(), world);
        let (result, _) = run(&plugin, Script::of(&[exited(4)])).await;
        assert_eq!(result.unwrap().code, 4, "{world}");
    }
}

#[tokio::test]
async fn a_failure_is_told_in_the_plugins_words() {
    let data = Bytes::default()
        .u32(1)
        .u32(3)
        .u32(DATA + 16)
        .u32(8)
        .text("no disk!");
    let worker = Worker {
        data,
        ..Worker::executor(&format!("i32.const {DATA}"))
    };
    let plugin = load("site", &worker.build(), World::TaskExecutor);
    match run(&plugin, Script::of(&[])).await.0 {
        Err(WorkFailure::Reported { code: 3, text }) => assert_eq!(text, "no disk!"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_trap_gives_the_processes_back() {
    let plugin = executor("(call $log (i32.const 1) (i32.const 0) (i32.const 2)) unreachable");
    let (fault, script) = fault(&plugin, Script::of(&[])).await;
    assert_eq!((fault.function, fault.kind), ("run", FaultKind::Trap));
    assert_eq!(fault.log, script.log);
    assert_eq!(script.log.len(), 1);
}

#[tokio::test]
async fn a_loop_ends_at_the_deadline_and_lets_others_run() {
    let plugin = executor("(loop $for_ever (br $for_ever)) unreachable");
    let turns = Arc::new(AtomicUsize::new(0));
    let others = tokio::spawn({
        let turns = turns.clone();
        async move {
            loop {
                turns.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    // One thread runs both, so the other task has turns only when the guest yields.
    let (fault, _) = fault(&plugin, Script::of(&[])).await;
    others.abort();
    assert_eq!(fault.kind, FaultKind::Deadline);
    let turns = turns.load(Ordering::SeqCst);
    assert!(turns >= 5, "{turns} turns");
}

#[tokio::test]
async fn a_loop_around_next_ends_at_the_deadline_too() {
    let plugin = executor(
        "(loop $for_ever (call $next (i32.const 1) (i32.const 0) (i32.const 512)) (br $for_ever))
         unreachable",
    );
    let (sender, script) = Script::open();
    let feed = tokio::spawn(async move {
        while sender.send(ProcessEvent::Deadline).is_ok() {
            tokio::task::yield_now().await;
        }
    });
    let (fault, _) = fault(&plugin, script).await;
    assert_eq!(fault.kind, FaultKind::Deadline);
    feed.await.unwrap();
}

#[tokio::test]
async fn time_asleep_does_not_count() {
    let wait = "(call $next (i32.const 0) (i32.const 0) (i32.const 512))".repeat(8);
    let plugin = executor(&format!("{wait} i32.const 600"));
    let (sender, script) = Script::open();
    tokio::spawn(async move {
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(40)).await;
            sender.send(ProcessEvent::Deadline).unwrap();
        }
    });
    let (result, script) = run(&plugin, script).await;
    assert_eq!(
        result.unwrap(),
        WorkExit {
            code: 0,
            signal: None
        }
    );
    assert_eq!(script.did.len(), 8);
}

#[tokio::test]
async fn a_memory_bomb() {
    let plugin = executor(
        "(block $denied
           (loop $more (br_if $denied (i32.eq (i32.const -1) (memory.grow (i32.const 64))))
             (br $more)))
         unreachable",
    );
    let (fault, _) = fault(&plugin, Script::of(&[])).await;
    assert_eq!(fault.kind, FaultKind::Memory);
}

#[tokio::test]
async fn processes_have_a_limit() {
    // Spawns until it is refused, and ends with the number of processes that it got. The command at 0 is all empty,
    // and so is its list of arguments.
    let run = "
        (loop $more
          (call $spawn (i32.const 0) (i32.const 512))
          (if (i32.eqz (i32.load8_u (i32.const 512))) (then
            (i32.store (i32.const 604) (i32.add (i32.load (i32.const 516)) (i32.const 1)))
            (br $more))))
        i32.const 600";
    let (result, script) = self::run(&executor(run), Script::of(&[])).await;
    assert_eq!(result.unwrap().code, 1024);
    assert_eq!(script.did.len(), 1024);
}

#[tokio::test]
async fn dropping_the_future_drops_instance_and_processes() {
    let plugin = executor(WAIT);
    let (sender, script) = Script::open();
    let alive = script.alive.clone();
    let mut work = Box::pin(run(&plugin, script));
    // As far as it goes: to sleep in `next`.
    assert!(poll_once(&mut work).is_none());
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(work);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_looping_guest_can_be_dropped_too() {
    let plugin = executor("(loop $for_ever (br $for_ever)) unreachable");
    let script = Script::of(&[]);
    let alive = script.alive.clone();
    let slow = Limits {
        deadline: Duration::from_secs(3600),
        ..limits()
    };
    let work = assignment("true");
    let work = plugin.run(&work, Path::new("/scratch"), slow, script);
    assert!(
        tokio::time::timeout(Duration::from_millis(30), work)
            .await
            .is_err()
    );
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wait_without_a_thread_each() {
    const MANY: usize = 1000;
    let plugin = executor(WAIT);
    let waiting = Arc::new(Semaphore::new(0));
    let mut senders = Vec::new();
    let mut work = Vec::new();
    for n in 0..MANY {
        let (sender, script) = Script::open();
        let (plugin, waiting) = (plugin.clone(), waiting.clone());
        senders.push(sender);
        work.push(tokio::spawn(async move {
            let mut running = Box::pin(run(&plugin, script));
            let first = poll_once(&mut running);
            assert!(first.is_none(), "{n} did not wait");
            waiting.add_permits(1);
            running.await.0.unwrap().code
        }));
    }
    let _all = waiting.acquire_many(MANY as u32).await.unwrap();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    assert!(threads < 100, "{threads} threads");
    for (n, sender) in senders.iter().enumerate() {
        sender.send(exited(n as i32)).unwrap();
    }
    for (n, work) in work.into_iter().enumerate() {
        assert_eq!(work.await.unwrap(), n as i32);
    }
}

#[tokio::test]
async fn files_are_reached_through_the_guest() {
    let call = |function: &str| {
        format!(
            "(call ${function} (i32.load offset=84 (local.get $work))
                (i32.load offset=88 (local.get $work)) (i32.const 512))
             (if (i32.load8_u (i32.const 512)) (then unreachable))"
        )
    };
    let expect = |there: u32| {
        format!(
            "(if (i32.ne (i32.const {there}) (i32.load8_u (i32.const 516))) (then unreachable))"
        )
    };
    let keep_count = "(i32.store (i32.const 604) (i32.load (i32.const 520)))".to_owned();
    let body = [
        call("exists"),
        expect(0),
        call("create"),
        call("exists"),
        expect(1),
        call("list"),
        keep_count,
        call("remove"),
        call("exists"),
        expect(0),
        "i32.const 600".to_owned(),
    ];
    let plugin = executor(&body.concat());
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("job-7");
    let work = assignment("true");
    let script = Script::granting(&scratch);
    let (result, _) = plugin.run(&work, &scratch, limits(), script).await;
    assert_eq!(result.unwrap().code, 0);
    assert!(!scratch.exists());

    // The same without the grant: the first call is refused, and the guest traps.
    let (result, _) = plugin.run(&work, &scratch, limits(), Script::of(&[])).await;
    assert!(matches!(result, Err(WorkFailure::Fault(_))));
}

#[tokio::test]
async fn a_policy_does_no_work() {
    let policy = crate::wat::Policy::default().build();
    let plugin = load("site", &policy, World::SchedulingPolicy);
    let (fault, _) = fault(&plugin, Script::of(&[])).await;
    assert_eq!(fault.text, "is a scheduling-policy, which does no work");
}

/// One poll.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
