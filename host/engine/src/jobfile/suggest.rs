//! "Did you mean": the known name that is closest to an unknown one.

/// Longer names are not compared.
const NAME_BYTES_MAX: usize = 64;

/// What people write who know other schedulers or HPC Pack, and what it is called here.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("args", "command"),
    ("cmd", "command"),
    ("commandline", "command"),
    ("cpus", "cores"),
    ("cwd", "working_folder"),
    ("dependencies", "after"),
    ("depends", "after"),
    ("dependson", "after"),
    ("directory", "working_folder"),
    ("env", "environment"),
    ("environmentvariables", "environment"),
    ("customproperties", "custom_properties"),
    ("exitcodes", "valid_exit_codes"),
    ("failjobonfailure", "fail_job_on_failure_count"),
    ("jobname", "name"),
    ("jobtemplate", "template"),
    ("maxcores", "cores"),
    ("mincores", "cores"),
    ("needs", "after"),
    ("nodeprep", "prepare"),
    ("noderelease", "release"),
    ("numcores", "cores"),
    ("parametric", "sweep"),
    ("preemptable", "can_preempt"),
    ("rerun", "rerunnable"),
    ("script", "command"),
    ("stderr", "standard_error"),
    ("stderrfilepath", "standard_error"),
    ("stdin", "standard_input"),
    ("stdinfilepath", "standard_input"),
    ("stdout", "standard_output"),
    ("stdoutfilepath", "standard_output"),
    ("taskexecutionfailureretrylimit", "task_retry_limit"),
    ("time", "runtime"),
    ("timelimit", "runtime"),
    ("walltime", "runtime"),
    ("workdir", "working_folder"),
    ("workdirectory", "working_folder"),
    ("workingdirectory", "working_folder"),
];

/// Keys that only tasks have.
const TASK_KEYS: &[&str] = &[
    "after",
    "command",
    "fail_job_on_failure_count",
    "plugin",
    "rerunnable",
    "standard_error",
    "standard_input",
    "standard_output",
    "sweep",
    "working_folder",
];

/// Keys that only jobs have.
const JOB_KEYS: &[&str] = &[
    "can_grow",
    "can_preempt",
    "can_shrink",
    "excluded_nodes",
    "fail_dependent_tasks",
    "fail_on_task_failure",
    "hold_until",
    "kind",
    "owner",
    "prepare",
    "priority",
    "project",
    "release",
    "requested_nodes",
    "run_until_canceled",
    "single_node",
    "task",
    "task_retry_limit",
    "template",
];

/// What to say about an unknown name: the closest known one, or all of them.
pub(super) fn hint(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("did you mean \"{nearest}\"?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let plain = plain(name);
    let other_word = OTHER_WORDS.iter().find(|(word, _)| *word == plain);
    if let Some(&(_, ours)) = other_word
        && let Some(found) = known.iter().find(|k| **k == ours)
    {
        return Some(found);
    }
    let close = |known: &&'a str| {
        let distance = distance(&plain, &self::plain(known));
        (distance <= plain.chars().count().div_ceil(3)).then_some((distance, *known))
    };
    let nearest = known.iter().filter_map(close).min_by_key(|(d, _)| *d);
    nearest.map(|(_, known)| known)
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

/// What to say about an unknown key of a table with these `known` keys: also when it belongs into another table.
pub(super) fn key_hint(name: &str, known: &[&str]) -> String {
    let in_tasks = nearest(name, TASK_KEYS).map(|key| (key, "of a task; write it below [[task]]"));
    let in_job =
        || nearest(name, JOB_KEYS).map(|key| (key, "of the job; write it above all tables"));
    match (nearest(name, known), in_tasks.or_else(in_job)) {
        (None, Some((key, place))) => format!("\"{key}\" is a key {place}"),
        (Some(_), _) | (None, None) => hint(name, known),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_table_is_pointed_out() {
        for (name, known, expected) in [
            (
                "comand",
                &["name", "cores"][..],
                "\"command\" is a key of a task; write it below [[task]]",
            ),
            (
                "Priority",
                &["name", "command"],
                "\"priority\" is a key of the job; write it above all tables",
            ),
            ("nam", &["name", "command"], "did you mean \"name\"?"),
            ("colour", &["name", "command"], "known here: name, command"),
        ] {
            assert_eq!(key_hint(name, known), expected);
        }
    }

    #[test]
    fn the_closest_known_name_is_found() {
        let known = ["name", "command", "cores", "after", "environment"];
        for (name, expected) in [
            ("comand", Some("command")),
            ("Command", Some("command")),
            ("commnad", Some("command")),
            ("core", Some("cores")),
            ("DependsOn", Some("after")),
            ("env", Some("environment")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), &known), None);
    }
}
