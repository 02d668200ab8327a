//! Where this program keeps its files: compiled components, the output of runs, the data of a daemon.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The folder for compiled components; none when the user has no home and said nothing.
pub(crate) fn cache(chosen: Option<&Path>) -> Option<PathBuf> {
    let folder = || Some(base("XDG_CACHE_HOME", ".cache")?.join("jobyard/code"));
    chosen.map(Path::to_path_buf).or_else(folder)
}

/// The data folder of a daemon; none when the user has no home and said nothing.
pub(crate) fn data(chosen: Option<&Path>) -> Option<PathBuf> {
    let folder = || Some(base("XDG_STATE_HOME", ".local/state")?.join("jobyard/data"));
    // An empty variable is as good as none.
    let chosen = chosen.filter(|path| !path.as_os_str().is_empty());
    chosen.map(Path::to_path_buf).or_else(folder)
}

/// A folder that no other run has: named by the time and this process.
pub(crate) fn new_run() -> PathBuf {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let name = format!("{}-{}", since.as_millis(), std::process::id());
    let state = base("XDG_STATE_HOME", ".local/state");
    state
        .map_or_else(
            || std::env::temp_dir().join("jobyard"),
            |base| base.join("jobyard/runs"),
        )
        .join(name)
}

/// As the XDG base directory specification says: a variable, if it is an absolute path, else below the home folder.
fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
}
