//! Files that cannot be read as text.

use std::fs::{self, File};
use std::path::Path;

use super::folder::Folder;
use crate::jobfile::{Format, JOB_FILE_BYTES_MAX, JobFile};

fn refused(path: &Path) -> String {
    let error = match JobFile::read(path) {
        Ok(file) => panic!("taken: {file:?}"),
        Err(error) => error.to_string(),
    };
    let rest = error.strip_prefix(&path.display().to_string());
    rest.unwrap_or_else(|| panic!("names no file: {error}"))
        .to_string()
}

#[test]
fn what_is_no_readable_file() {
    let folder = Folder::new("unreadable");
    let path = folder.path().join("job.toml");
    assert_eq!(refused(&path), ": there is no such file");
    assert!(refused(folder.path()).starts_with(": this is a folder; a job file is TOML"));
    fs::write(&path, b"name = \"a\"\nproject = \"b\xff\"").unwrap();
    assert_eq!(
        refused(&path),
        ":2:13: byte 0xff is not UTF-8; save the file as UTF-8 text"
    );
    fs::write(&path, b"").unwrap();
    assert!(refused(&path).starts_with(": the file is empty"));
}

#[test]
fn a_large_file_is_refused_without_being_read() {
    let folder = Folder::new("large");
    let path = folder.path().join("large.json");
    // Sparse: reading its 50 GB would take minutes.
    File::create(&path)
        .unwrap()
        .set_len(50_000_000_000)
        .unwrap();
    let message = refused(&path);
    assert!(
        message.starts_with(": has 50000000000 bytes, more than the 16777216 bytes (16 MiB)"),
        "{message}"
    );
    File::create(&path)
        .unwrap()
        .set_len(JOB_FILE_BYTES_MAX + 1)
        .unwrap();
    assert!(refused(&path).contains("has 16777217 bytes"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_refused() {
    let message = refused(Path::new("/dev/zero"));
    assert!(
        message.starts_with(": has more than the 16777216 bytes"),
        "{message}"
    );
}

#[test]
fn the_format_is_found_by_name_then_by_content() {
    for (path, text, format) in [
        ("a.toml", "{", Format::Toml),
        ("a.JSON", "<", Format::Json),
        ("a.xml", "x", Format::HpcXml),
        ("a", "\u{feff} \n<Job/>", Format::HpcXml),
        ("a.job", " {", Format::Json),
        ("a.txt", "[[task]]", Format::Toml),
        ("", "", Format::Toml),
    ] {
        assert_eq!(Format::of(Path::new(path), text), format, "{path}");
    }
}
