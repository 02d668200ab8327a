//! The property `Output`: what a task wrote to captured output, up to 4 KiB: as it began, or while it runs its latest.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use jobyard::kernel::Execution;

use super::value::Value;
use crate::app::App;

/// Bytes of it.
const OUTPUT_BYTES_MAX: u64 = 4 * 1024;

/// None when nothing was written, or not to a file that the node keeps.
pub(super) async fn of(app: &App, execution: Execution, runs: bool) -> Option<Value> {
    let mut nodes = app.local_nodes.iter();
    let (out, err) = nodes.find_map(|node| app.engine.output_files(node, execution))?;
    let read = move || {
        let mut bytes = read(&out, OUTPUT_BYTES_MAX, runs).unwrap_or_default();
        let rest = OUTPUT_BYTES_MAX - bytes.len() as u64;
        bytes.extend(read(&err, rest, runs).unwrap_or_default());
        bytes
    };
    // An error means that the daemon ends.
    let bytes = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    Value::text(String::from_utf8_lossy(&bytes))
}

/// The first bytes of a file, or its last ones. One that is not there is empty.
fn read(path: &Path, bytes_max: u64, from_the_end: bool) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if from_the_end {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes_max)))?;
    }
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_or_the_end_of_a_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        assert_eq!(read(&path, 3, false).unwrap(), b"");
        std::fs::write(&path, "abcdef").unwrap();
        assert_eq!(read(&path, 3, false).unwrap(), b"abc");
        assert_eq!(read(&path, 3, true).unwrap(), b"def");
        assert_eq!(read(&path, 9, true).unwrap(), b"abcdef");
    }
}
