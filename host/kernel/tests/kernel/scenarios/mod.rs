//! Runs the scenario files of `tests/scenarios`: Markdown whose `scenario` blocks hold commands and what comes of them.
//!
//! A line that starts with `>` is what the line above it must answer. With `BLESS=1` in the environment the answers are
//! written into the files instead of compared. The language is described in `tests/scenarios/README.md`.

mod language;
mod show;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use language::Play;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios")
}

#[test]
fn scenario_files_hold() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder of scenario files is there")
        .map(|entry| entry.expect("its entries can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    files.sort();
    assert!(files.len() > 10, "the scenario files are there: {files:?}");
    let mut wrong = Vec::new();
    let mut refused = BTreeSet::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a scenario file is text");
        let played = play(&text, &path, &mut refused);
        if played == text {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, played).expect("a scenario file can be written");
        } else {
            wrong.push(difference(&path, &text, &played));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nBLESS=1 writes what came out into the files",
        wrong.join("\n")
    );
    for case in CASES.into_iter().flat_map(|list| list.iter()) {
        assert!(refused.contains(*case), "no scenario shows {case}");
    }
}

/// The cases of `Rejection` and `Refusal`, but for those that `refusals` has: each is shown by a scenario.
const CASES: [&[&str]; 2] = [
    &[
        "UnknownJob",
        "UnknownTask",
        "UnknownInstance",
        "UnknownNode",
        "PermissionDenied",
        "MayNotAdd",
        "ForAdministrators",
        "Parameter",
        "TemplateForbidden",
        "TemplateStays",
        "InvalidCancelJobState",
        "InvalidJobState",
        "InvalidTaskState",
        "InvalidModify",
        "JobDeletionForbidden",
        "TaskAboveRunningJob",
        "ExcludesTooMuch",
        "TaskRule",
        "NotForNodeTasks",
        "ServiceRule",
        "NotRerunnable",
        "MessageTooLong",
        "InvalidHold",
        "Invalid",
        "StaleReport",
        "StaleAnswer",
    ],
    &[
        "NotQueued",
        "NotRunning",
        "Held",
        "NodeNotUsable",
        "NotACandidate",
        "NodeTwice",
        "EmptyShare",
        "CoresTaken",
        "GpusTaken",
        "Exclusive",
        "SingleNode",
        "BelowMinimum",
        "AboveMaximum",
        "NotAllowed",
        "NotWhole",
        "ParentsNotFinished",
        "Activating",
        "QueueHeld",
        "NotUniform",
        "NotWhatTasksNeed",
        "NotHeld",
        "BadTime",
        "UnknownPreemption",
        "PreemptionOff",
        "NothingToPreemptFor",
    ],
];

/// The file as it would be if every answer in it were right.
fn play(text: &str, path: &Path, refused: &mut BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut play = Play::new();
    let mut inside = false;
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if inside && line.starts_with('>') {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        match line.trim_end() {
            "```scenario" => inside = true,
            "```" => inside = false,
            heading if !inside && heading.starts_with("## ") => {
                refused.append(&mut play.refused);
                play = Play::new();
            }
            command if inside && !command.is_empty() && !command.starts_with('#') => {
                // The tasks of a job are the indented lines below it.
                let mut command = command.to_string();
                while let Some((_, more)) = lines.next_if(|(_, l)| l.starts_with("  ")) {
                    out.push_str(more);
                    out.push('\n');
                    command.push('\n');
                    command.push_str(more.trim());
                }
                let answers = play
                    .line(&command)
                    .unwrap_or_else(|e| panic!("{}:{}: {e}", path.display(), number + 1));
                for answer in answers {
                    out.push_str("> ");
                    out.push_str(&answer);
                    out.push('\n');
                }
            }
            _ => {}
        }
    }
    refused.append(&mut play.refused);
    out
}

/// The first line that differs, with what is around it.
fn difference(path: &Path, is: &str, played: &str) -> String {
    let (is, played): (Vec<_>, Vec<_>) = (is.lines().collect(), played.lines().collect());
    let at = is.iter().zip(&played).take_while(|(a, b)| a == b).count();
    let some = |lines: &[&str]| {
        lines[at.saturating_sub(3).min(lines.len())..]
            .iter()
            .take(8)
            .fold(String::new(), |text, line| text + "    " + line + "\n")
    };
    format!(
        "{}:{}: expected\n{}  but this came out\n{}",
        path.display(),
        at + 1,
        some(&is),
        some(&played)
    )
}
