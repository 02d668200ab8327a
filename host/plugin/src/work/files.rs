//! The `files` interface on the granted folders, and no step outside them.
//!
//! Jobs write to the same folders, at the same time and as they like, so a path is never looked at first and used
//! afterwards: see [`walk`](super::walk) and [`removal`](super::removal).

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::fs::Dir;
use rustix::io::Errno;

use super::removal::Removal;
use super::walk::{OnMissing, Stop, Walk, is_dot};

/// Names that `list-folder` returns.
const NAMES_MAX: usize = 100_000;

/// The granted folders of one piece of work.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    granted: Arc<[PathBuf]>,
    /// Whose new ones become, if not this process's: a user and a group.
    belong_to: Option<(u32, u32)>,
}

impl Folders {
    pub(crate) fn new(granted: &[PathBuf], belong_to: Option<(u32, u32)>) -> Self {
        let granted = granted.into();
        Self { granted, belong_to }
    }

    pub(crate) fn exists(&self, path: &str) -> Result<bool, String> {
        let failed = |errno: Errno| format!("cannot look at {path}: {errno}");
        let place = match self.walk(path)?.last_name() {
            Ok(place) => place,
            Err(Stop::Missing) => return Ok(false),
            Err(stop) => return Err(stop.say("look at", path)),
        };
        match place.stat() {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }

    pub(crate) fn create_folder(&self, path: &str) -> Result<(), String> {
        match self
            .walk(path)?
            .all_the_way(OnMissing::Create(self.belong_to))
        {
            Ok(_) => Ok(()),
            Err(stop) => Err(stop.say("make folder", path)),
        }
    }

    pub(crate) fn list_folder(&self, path: &str) -> Result<Vec<String>, String> {
        let failed = |errno: Errno| format!("cannot list {path}: {errno}");
        let folder = self
            .walk(path)?
            .all_the_way(OnMissing::Stop)
            .map_err(|stop| stop.say("list", path))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if is_dot(entry.file_name()) {
                continue;
            }
            if names.len() == NAMES_MAX {
                return Err(format!(
                    "cannot list {path}: it holds more than {NAMES_MAX} names"
                ));
            }
            names.push(entry.file_name().to_bytes().to_vec());
        }
        names.sort_unstable();
        Ok(names
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect())
    }

    /// Stops early, with an error that nobody reads, once `abandoned` is set.
    pub(crate) fn remove_tree(&self, path: &str, abandoned: &AtomicBool) -> Result<(), String> {
        let place = match self.walk(path)?.last_name() {
            Ok(place) => place,
            Err(Stop::Missing) => return Ok(()),
            Err(stop) => return Err(stop.say("remove", path)),
        };
        Removal { abandoned }
            .remove(&place)
            .map_err(|(below, errno)| {
                let at = Path::new(path).join(below);
                format!("cannot remove {}: {errno}", at.display())
            })
    }

