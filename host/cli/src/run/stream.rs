//! Copies what a command writes to this program's own output while it runs.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

/// The captured output of one attempt, as far as it was copied.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    output: Option<Followed>,
    error: Option<Followed>,
}

#[derive(Debug)]
struct Followed {
    path: PathBuf,
    file: Option<File>,
}

impl Stream {
    /// Goes on with these files: a new attempt begins.
    pub(crate) fn follow(&mut self, files: Option<(PathBuf, PathBuf)>) {
        self.copy();
        let Some((output, error)) = files else { return };
        self.output = Some(Followed {
            path: output,
            file: None,
        });
        self.error = Some(Followed {
            path: error,
            file: None,
        });
    }

    /// Copies what is new. A reader that went away is no error: the file has it all.
    pub(crate) fn copy(&mut self) {
        if let Some(output) = &mut self.output {
            output.copy(&mut std::io::stdout());
        }
        if let Some(error) = &mut self.error {
            error.copy(&mut std::io::stderr());
        }
    }
}

impl Followed {
    fn copy(&mut self, to: &mut impl Write) {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.flush();
    }
}
