//! Whether the committed components are what their sources make.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    build::{components, folder},
    component::{BUILTINS, inspect},
    digest, examples, records,
};

/// Fails if a committed component is missing, was changed by hand, or is older than its sources. Builds nothing.
pub(crate) fn check(root: &Path) -> Result<()> {
    let builtins = problems(root)?;
    if !builtins.is_empty() {
        bail!(
            "{}\nrun `cargo plugins` and commit plugins/builtin/",
            builtins.join("\n")
        )
    }
    let examples = examples::problems(root)?;
    if !examples.is_empty() {
        bail!(
            "{}\nrun `cargo plugins examples` and commit plugins/examples/",
            examples.join("\n")
        )
    }
    let count = BUILTINS.len() + examples::COMMITTED.len();
    println!("{count} components match their sources");
    Ok(())
}

/// Builds all components again, somewhere else, and fails if that does not work. Whether the bytes are the same is information: they
/// depend on the standard library, and on the compiler.
pub(crate) fn verify(root: &Path) -> Result<()> {
    check(root)?;
    let place = tempfile::tempdir().context("cannot make a temporary folder")?;
    for (builtin, bytes) in components(root, place.path())? {
        let committed = read(root, &builtin.file())?;
        let outcome = if committed == bytes {
            "the same bytes".to_owned()
        } else {
            format!(
                "other bytes: {} here, {} committed",
                bytes.len(),
                committed.len()
            )
        };
        println!("{:22} {outcome}", builtin.file());
    }
    Ok(())
}

/// What is wrong, a line each.
fn problems(root: &Path) -> Result<Vec<String>> {
    let records = records::read(&folder(root))?;
    let mut problems = Vec::new();
    for builtin in BUILTINS {
        let file = builtin.file();
        let Some(record) = records.get(&file) else {
            problems.push(format!("plugins/builtin/{file}: not in {}", records::FILE));
            continue;
        };
        match read(root, &file) {
            Err(error) => problems.push(format!("{error:#}")),
            Ok(bytes) if digest::of_bytes(&bytes) != record.component => {
                problems.push(format!(
                    "plugins/builtin/{file}: not what `cargo plugins` built"
                ));
            }
            Ok(bytes) => {
                if let Err(error) = inspect(builtin, &bytes) {
                    problems.push(format!("plugins/builtin/{error:#}"));
                }
            }
        }
        if digest::of_sources(root, builtin)? != record.sources {
            problems.push(format!("plugins/builtin/{file}: older than its sources"));
        }
    }
    Ok(problems)
}

fn read(root: &Path, file: &str) -> Result<Vec<u8>> {
    fs::read(folder(root).join(file)).with_context(|| format!("cannot read plugins/builtin/{file}"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn committed_components_match_their_sources() {
        assert_eq!(
            problems(&crate::root()).unwrap(),
            Vec::<String>::new(),
            "run `cargo plugins`"
        );
        assert_eq!(
            examples::problems(&crate::root()).unwrap(),
            Vec::<String>::new(),
            "run `cargo plugins examples`"
        );
    }

    /// A copy of what the check reads.
    fn copy() -> tempfile::TempDir {
        fn copy_tree(from: &Path, to: &Path) {
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                let to = to.join(path.file_name().unwrap());
                if path.is_dir() {
                    copy_tree(&path, &to);
                } else {
                    fs::copy(&path, &to).unwrap();
                }
            }
        }
        let root = crate::root();
        let place = tempfile::tempdir().unwrap();
        for folder in ["plugins", "wit"] {
            copy_tree(&root.join(folder), &place.path().join(folder));
        }
        for file in ["Cargo.toml", "Cargo.lock"] {
            fs::copy(root.join(file), place.path().join(file)).unwrap();
        }
        place
    }

    fn append(path: PathBuf, text: &str) {
        let mut contents = fs::read(&path).unwrap();
        contents.extend_from_slice(text.as_bytes());
        fs::write(path, contents).unwrap();
    }

    #[test]
    fn a_change_of_a_source_is_noticed_where_it_matters() {
        let place = copy();
        let root = place.path();
        assert_eq!(problems(root).unwrap(), Vec::<String>::new());

        append(root.join("plugins/policy-fifo/src/fifo.rs"), "\n");
        let older = |name: &str| format!("plugins/builtin/{name}.wasm: older than its sources");
        assert_eq!(problems(root).unwrap(), [older("policy-fifo")]);

        append(root.join("Cargo.toml"), "\n# a comment\n");
        assert_eq!(problems(root).unwrap().len(), 1);
        append(root.join("plugins/sdk/src/lib.rs"), "\n");
        assert_eq!(problems(root).unwrap().len(), BUILTINS.len());
    }

    #[test]
    fn a_change_of_an_example_is_noticed() {
        let place = copy();
        let root = place.path();
        append(root.join("plugins/examples/c/README.md"), "\n");
        append(root.join("wit/ranker.wit"), "\n");
        assert_eq!(examples::problems(root).unwrap(), Vec::<String>::new());

        append(root.join("plugins/examples/c/sjf.c"), "\n");
        let older = |language: &str| {
            format!("plugins/examples/{language}/sjf.wasm: older than its sources")
        };
        assert_eq!(examples::problems(root).unwrap(), [older("c")]);
        append(root.join("plugins/examples/build.sh"), "\n");
        append(root.join("plugins/examples/javascript/sjf.wasm"), "x");
        let javascript =
            "plugins/examples/javascript/sjf.wasm: not what `cargo plugins examples` built";
        assert_eq!(
            examples::problems(root).unwrap(),
            [older("c"), javascript.to_owned(), older("javascript")]
        );
    }

    #[test]
    fn a_component_that_is_gone_or_changed_is_named() {
        let place = copy();
        let root = place.path();
        fs::remove_file(root.join("plugins/builtin/policy-fifo.wasm")).unwrap();
        append(root.join("plugins/builtin/release-scratch.wasm"), "x");
        let problems = problems(root).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("cannot read plugins/builtin/policy-fifo.wasm: "));
        assert_eq!(
            problems[1],
            "plugins/builtin/release-scratch.wasm: not what `cargo plugins` built"
        );
    }
}
