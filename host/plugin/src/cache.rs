//! Compiled code on disk, so that a component is compiled once a machine rather than once a start.
//!
//! Native code that is loaded from a file runs with all rights of the host, so two things are asked of it: the folder belongs
//! to the user that the host runs as and nobody else may write there, and each file begins with the digest
//! of the code that follows, which catches what was cut or damaged. What does not pass is compiled
//! again; the cache is never a reason to fail.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::{hex, sha256};

/// First bytes of a file; another number when what follows changes.
const MAGIC: &[u8; 16] = b"jobyard cwasm 1\n";

/// Files that the folder may hold: the oldest go when there are more.
const FILES_MAX: usize = 256;

/// Why the folder given for compiled code is not used. Everything works without it, only slower.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheRefusal {
    /// It could not be made or looked at.
    #[error("{}: {reason}", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Somebody else owns it.
    #[error("{} belongs to user {owner}, not to user {user} that the host runs as", folder.display())]
    Owner {
        /// The folder.
        folder: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// The number of the user that the host runs as.
        user: u32,
    },
    /// Others may write there.
    #[error("{} may be written by others (mode {mode:03o}): make it 700", folder.display())]
    Writable {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// A folder of compiled code that passed the checks.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// Makes the folder if need be, and checks whose it is.
    pub(crate) fn open(folder: &Path) -> Result<Self, CacheRefusal> {
        let unusable = |error: io::Error| CacheRefusal::Unusable {
            folder: folder.to_owned(),
            reason: error.to_string(),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(unusable)?;
        let folder = fs::canonicalize(folder).map_err(unusable)?;
        let metadata = fs::metadata(&folder).map_err(unusable)?;
        let user = rustix::process::geteuid().as_raw();
        if metadata.uid() != user {
            return Err(CacheRefusal::Owner {
                folder,
                owner: metadata.uid(),
                user,
            });
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(CacheRefusal::Writable { folder, mode });
        }
        Ok(Self { folder })
    }

    /// The compiled component, if the cache has it whole.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        engine_key: &str,
        digest: &str,
    ) -> Option<Component> {
        let file = fs::read(self.path(engine_key, digest)).ok()?;
        let code = checked(&file)?;
        // SAFETY: the bytes are what `store` wrote: they carry the digest that it put before them, and they came from a
        // folder that only the user the host runs as may write to (`open` checked it), so whoever could forge
        // them could as well replace the host itself. The same bytes that were checked are handed over, there is
        // no second look at the file.
        unsafe { Component::deserialize(engine, code) }.ok()
    }

    /// Puts a compiled component there: whole or not at all. Failing is not an error.
    pub(crate) fn store(&self, engine_key: &str, digest: &str, component: &Component) {
        let Ok(code) = component.serialize() else {
            return;
        };
        if self.write(&self.path(engine_key, digest), &code).is_ok() {
            self.prune();
        }
    }

    fn path(&self, engine_key: &str, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{engine_key}.cwasm"))
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .folder
            .join(format!("{}-{number}.new", std::process::id()));
        let written = (|| {
            let mut file: File = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(MAGIC)?;
            file.write_all(&sha256(code))?;
            file.write_all(code)?;
            fs::rename(&temporary, path)
        })();
        if written.is_err() {
            // Nothing more can be done about it: it is pruned some day.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes the oldest of our files while there are too many.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut ours: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let extension = path.extension()?;
                (extension == "cwasm" || extension == "new").then_some(())?;
                Some((fs::metadata(&path).ok()?.modified().ok()?, path))
            })
            .collect();
        if ours.len() > FILES_MAX {
            ours.sort();
            for (_, path) in &ours[..ours.len() - FILES_MAX] {
                // Another host may have been faster.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// What makes compiled code of one engine unusable to another: wasmtime's version, its settings, the machine.
pub(crate) fn engine_key(engine: &Engine) -> String {
    /// Feeds what is hashed to SHA-256: the standard hasher may differ from one Rust to the next.
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut feed);
    (std::env::consts::ARCH, std::env::consts::OS).hash(&mut feed);
    hex(&feed.0.finalize()[..8])
}

/// The code of a file that is whole.
fn checked(file: &[u8]) -> Option<&[u8]> {
    let (digest, code) = file.strip_prefix(MAGIC)?.split_at_checked(32)?;
    (sha256(code) == digest).then_some(code)
}
