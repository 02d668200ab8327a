//! What black-box tests share: the real binary, folders of their own, and waiting for a condition.

pub mod daemon;
pub mod https;
pub mod kills;
pub mod load;
mod random;
pub mod rankers;
pub mod seeds;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package has a workspace")
}

/// The `jobyard` binary that was built beside this program: a test is in `<profile>/deps`, the programs are in `<profile>`.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own file");
    let mut beside = own.ancestors().skip(1).take(2);
    let found = beside.find_map(|folder| Some(folder.join("jobyard")).filter(|f| f.is_file()));
    found.unwrap_or_else(|| {
        panic!(
            "jobyard is not built beside {}: run `cargo build` or `cargo test` in the workspace's root",
            own.display()
        )
    })
}

/// A folder for one test, removed at its end; compiled components are shared by all tests.
pub struct Place(tempfile::TempDir);

impl Place {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Place(tempfile::tempdir().expect("the system gives temporary folders"))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("a temporary folder can be written");
        path
    }

    /// The content of a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// `jobyard VERB …` to be run here, its output below this folder.
    pub fn jobyard(&self, verb: &str) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.path())
            .env("XDG_STATE_HOME", self.path().join("state"));
        command
            .arg("--cache")
            .arg(binary().with_file_name("test-code-cache"))
            .arg(verb);
        command
    }
}

/// What a finished command said.
pub struct Said {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("{e} in {:?}; {:?}", self.out, self.err))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Said {
    command.output().expect("the binary starts").into()
}

/// One request to the daemon whose data folder is `data` below this folder, on a connection of its own: the status, and the body.
///
/// # Errors
/// What the socket says, and an answer that is none.
pub fn ask(root: &Path, method: &str, path: &str, body: &str) -> io::Result<(u16, Value)> {
    let (status, body, _) = ask_with(root, method, path, "", body)?;
    Ok((status, body))
}

/// The same with more in the head, lines that each end with CR LF; the answer has its head too.
///
/// # Errors
/// Nobody listens, or the answer is none.
pub fn ask_with(
    root: &Path,
    method: &str,
    path: &str,
    head: &str,
    body: &str,
) -> io::Result<(u16, Value, String)> {
    let mut stream = UnixStream::connect(root.join("data/jobyard.sock"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\n{head}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((status(head)?, serde_json::from_str(body)?, head.into()))
}

/// The status in the first line of an answer.
fn status(head: &str) -> io::Result<u16> {
    let said = head.split(' ').nth(1);
    let status = said.and_then(|status| status.parse().ok());
    Ok(status.ok_or(io::ErrorKind::InvalidData)?)
}

/// Waits until something is there; panics with what was seen last after half a minute.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "waited 30 s for {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
