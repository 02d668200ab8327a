//! A node process and its hosts, each of them a real process that is really killed.
//!
//! The processes are this test program again: [`the_node_process`] and [`the_host`] do nothing as tests.

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jobyard_kernel::{Assignment, Ending, Execution, FromNode, ToNode};
use jobyard_node::{LinkEvent, NodeConfig, NodeLink, NodeProcess, ProcessConfig, process};
use rustix::process::{Pid, Signal};
use tokio::sync::mpsc;

use crate::support::{PATIENCE, PLUGINS, exited, is_alive, line, task, until};

/// With a data folder behind its name on the command line it is the node process of it.
#[test]
fn the_node_process() {
    let Some(data) = argument() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let defaults = ProcessConfig::new(NodeConfig::new("by-hand", &data));
    if let Err(error) = runtime.block_on(process::serve(&data, defaults, PLUGINS.clone())) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// With a data folder behind its name it is a host, sends the messages in `messages.json` there, writes what it hears to `heard`, and stays.
#[test]
fn the_host() {
    let Some(data) = argument() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut host = Host::new(&data, |_| {});
        let text = std::fs::read_to_string(data.join("messages.json")).unwrap();
        let messages: Vec<ToNode> = serde_json::from_str(&text).unwrap();
        host.connected().await;
        for message in messages {
            host.link.send(message).await.unwrap();
        }
        while let Some(event) = host.events.recv().await {
            println!("{event:?}");
        }
    });
}