    /// Starts at the innermost granted folder that the path lies in.
    fn walk(&self, path: &str) -> Result<Walk, String> {
        if !path.starts_with('/') {
            return Err(format!("{path:?} is not an absolute path"));
        }
        if path.contains('\0') {
            return Err(format!("{path:?} holds a zero byte"));
        }
        let mut plain = PathBuf::from("/");
        for component in Path::new(path).components() {
            match component {
                Component::Normal(name) => plain.push(name),
                Component::ParentDir => return Err(format!("{path} contains `..`")),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        let granted = self
            .granted
            .iter()
            .filter(|folder| plain.starts_with(folder));
        let Some(granted) = granted.max_by_key(|folder| folder.as_os_str().len()) else {
            return Err(format!(
                "{path} is in none of the folders that were granted ({self})"
            ));
        };
        let Some((above, own_name)) = granted.parent().zip(granted.file_name()) else {
            return Err(format!("{path}: the root folder cannot be granted"));
        };
        let below = plain.strip_prefix(granted).unwrap_or(Path::new(""));
        Ok(Walk::new(granted, above, own_name, below))
    }
}

impl std::fmt::Display for Folders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self
            .granted
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A folder that may be reached, `granted`, beside one that may not, `outside`.
    struct Site {
        root: tempfile::TempDir,
        folders: Folders,
    }

    impl Site {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let path = |name| root.path().join(name);
            fs::create_dir_all(path("granted/inner")).unwrap();
            fs::create_dir_all(path("outside")).unwrap();
            fs::write(path("outside/secret"), "kept").unwrap();
            let folders = Folders::new(&[path("granted")], None);
            Self { root, folders }
        }

        fn path(&self, below: &str) -> String {
            self.root.path().join(below).to_str().unwrap().to_owned()
        }

        fn link(&self, target: &str, at: &str) {
            symlink(target, self.path(at)).unwrap();
        }

        /// All four operations on one path are refused with this text, and nothing outside was touched.
        fn refused(&self, path: &str, expected: &str) {
            let errors = [
                self.folders.exists(path).map(drop),
                self.folders.create_folder(path),
                self.folders.list_folder(path).map(drop),
                self.remove(path),
            ];
            for error in errors {
                let error = error.expect_err(path);
                assert!(error.contains(expected), "{path}: {error}");
            }
            assert_eq!(
                fs::read_to_string(self.path("outside/secret")).unwrap(),
                "kept"
            );
            assert_eq!(fs::read_dir(self.path("outside")).unwrap().count(), 1);
        }

        fn remove(&self, path: &str) -> Result<(), String> {
            self.folders.remove_tree(path, &AtomicBool::new(false))
        }
    }

    #[test]
    fn folders_are_made_listed_and_removed() {
        let site = Site::new();
        let deep = site.path("granted/a/b/c");
        assert_eq!(site.folders.exists(&deep), Ok(false));
        assert_eq!(site.folders.create_folder(&deep), Ok(()));
        assert_eq!(site.folders.create_folder(&deep), Ok(()), "again");
        assert_eq!(site.folders.exists(&deep), Ok(true));
        fs::write(site.path("granted/a/file"), "").unwrap();
        let names = site.folders.list_folder(&site.path("granted/a")).unwrap();
        assert_eq!(names, ["b", "file"]);
        assert_eq!(site.remove(&site.path("granted/a")), Ok(()));
        assert_eq!(site.remove(&site.path("granted/a")), Ok(()), "again");
        assert_eq!(
            site.folders.list_folder(&site.path("granted")).unwrap(),
            ["inner"]
        );
    }

    #[test]
    fn the_granted_folder_itself_may_come_and_go() {
        let site = Site::new();
        let granted = site.path("granted");
        assert_eq!(site.remove(&granted), Ok(()));
        assert_eq!(site.folders.exists(&granted), Ok(false));
        let error = site.folders.list_folder(&granted).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
        assert_eq!(site.folders.create_folder(&granted), Ok(()));
        assert!(Path::new(&granted).is_dir());
    }

    #[test]
    fn what_was_not_granted_is_out_of_reach() {
        let site = Site::new();
        site.refused(
            &site.path("outside"),
            "is in none of the folders that were granted (",
        );
        site.refused("/", "is in none of the folders");
        site.refused(&site.path("granted-too"), "is in none of the folders");
        site.refused(&site.path("granted/../outside"), "contains `..`");
        site.refused(&site.path("granted/inner/../../outside"), "contains `..`");
        site.refused("granted", "is not an absolute path");
        site.refused("", "is not an absolute path");
        site.refused(&site.path("granted/\0"), "zero byte");
    }

    #[test]
    fn links_that_lead_out_are_not_followed() {
        let site = Site::new();
        site.link("../outside", "granted/out");
        site.link(&site.path("outside"), "granted/absolute");
        site.link("inner/../../outside", "granted/inner-out");
        site.link("out", "granted/twice");
        for link in ["out", "absolute", "inner-out", "twice"] {
            let below = site.path(&format!("granted/{link}/secret"));
            site.refused(&below, "leads out of the granted folder");
            let itself = site.path(&format!("granted/{link}"));
            let error = site.folders.list_folder(&itself).unwrap_err();
            assert!(error.contains("leads out of the granted folder"), "{error}");
        }
        assert_eq!(site.remove(&site.path("granted")), Ok(()));
        assert_eq!(
            fs::read_to_string(site.path("outside/secret")).unwrap(),
            "kept"
        );
    }

