//! `jobyard top` in a terminal of its own: what it shows, what keys do, and that the terminal is as it was afterwards.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use jobyard_tests::{binary, wait_for};
use rustix::process::Signal;

use super::Daemon;

/// Rows and columns.
const SIZE: (NonZero<u16>, NonZero<u16>) = (NonZero::new(30).unwrap(), NonZero::new(120).unwrap());

/// A terminal in which `jobyard top` runs, and then says how it found the terminal.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    parser: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn start(daemon: &Daemon) -> Terminal {
        Terminal::start_with(daemon, &[])
    }

    /// `script` makes the terminal.
    fn start_with(daemon: &Daemon, variables: &[(&str, &str)]) -> Terminal {
        let (rows, columns) = SIZE;
        let top = binary();
        let top = top.display();
        let script = format!("stty rows {rows} cols {columns}; '{top}' top; echo code $?; stty -a");
        let mut command = Command::new("script");
        command.args(["-q", "-f", "-e", "-c", &script, "/dev/null"]);
        command.current_dir(daemon.place.path());
        command
            .env("JOBYARD_DATA", "data")
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("script is there (bsdutils)");
        let keys = child.stdin.take().expect("it is a pipe");
        let mut out = child.stdout.take().expect("it is a pipe");
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let screen = Arc::clone(&parser);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                screen.lock().unwrap().process(&bytes[..count]);
            }
        });
        Terminal {
            child,
            keys,
            parser,
        }
    }

    fn text(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Waits until all of this is on the screen.
    fn shows(&self, parts: &[&str]) -> String {
        wait_for(&format!("{parts:?} on the screen"), || {
            let text = self.text();
            parts.iter().all(|part| text.contains(part)).then_some(text)
        })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// That it has ended well, and the terminal echoes and edits lines again.
    fn ends_in_order(mut self) {
        self.shows(&["code 0", " icanon", " echo "]);
        assert!(!self.parser.lock().unwrap().screen().alternate_screen());
        assert!(!self.parser.lock().unwrap().screen().hide_cursor());
        wait_for("the terminal to close", || self.child.try_wait().unwrap());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A daemon with a job that has all cores, and one behind it.
fn busy() -> Daemon {
    let daemon = Daemon::start_in(jobyard_tests::Place::new(), &["--cores", "2"]);
    let waits = "command = \"while :; do sleep 0.05; done\"";
    daemon.submit(&format!(
        "name = \"ahead\"\ncores = 2\n[[task]]\ncores = 2\n{waits}"
    ));
    daemon.until("1", "Running");
    daemon.submit(&format!(
        "name = \"behind\"\ncores = 2\n[[task]]\ncores = 2\n{waits}"
    ));
    daemon.until("2", "Queued");
    daemon
}

#[test]
fn one_picture_goes_to_scripts() {
    let daemon = busy();
    let picture = daemon.done(&["top", "--once"]);
    for part in [
        "2 of 2 cores busy",
        "1 of 1 nodes online",
        "1 running, 1 queued",
        "ahead",
        "behind",
        "why it waits",
        "policy backfill",
    ] {
        assert!(picture.contains(part), "{part} is not in\n{picture}");
    }
    assert!(!picture.contains('\u{1b}'), "{picture}");
    daemon.refused(&["top"], &["no terminal", "--once"]);
}

#[test]
fn keys_show_a_job_in_full_and_cancel_it() {
    let daemon = busy();
    let mut terminal = Terminal::start(&daemon);
    terminal.shows(&["2 of 2 cores busy", "ahead", "behind", "q end"]);
    terminal.press("\r");
    let job = terminal.shows(&["job 2 behind: Queued", "owner", "basic", "Esc back"]);
    assert!(!job.contains("[38;"), "{job}");
    terminal.press("q");
    terminal.shows(&["why it waits"]);
    terminal.press("c");
    terminal.shows(&["cancel job 2? y for yes"]);
    terminal.press("n");
    terminal.shows(&["q end"]);
    terminal.press("cy");
    terminal.shows(&["job 2 is being canceled", "queue: no jobs"]);
    daemon.until("2", "Canceled");
    // Back to the list before: Tab goes round.
    terminal.press("\t\tk");
    terminal.shows(&["q end"]);
    terminal.press("cy");
    daemon.until("1", "Canceled");
    terminal.shows(&["0 of 2 cores busy", "2 canceled"]);
    terminal.press("q");
    terminal.ends_in_order();
}

#[test]
fn control_c_leaves_the_terminal_as_it_was() {
    let daemon = Daemon::start();
    let mut terminal = Terminal::start(&daemon);
    terminal.shows(&["queue: no jobs"]);
    terminal.press("\u{3}");
    terminal.ends_in_order();
}

#[test]
fn a_long_queue_is_gone_through_page_by_page() {
    let daemon = Daemon::start();
    let node = daemon.done(&["node", "list", "-q"]);
    daemon.done(&["node", "drain", node.trim()]);
    let jobs: Vec<_> = (0..60)
        .map(|_| serde_json::json!({"task": [{"command": "true"}]}))
        .collect();
    daemon
        .place
        .file("jobs.json", serde_json::to_string(&jobs).unwrap());
    daemon.done(&["job", "submit", "jobs.json"]);
    let mut terminal = Terminal::start(&daemon);
    let first = terminal.shows(&["60 queued", "queue, next first: 1 to ", " of 60"]);
    assert!(place(&first, 1) < place(&first, 2), "{first}");
    terminal.press("\u{1b}[6~");
    let second = wait_for("the second page", || {
        let text = terminal.text();
        let rest = text.split("next first: ").nth(1)?;
        let first = rest.split(' ').next()?.parse::<u32>().ok()?;
        (first > 1).then_some(first)
    });
    // In an idle queue a job's place is its number.
    terminal.shows(&[&format!(" {second}      {second} ")]);
    terminal.press("G");
    terminal.shows(&[" to 60 of 60", " 60      60 "]);
    terminal.press("g");
    terminal.shows(&["next first: 1 to "]);
    terminal.press("\u{1b}[5~");
    terminal.shows(&["next first: 1 to "]);
    // What comes with a higher priority stands before all of them, at once.
    daemon.submit("name = \"urgent\"\npriority = \"Highest\"\n[[task]]\ncommand = \"true\"\n");
    terminal.shows(&[" 1      61 urgent", "61 queued"]);
    terminal.press("q");
    terminal.ends_in_order();
}

/// The line in which a place of the queue stands.
fn place(text: &str, number: u32) -> Option<usize> {
    let name = format!(" {number} ");
    let mut lines = text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.contains("next first"));
    lines
        .find(|(_, line)| line.contains(&name))
        .map(|(at, _)| at)
}

#[test]
fn who_may_not_follow_the_jobs_of_all_sees_what_changes_too() {
    let (daemon, https) = super::https::daemon();
    let server = format!("https://{}", https.address);
    let token = daemon.done(&["user", "token", "ann"]);
    let ways = [
        ("JOBYARD_SERVER", server.as_str()),
        ("JOBYARD_TOKEN", token.trim()),
    ];
    let mut terminal = Terminal::start_with(&daemon, &ways);
    terminal.shows(&["queue: no jobs", "0 running"]);
    daemon.done(&["job", "submit", "--name", "others", "--", "sleep", "600"]);
    terminal.shows(&["1 running", "others"]);
    daemon.done(&["job", "cancel", "1"]);
    terminal.shows(&["0 running", "1 canceled"]);
    terminal.press("q");
    terminal.ends_in_order();
}

#[test]
fn a_daemon_that_was_away_is_seen_again() {
    let mut daemon = busy();
    let mut terminal = Terminal::start(&daemon);
    terminal.shows(&["ahead", "behind", "q end"]);
    daemon.signal(Signal::KILL);
    daemon.end();
    terminal.shows(&["no daemon answers"]);
    daemon.again(&["--cores", "2"]);
    terminal.shows(&["ahead", "behind", "q end"]);
    daemon.done(&["job", "cancel", "2"]);
    terminal.shows(&["queue: no jobs", "1 canceled"]);
    terminal.press("q");
    terminal.ends_in_order();
}
