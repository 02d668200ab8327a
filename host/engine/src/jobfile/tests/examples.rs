//! The examples that newcomers run.

use std::path::Path;

use jobyard_kernel::TaskKind;

use super::folder::Folder;
use crate::jobfile::JobFile;

fn example(name: &str) -> JobFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    // Reading checks the form too.
    JobFile::read(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_examples_are_the_same_job() {
    let toml = example("sweep.toml");
    assert_eq!(toml, example("sweep.json"));
    assert_eq!(toml.spec.min, Some(1));
    assert_eq!(toml.spec.max, None);
    let kinds: Vec<TaskKind> = toml.tasks.iter().map(|t| t.kind).collect();
    let sweep = TaskKind::Sweep {
        start: 2_000,
        end: 400_000,
        increment: 2_000,
    };
    assert_eq!(sweep.instances(), Some((1, 200)));
    let (prepare, release) = (TaskKind::NodePrepare, TaskKind::NodeRelease);
    assert_eq!(kinds, [sweep, TaskKind::Basic, prepare, release]);
    assert_eq!(toml.tasks[1].depends_on, ["count"]);
    assert_eq!(toml.tasks[3].plugin.as_deref(), Some("scratch"));

    // In XML the order is that of the file, command lines have no line breaks, and no plugin can be named.
    let xml = example("sweep.xml");
    assert_eq!(xml.spec, toml.spec);
    let kinds: Vec<TaskKind> = xml.tasks.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [prepare, sweep, TaskKind::Basic, release]);
    assert_eq!(xml.tasks[2].depends_on, ["count"]);
    assert_eq!(xml.tasks[0].command_line, toml.tasks[2].command_line);
    assert_eq!(xml.tasks[2].command_line, toml.tasks[1].command_line.trim());
    assert_eq!(xml.tasks[3].command_line, "rm -rf \"$JOBYARD_SCRATCH\"");
}

/// What a shell makes of the example's command lines, with one block of the sweep.
#[cfg(unix)]
#[test]
fn a_block_of_the_sweep_counts_its_primes() {
    for name in ["sweep.toml", "sweep.xml"] {
        let file = example(name);
        let line = |kind: fn(&TaskKind) -> bool| {
            let task = file
                .tasks
                .iter()
                .find(|t| kind(&t.kind))
                .expect("the example has one");
            task.command_line.clone()
        };
        let folder = Folder::new(name);
        let scratch = folder.path().join("scratch");
        let run = |line: &str| {
            let mut command = std::process::Command::new("/bin/sh");
            command.args(["-c", line]).env("JOBYARD_SCRATCH", &scratch);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        run(&line(|k| *k == TaskKind::NodePrepare));
        let count = line(|k| matches!(k, TaskKind::Sweep { .. }));
        // 303 primes up to 2,000 and 550 up to 4,000.
        for value in [2_000, 4_000] {
            run(&jobyard_kernel::sweep::substitute(&count, value));
        }
        let part = std::fs::read_to_string(scratch.join("part-002000")).unwrap();
        assert_eq!(part, "303\n");
        assert_eq!(run(&line(|k| *k == TaskKind::Basic)), "550\n");
    }
}
