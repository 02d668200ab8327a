//! The folder of compiled code: used when it is safe, harmless when it is damaged.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jobyard_kernel::{Changes, Plan};
use jobyard_plugin::{CacheRefusal, Limits, PluginHost, World};

use crate::wat::Policy;

/// Loads a policy through the cache and lets it answer.
fn works(folder: &Path) -> PluginHost {
    let host = PluginHost::new(Some(folder.to_owned())).unwrap();
    let plugin = host
        .load("site", &Policy::default().build(), World::SchedulingPolicy)
        .unwrap();
    let limits = Limits::for_world(World::SchedulingPolicy);
    let mut instance = plugin.policy(limits, &[]).unwrap();
    assert_eq!(
        instance.schedule(0.0, Changes::default()).unwrap(),
        Plan::default()
    );
    host
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn code_is_written_once_and_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/for/it");
    assert_eq!(works(&folder).cache_refusal(), None);
    let [file] = &files(&folder)[..] else {
        panic!("{:?}", files(&folder))
    };
    let before = fs::metadata(file).unwrap();
    assert_eq!(before.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    works(&folder);
    assert_eq!(
        fs::metadata(file).unwrap().ino(),
        before.ino(),
        "it was written again"
    );
}

#[test]
fn damaged_code_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    works(folder.path());
    let file = files(folder.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let damaged = [
        vec![],
        whole[..40].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        flipped,
    ];
    for damaged in damaged {
        fs::write(&file, &damaged).unwrap();
        works(folder.path());
        assert!(fs::read(&file).unwrap() != damaged, "it was left as it was");
    }
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_folder_that_others_may_write_to_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let host = works(folder.path());
    match host.cache_refusal() {
        Some(refusal @ CacheRefusal::Writable { mode: 0o777, .. }) => {
            assert!(
                refusal.to_string().ends_with("(mode 777): make it 700"),
                "{refusal}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_folder_that_cannot_be_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let host = works(&file.join("below"));
    assert!(matches!(
        host.cache_refusal(),
        Some(CacheRefusal::Unusable { .. })
    ));
}

#[test]
fn the_oldest_code_goes_when_there_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    for n in 0..300 {
        fs::write(folder.path().join(format!("{n}.cwasm")), "").unwrap();
    }
    fs::write(folder.path().join("not-ours.txt"), "").unwrap();
    works(folder.path());
    assert_eq!(files(folder.path()).len(), 257);
    assert!(folder.path().join("not-ours.txt").exists());
}
