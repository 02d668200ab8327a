//! `plugins/builtin/SOURCES.sha256`: for each component what its sources were when it was built, and what came out.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};

/// The file's name in `plugins/builtin/`.
pub(crate) const FILE: &str = "SOURCES.sha256";

const HEADER: &str = "\
# Written by `cargo plugins`. A line a component: SHA-256 of its sources, SHA-256 of the component, its file.
";

/// What is on record of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Digest of the sources that it was built from.
    pub(crate) sources: String,
    /// Digest of the component.
    pub(crate) component: String,
}

/// All records, by file name.
pub(crate) fn read(folder: &Path) -> Result<BTreeMap<String, Record>> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}; `cargo plugins` writes it", path.display()))?;
    parse(&text).with_context(|| format!("cannot read {}", path.display()))
}

/// The text of the file.
pub(crate) fn text(records: &BTreeMap<String, Record>) -> String {
    let lines = records
        .iter()
        .map(|(file, record)| format!("{}  {}  {file}\n", record.sources, record.component));
    HEADER.to_owned() + &lines.collect::<String>()
}

fn parse(text: &str) -> Result<BTreeMap<String, Record>> {
    let mut records = BTreeMap::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [sources, component, file] = words[..] else {
            bail!("line {number}: `{line}` is not two digests and a file name");
        };
        let record = Record {
            sources: sources.to_owned(),
            component: component.to_owned(),
        };
        records.insert(file.to_owned(), record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let record = |n: &str| Record {
            sources: n.repeat(64),
            component: "c".repeat(64),
        };
        let records = BTreeMap::from([
            ("a.wasm".to_owned(), record("1")),
            ("b.wasm".to_owned(), record("2")),
        ]);
        assert_eq!(parse(&text(&records)).unwrap(), records);
        let error = parse("# x\nonly two\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "line 2: `only two` is not two digests and a file name"
        );
    }
}
