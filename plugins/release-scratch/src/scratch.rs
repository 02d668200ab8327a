//! Removing a scratch folder, against the trait [`Files`]: the host's interface in the component, a script in tests.

use jobyard_plugin_sdk::work::{Exit, Failure, NOT_GRANTED, NOT_LEFT_CLEAN, failure};

/// What is used of the interface `files`: documented in `wit/files.wit`.
pub trait Files {
    /// Whether something is there.
    fn exists(&mut self, path: &str) -> Result<bool, String>;
    /// Removes a folder with all that is in it.
    fn remove_tree(&mut self, path: &str) -> Result<(), String>;
    /// The names in a folder.
    fn list_folder(&mut self, path: &str) -> Result<Vec<String>, String>;
}

/// How many names of what is left a failure shows.
const NAMES_SHOWN_MAX: usize = 5;

/// Removes a scratch folder. Exit code 0 means that nothing of it is there any more, or never was.
///
/// # Errors
/// [`NOT_GRANTED`] for a path that can be no scratch folder: empty, relative, with `..`, or the root.
/// [`NOT_LEFT_CLEAN`] when something is left, or when nobody can say; the text names what is left and why.
pub fn remove(folder: &str, files: &mut impl Files) -> Result<Exit, Failure> {
    if let Some(why) = unusable(folder) {
        let text = format!("the scratch folder `{folder}` is not removed: {why}");
        return Err(failure(NOT_GRANTED, text));
    }
    let removed = files.remove_tree(folder);
    // Look, whatever the removal said: what counts is what is there.
    let left = match files.exists(folder) {
        Ok(false) => {
            return Ok(Exit {
                code: 0,
                signal: None,
            });
        }
        Ok(true) => left_in(folder, files),
        Err(why) => format!("cannot look at {folder}: {why}"),
    };
    let text = match removed {
        Ok(()) => left,
        Err(why) => format!("{left}: {why}"),
    };
    Err(failure(NOT_LEFT_CLEAN, text))
}

fn unusable(folder: &str) -> Option<&'static str> {
    let mut parts = folder
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .peekable();
    if folder.is_empty() {
        Some("the path is empty")
    } else if !folder.starts_with('/') {
        Some("the path is relative")
    } else if parts.peek().is_none() {
        Some("it is the root")
    } else if parts.any(|part| part == "..") {
        Some("the path has `..` in it")
    } else {
        None
    }
}

fn left_in(folder: &str, files: &mut impl Files) -> String {
    match files.list_folder(folder) {
        Ok(names) if !names.is_empty() => {
            let more = match names.len().saturating_sub(NAMES_SHOWN_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown = &names[..names.len().min(NAMES_SHOWN_MAX)];
            format!("left in {folder}: {}{more}", shown.join(", "))
        }
        Ok(_) | Err(_) => format!("left: {folder}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Script {
        exists: Option<Result<bool, String>>,
        removal: Option<String>,
        names: Vec<String>,
        calls: Vec<String>,
    }

    impl Files for Script {
        fn exists(&mut self, path: &str) -> Result<bool, String> {
            self.calls.push(format!("exists {path}"));
            self.exists.clone().unwrap_or(Ok(false))
        }
        fn remove_tree(&mut self, path: &str) -> Result<(), String> {
            self.calls.push(format!("remove {path}"));
            self.removal.clone().map_or(Ok(()), Err)
        }
        fn list_folder(&mut self, path: &str) -> Result<Vec<String>, String> {
            self.calls.push(format!("list {path}"));
            Ok(self.names.clone())
        }
    }

    #[test]
    fn removes_and_looks() {
        let mut script = Script::default();
        assert_eq!(
            remove("/scratch/job-7", &mut script),
            Ok(Exit {
                code: 0,
                signal: None
            })
        );
        assert_eq!(
            script.calls,
            ["remove /scratch/job-7", "exists /scratch/job-7"]
        );
    }

    #[test]
    fn what_is_gone_is_clean_whatever_the_removal_said() {
        let mut script = Script {
            removal: Some("busy".to_owned()),
            ..Script::default()
        };
        assert!(remove("/scratch/job-7", &mut script).is_ok());
    }

    #[test]
    fn names_what_is_left() {
        let left = |removal: Option<&str>, names: &[&str], exists| {
            let mut script = Script {
                exists: Some(exists),
                removal: removal.map(str::to_owned),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                ..Script::default()
            };
            let failure = remove("/s/job-7", &mut script).unwrap_err();
            assert_eq!(failure.code, NOT_LEFT_CLEAN);
            failure.text
        };
        let denied = "cannot remove /s/job-7/a: Permission denied";
        assert_eq!(
            left(Some(denied), &["a", "b"], Ok(true)),
            format!("left in /s/job-7: a, b: {denied}")
        );
        assert_eq!(
            left(None, &["1", "2", "3", "4", "5", "6", "7"], Ok(true)),
            "left in /s/job-7: 1, 2, 3, 4, 5 and 2 more"
        );
        assert_eq!(left(None, &[], Ok(true)), "left: /s/job-7");
        let unseen = left(None, &[], Err("not granted: /s/job-7".to_owned()));
        assert_eq!(unseen, "cannot look at /s/job-7: not granted: /s/job-7");
    }

    #[test]
    fn refuses_what_can_be_no_scratch_folder() {
        for folder in [
            "",
            "scratch",
            "./scratch",
            "/",
            "//",
            "/./",
            "/a/../..",
            "/..",
            "/a/..",
        ] {
            let mut script = Script::default();
            let failure = remove(folder, &mut script).unwrap_err();
            assert_eq!(failure.code, NOT_GRANTED, "{folder}");
            assert!(
                failure.text.contains(&format!("`{folder}`")),
                "{}",
                failure.text
            );
            assert!(script.calls.is_empty(), "{folder}: {:?}", script.calls);
        }
    }
}