/// The data folder that this program was given beside a test's name; to the test harness it is the name of a test that is not there.
fn argument() -> Option<PathBuf> {
    std::env::args()
        .nth(2)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn arguments(name: &str, data: &Path) -> Vec<OsString> {
    let name = format!("process::{name}");
    vec![
        name.into(),
        data.into(),
        "--exact".into(),
        "--nocapture".into(),
    ]
}

fn node_process(data: &Path) -> NodeProcess {
    let mut config = NodeConfig::new("node1", data);
    config.working_folder = data.to_owned();
    let mut process = NodeProcess::new(data, config).unwrap();
    process.arguments = arguments("the_node_process", data);
    process
}

/// The host's side.
struct Host {
    link: NodeLink,
    events: mpsc::Receiver<LinkEvent>,
}

impl Host {
    fn new(data: &Path, change: impl FnOnce(&mut NodeProcess)) -> Host {
        let mut process = node_process(data);
        change(&mut process);
        let (link, events) = NodeLink::to_process(process).unwrap();
        Host { link, events }
    }

    async fn event(&mut self) -> LinkEvent {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .expect("nothing came")
            .expect("the link is gone")
    }

    /// The next connection: the number of the process, and what it holds.
    async fn connected(&mut self) -> (String, Vec<Execution>) {
        loop {
            if let LinkEvent::Connected { process, holds } = self.event().await {
                return (process.to_string(), holds);
            }
        }
    }

    async fn why_not(&mut self) -> String {
        loop {
            if let LinkEvent::Disconnected { why } = self.event().await {
                return why;
            }
        }
    }

    async fn start(&self, assignment: &Assignment) {
        let message = ToNode::Start(Box::new(assignment.clone()));
        self.link.send(message).await.unwrap();
    }

    async fn ended(&mut self) -> (Execution, Ending) {
        loop {
            if let LinkEvent::Report(FromNode::Ended {
                execution, ending, ..
            }) = self.event().await
            {
                return (execution, ending);
            }
        }
    }

    async fn forget(&self, execution: Execution) {
        self.link.send(ToNode::Forget(execution)).await.unwrap();
    }
}

/// Kills it at last, so that no test leaves a node process behind.
struct Data(tempfile::TempDir);

impl Data {
    fn new() -> Data {
        Data(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // Its work is killed with it.
        if let Some(pid) = self
            .read("node/lock")
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            && std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains(&self.path().display().to_string()))
        {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

fn kill(pid: &str) {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

/// A host in a process of its own, which sends these.
fn host_process(data: &Path, messages: &[ToNode]) -> Child {
    let text = serde_json::to_string(messages).unwrap();
    std::fs::write(data.join("messages.json"), text).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(arguments("the_host", data))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(data.join("heard")).unwrap())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn work_outlives_its_host_and_the_next_one_learns_how_it_ended() {
    let data = Data::new();
    let count = 6;
    let mut tasks = Vec::new();
    for n in 1..=count {
        let line = format!(
            "echo once >> count.{n}; while [ ! -e go.{n} ]; do sleep 0.01; done; echo said {n}; echo > done.{n}; exit {n}"
        );
        tasks.push(task(n, &line));
    }
    let starts: Vec<ToNode> = tasks
        .iter()
        .map(|task| ToNode::Start(Box::new(task.clone())))
        .collect();
    let mut first = host_process(data.path(), &starts);
    for n in 1..=count {
        line(&data.path().join(format!("count.{n}"))).await;
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // Half of them end while there is no host.
    for n in 1..=count / 2 {
        std::fs::write(data.path().join(format!("go.{n}")), "").unwrap();
        line(&data.path().join(format!("done.{n}"))).await;
    }

    let mut second = Host::new(data.path(), |_| {});
    let (process, holds) = second.connected().await;
    let all: Vec<Execution> = tasks.iter().map(|task| task.execution).collect();
    assert_eq!(holds, all);
    // What a host that knows nothing of their start sends again is not done again.
    for task in &tasks {
        second.start(task).await;
    }
    for n in count / 2 + 1..=count {
        std::fs::write(data.path().join(format!("go.{n}")), "").unwrap();
    }
    let mut ends = std::collections::BTreeMap::new();
    while ends.len() < tasks.len() {
        let (execution, ending) = second.ended().await;
        ends.insert(execution, ending);
    }
    for (task, n) in tasks.iter().zip(1..) {
        assert_eq!(ends[&task.execution], exited(n));
        assert_eq!(data.read(&format!("count.{n}")), "once\n");
        let (output, _) = second.link.output_files(task.execution);
        assert_eq!(
            std::fs::read_to_string(output).unwrap(),
            format!("said {n}\n")
        );
    }

    // A third host hears of what the second has not acknowledged, and of nothing else.
    second.forget(all[0]).await;
    second.start(&task(99, "exit 0")).await;
    while second.ended().await.0 != task(99, "").execution {}
    drop(second);
    let mut third = Host::new(data.path(), |_| {});
    let (same, holds) = third.connected().await;
    assert_eq!(same, process);
    assert_eq!(holds.len(), tasks.len(), "{holds:?}");
    assert!(!holds.contains(&all[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_process_leaves_is_killed_before_the_next_takes_work() {
    let data = Data::new();
    let mut host = Host::new(data.path(), |_| {});
    let (first, _) = host.connected().await;
    let detached = task(1, "setsid sleep 3601 & echo $$ $! > pids.1; sleep 3602");
    // This one has lost its marks, but writes to captured output.
    let unmarked = task(
        2,
        "setsid env -i /bin/sh -c 'while sleep 0.01; do echo x; done' & echo $$ $! > pids.2; wait",
    );
    host.start(&detached).await;
    host.start(&unmarked).await;
    let mut pids = line(&data.path().join("pids.1")).await;
    pids = pids + " " + &line(&data.path().join("pids.2")).await;
    assert!(pids.split(' ').all(is_alive), "{pids}");

    kill(&first);
    let check = task(
        3,
        "for p in $PIDS; do grep -qs 'State:.[^ZX]' /proc/$p/status && exit 1; done; exit 0",
    );
    let check = Assignment {
        environment: vec![("PIDS".into(), pids.clone())],
        ..check
    };
    let (second, holds) = host.connected().await;
    assert_ne!(first, second);
    assert_eq!(holds, [], "what is not there any more is not in the list");
    host.start(&check).await;
    assert_eq!(host.ended().await, (check.execution, exited(0)));
    assert!(!pids.split(' ').any(is_alive), "{pids}");
    let log = data.read("node/log");
    assert!(log.contains("that a former node process has left"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_has_one_node_process_and_that_one_host() {
    let data = Data::new();
    let mut host = Host::new(data.path(), |_| {});
    let (process, _) = host.connected().await;
    let second = Command::new(std::env::current_exe().unwrap())
        .args(arguments("the_node_process", data.path()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    let folder = data.path().display();
    assert_eq!(
        said,
        format!("the data folder `{folder}` has a node process already: process {process}\n")
    );
    let mut other = Host::new(data.path(), |_| {});
    assert_eq!(
        other.why_not().await,
        "it refuses: another host is connected"
    );
    drop(host);
    assert_eq!(other.connected().await, (process, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_process_that_nobody_needs_ends() {
    let data = Data::new();
    let soon = |process: &mut NodeProcess| process.config.linger_ms = 1;
    let mut host = Host::new(data.path(), soon);
    let (process, _) = host.connected().await;
    let work = task(1, "echo > there; while [ ! -e go ]; do sleep 0.01; done");
    host.start(&work).await;
    line(&data.path().join("there")).await;
    drop(host);
    std::fs::write(data.path().join("go"), "").unwrap();
    let mut host = Host::new(data.path(), soon);
    assert_eq!(
        host.connected().await,
        (process.clone(), vec![work.execution])
    );
    assert_eq!(host.ended().await, (work.execution, exited(0)));
    host.forget(work.execution).await;
    let last = task(2, "exit 0");
    host.start(&last).await;
    while host.ended().await.0 != last.execution {}
    host.forget(last.execution).await;
    drop(host);
    until("its end", || (!is_alive(&process)).then_some(())).await;
    assert!(data.read("node/log").contains("] ended\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_one_of_another_configuration_is_replaced_and_a_busy_one_is_not() {
    let data = Data::new();
    let mut host = Host::new(data.path(), |_| {});
    let (first, _) = host.connected().await;
    let work = task(1, "while [ ! -e go ]; do sleep 0.01; done; exit $CHANGED");
    host.start(&work).await;
    while !matches!(
        host.event().await,
        LinkEvent::Report(FromNode::Started { .. })
    ) {}
    drop(host);
    let changed = |process: &mut NodeProcess| {
        let environment = &mut process.config.node.environment;
        environment.push(("CHANGED".into(), "3".into()));
    };
    let mut host = Host::new(data.path(), changed);
    assert_eq!(
        host.connected().await,
        (first.clone(), vec![work.execution])
    );
    std::fs::write(data.path().join("go"), "").unwrap();
    assert_eq!(host.ended().await, (work.execution, exited(0)));
    host.forget(work.execution).await;
    let next = task(2, "exit 0");
    host.start(&next).await;
    assert_eq!(host.ended().await, (next.execution, exited(0)));
    host.forget(next.execution).await;
    drop(host);

    let mut host = Host::new(data.path(), changed);
    let (second, _) = host.connected().await;
    assert_ne!(first, second);
    let work = task(3, "exit $CHANGED");
    host.start(&work).await;
    assert_eq!(host.ended().await, (work.execution, exited(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_work_and_the_host_hears_how() {
    let data = Data::new();
    let mut host = Host::new(data.path(), |_| {});
    let (process, _) = host.connected().await;
    let work = task(
        1,
        "trap 'exit 4' INT; echo > there; while :; do sleep 0.01; done",
    );
    host.start(&work).await;
    line(&data.path().join("there")).await;
    let pid = Pid::from_raw(process.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let stopped = Ending::Stopped { code: Some(4) };
    assert_eq!(host.ended().await, (work.execution, stopped));
    assert_ne!(host.connected().await.0, process, "the host wants one");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_socket_harms_nobody() {
    use std::io::{Read, Write};

    let data = Data::new();
    let mut host = Host::new(data.path(), |_| {});
    let (process, _) = host.connected().await;
    drop(host);
    let socket = data.path().join("node/socket");
    let refused = |bytes: &[u8]| {
        // The host before may not be gone yet.
        loop {
            let mut stream = UnixStream::connect(&socket).unwrap();
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let answer = String::from_utf8_lossy(&answer).into_owned();
            if !answer.contains("another host is connected") {
                return answer;
            }
        }
    };
    let framed = |text: &str| {
        let length = u32::try_from(text.len()).unwrap();
        [&length.to_le_bytes(), text.as_bytes()].concat()
    };
    assert!(refused(&[0xff; 64]).contains("a frame of 4294967295 bytes is over the limit"));
    assert!(refused(&framed("{}")).contains("a frame is not understood"));
    assert!(refused(&framed("\"End\"")).contains("a host says hello first"));
    assert_eq!(refused(b"\x05\0\0"), "", "it just went away");
    let other = framed(r#"{"Hello":{"protocol":2,"node":"node2"}}"#);
    assert!(refused(&other).contains("the host wants node `node2`"));
    // It had no work, so it has gone; the host finds another.
    let mut host = Host::new(data.path(), |_| {});
    let (next, _) = host.connected().await;
    assert_ne!(process, next);
    let hello = framed(r#"{"Hello":{"protocol":2,"node":"node1"}}"#);
    drop(host);
    let answer = refused(&[&hello[..], &framed("\"Nonsense\"")].concat());
    assert!(answer.contains("Welcome"), "{answer}");
    let mut host = Host::new(data.path(), |_| {});
    assert_eq!(host.connected().await, (next, vec![]));
}