    #[test]
    fn links_that_stay_inside_are_followed() {
        let site = Site::new();
        fs::write(site.path("granted/inner/file"), "").unwrap();
        site.link("inner", "granted/relative");
        site.link(&site.path("granted/inner"), "granted/absolute");
        site.link("../relative", "granted/inner/back");
        for path in ["granted/relative", "granted/absolute", "granted/inner/back"] {
            let names = site.folders.list_folder(&site.path(path)).unwrap();
            assert_eq!(names, ["back", "file"], "{path}");
            let file = site.path(&format!("{path}/file"));
            assert_eq!(site.folders.exists(&file), Ok(true), "{path}");
        }
        assert_eq!(site.remove(&site.path("granted/relative")), Ok(()));
        assert!(
            Path::new(&site.path("granted/inner/file")).exists(),
            "the link, not its target"
        );
    }

    #[test]
    fn a_granted_folder_that_became_a_link_is_refused() {
        let site = Site::new();
        fs::remove_dir_all(site.path("granted")).unwrap();
        site.link("outside", "granted");
        let error = site.folders.list_folder(&site.path("granted")).unwrap_err();
        assert!(error.contains("leads out"), "{error}");
        let error = site.remove(&site.path("granted/secret")).unwrap_err();
        assert!(error.contains("leads out"), "{error}");
        assert_eq!(
            site.remove(&site.path("granted")),
            Ok(()),
            "the link itself is ours"
        );
        assert!(Path::new(&site.path("outside/secret")).exists());
    }

    #[test]
    fn links_in_a_circle_end() {
        let site = Site::new();
        site.link("there", "granted/here");
        site.link("here", "granted/there");
        let error = site
            .folders
            .list_folder(&site.path("granted/here"))
            .unwrap_err();
        assert!(error.contains("symbolic links"), "{error}");
        assert_eq!(
            site.folders.exists(&site.path("granted/here")),
            Ok(true),
            "dangling"
        );
    }

    #[test]
    fn files_are_no_folders() {
        let site = Site::new();
        fs::write(site.path("granted/file"), "").unwrap();
        for error in [
            site.folders
                .list_folder(&site.path("granted/file"))
                .map(drop),
            site.folders.create_folder(&site.path("granted/file")),
            site.folders.create_folder(&site.path("granted/file/below")),
        ] {
            assert!(
                error
                    .clone()
                    .unwrap_err()
                    .ends_with("Not a directory (os error 20)"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn folders_that_forbid_their_removal_are_removed() {
        let site = Site::new();
        for (name, mode) in [("read-only", 0o555), ("closed", 0o000)] {
            let folder = site.path(&format!("granted/tree/{name}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(format!("{folder}/file"), "").unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(site.remove(&site.path("granted/tree")), Ok(()));
        assert!(!Path::new(&site.path("granted/tree")).exists());
    }

    #[test]
    fn a_tree_of_any_depth_is_removed() {
        let site = Site::new();
        // Deeper than a path can be long, so it is made from the inside out.
        let bottom = site.path("granted/deep");
        fs::create_dir(&bottom).unwrap();
        for n in 0..200 {
            let above = site.path(&format!("granted/{n}"));
            fs::create_dir_all(&above).unwrap();
            fs::write(format!("{above}/file"), "").unwrap();
            fs::rename(site.path("granted/deep"), format!("{above}/deep")).unwrap();
            fs::rename(&above, site.path("granted/deep")).unwrap();
        }
        assert_eq!(site.remove(&site.path("granted/deep")), Ok(()));
        assert_eq!(
            site.folders.list_folder(&site.path("granted")).unwrap(),
            ["inner"]
        );
    }

    #[test]
    fn an_abandoned_removal_stops() {
        let site = Site::new();
        fs::write(site.path("granted/inner/file"), "").unwrap();
        let abandoned = AtomicBool::new(true);
        site.folders
            .remove_tree(&site.path("granted/inner"), &abandoned)
            .unwrap_err();
        assert!(Path::new(&site.path("granted/inner/file")).exists());
    }
}
