//! `$filter`: `NAME eq VALUE`, several of them joined by `and`. Pure; what the names mean is said by those who list.
//!
//! Names, `eq` and `and` are read without regard to case. A value goes to the next ` and ` or to the end; in single quotes it may have
//! anything in it, a quote twice. There is no other operator and nothing nests.

use jobyard::kernel::{JobState, TaskState, Timestamp};

use super::value::{parse_names, parse_time};

/// Bytes of a filter.
pub(super) const FILTER_BYTES_MAX: usize = 2_048;
/// Comparisons in a filter.
pub(super) const TERMS_MAX: usize = 16;

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) name: String,
    pub(super) value: String,
}

/// Why a filter cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadFilter {
    #[error("it has {0} bytes; at most {FILTER_BYTES_MAX} are taken")]
    TooLong(usize),
    #[error("it has more than {TERMS_MAX} comparisons")]
    TooMany,
    #[error("{0:?} is no comparison: write NAME eq VALUE, several with and between them")]
    NoTerm(String),
    #[error("the quote in {0:?} does not end")]
    OpenQuote(String),
    #[error("{0:?} stands behind a value: only and may")]
    Behind(String),
    #[error("{name:?} is not known; the names are {known}")]
    Unknown { name: String, known: &'static str },
    #[error("{name}: {what}")]
    Value { name: &'static str, what: String },
}

/// Reads a filter. Comparisons with `null` ask for nothing.
pub(super) fn parse(text: &str) -> Result<Vec<Term>, BadFilter> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(BadFilter::TooLong(text.len()));
    }
    let mut terms = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if terms.len() == TERMS_MAX {
            return Err(BadFilter::TooMany);
        }
        let (term, behind) = parse_term(rest)?;
        terms.push(term);
        rest = behind;
    }
    terms.retain(|term| !term.value.eq_ignore_ascii_case("null"));
    Ok(terms)
}

/// The first comparison, and what stands behind the `and` after it.
fn parse_term(text: &str) -> Result<(Term, &str), BadFilter> {
    let no_term = || BadFilter::NoTerm(text.into());
    let (name, rest) = word(text);
    let (operator, rest) = word(rest);
    if name.is_empty() || !operator.eq_ignore_ascii_case("eq") || rest.is_empty() {
        return Err(no_term());
    }
    let (value, rest) = match rest.strip_prefix('\'') {
        Some(quoted) => unquote(quoted).ok_or_else(|| BadFilter::OpenQuote(rest.into()))?,
        None => until_and(rest),
    };
    if value.is_empty() {
        return Err(no_term());
    }
    let (and, behind) = word(rest);
    match and {
        "" => {}
        and if and.eq_ignore_ascii_case("and") && !behind.is_empty() => {}
        and => return Err(BadFilter::Behind(and.into())),
    }
    let name = name.into();
    Ok((Term { name, value }, behind))
}

/// The first word, and what comes after the spaces behind it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

/// What stands before the quote that ends it, and what behind.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        value.push_str(part);
        match behind.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, behind)),
        }
    }
}

/// The words before the next `and`, and the rest from it on.
fn until_and(text: &str) -> (String, &str) {
    let mut end = 0;
    let mut rest = text;
    loop {
        let (next, behind) = word(rest);
        if next.is_empty() || (end > 0 && next.eq_ignore_ascii_case("and")) {
            let from = text.len() - rest.len();
            return (text[..end].trim().into(), &text[from..]);
        }
        end = text.len() - rest.len() + next.len();
        rest = behind;
    }
}

/// What is asked of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobFilter {
    /// The flags of their states.
    pub(super) states: u32,
    /// Something happened to them at this time or later.
    pub(super) changed_from: Option<Timestamp>,
    /// They ask for nodes of this group.
    pub(super) node_group: Option<String>,
}

impl JobFilter {
    pub(super) fn parse(text: &str) -> Result<JobFilter, BadFilter> {
        let mut filter = JobFilter {
            states: u32::MAX,
            changed_from: None,
            node_group: None,
        };
        for term in parse(text)? {
            match term.name.to_ascii_lowercase().as_str() {
                "jobstate" => filter.states &= states("JobState", &term.value, job_state)?,
                "changetimefrom" => filter.changed_from = Some(changed(&term.value)?),
                "nodegroup" => filter.node_group = Some(term.value),
                _ => {
                    return Err(BadFilter::Unknown {
                        name: term.name,
                        known: "JobState, NodeGroup and ChangeTimeFrom",
                    });
                }
            }
        }
        Ok(filter)
    }
}

/// What is asked of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskFilter {
    /// The flags of their states.
    pub(super) states: u32,
    /// As for jobs.
    pub(super) changed_from: Option<Timestamp>,
    /// Their ids; any when it is none.
    pub(super) tasks: Option<Vec<u32>>,
    /// The ids of their instances, likewise.
    pub(super) instances: Option<Vec<u32>>,
}

impl TaskFilter {
    pub(super) fn parse(text: &str) -> Result<TaskFilter, BadFilter> {
        let mut filter = TaskFilter {
            states: u32::MAX,
            changed_from: None,
            tasks: None,
            instances: None,
        };
        for term in parse(text)? {
            match term.name.to_ascii_lowercase().as_str() {
                "taskstate" | "taskstates" => {
                    filter.states &= states("TaskState", &term.value, task_state)?;
                }
                "changetimefrom" => filter.changed_from = Some(changed(&term.value)?),
                "taskids" => filter.tasks = Some(ids("TaskIds", &term.value)?),
                "taskinstanceids" => {
                    filter.instances = Some(ids("TaskInstanceIds", &term.value)?);
                }
                _ => {
                    return Err(BadFilter::Unknown {
                        name: term.name,
                        known: "TaskState, TaskStates, ChangeTimeFrom, TaskIds and TaskInstanceIds",
                    });
                }
            }
        }
        Ok(filter)
    }
}

/// The state that is asked of nodes, by HPC Pack's name; none: any.
pub(super) fn node_state(text: &str) -> Result<Option<String>, BadFilter> {
    let mut state = None;
    for term in parse(text)? {
        if !term.name.eq_ignore_ascii_case("NodeState") {
            let (name, known) = (term.name, "NodeState");
            return Err(BadFilter::Unknown { name, known });
        }
        state = Some(term.value);
    }
    Ok(state)
}

fn changed(text: &str) -> Result<Timestamp, BadFilter> {
    let name = "ChangeTimeFrom";
    parse_time(text).map_err(|what| BadFilter::Value { name, what })
}

/// Numbers with commas between them.
fn ids(name: &'static str, text: &str) -> Result<Vec<u32>, BadFilter> {
    let id = |text: String| {
        let bad = |_| BadFilter::Value {
            name,
            what: format!("{text:?} is no id"),
        };
        text.parse().map_err(bad)
    };
    parse_names(text).into_iter().map(id).collect()
}

/// The flags of states, by name or number, with commas between them; `All` is all.
fn states(
    name: &'static str,
    text: &str,
    state: fn(&str) -> Option<u32>,
) -> Result<u32, BadFilter> {
    let mut flags = 0;
    for word in parse_names(text) {
        let known = match word.parse() {
            Ok(number) => Some(number),
            Err(_) if word.eq_ignore_ascii_case("All") => Some(u32::MAX),
            Err(_) => state(&word),
        };
        flags |= known.ok_or_else(|| BadFilter::Value {
            name,
            what: format!("{word:?} is no state"),
        })?;
    }
    Ok(flags)
}

fn job_state(name: &str) -> Option<u32> {
    let mut states = JobState::ALL.into_iter();
    let found = states.find(|state| state.to_string().eq_ignore_ascii_case(name));
    found.map(|state| state as u32)
}

fn task_state(name: &str) -> Option<u32> {
    let mut states = TaskState::ALL.into_iter();
    let found = states.find(|state| state.to_string().eq_ignore_ascii_case(name));
    found.map(|state| state as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn term(name: &str, value: &str) -> Term {
        let (name, value) = (name.into(), value.into());
        Term { name, value }
    }

    #[test]
    fn comparisons_are_read_with_and_between_them() {
        for (text, expected) in [
            ("", vec![]),
            ("JobState eq Running", vec![term("JobState", "Running")]),
            (
                " jobstate  EQ queued  AND ChangeTimeFrom eq 11/28/2026 8:15:00 PM ",
                vec![
                    term("jobstate", "queued"),
                    term("ChangeTimeFrom", "11/28/2026 8:15:00 PM"),
                ],
            ),
            (
                "NodeGroup eq New Group and JobState eq null",
                vec![term("NodeGroup", "New Group")],
            ),
            (
                "NodeGroup eq 'salt and ''pepper''' and a eq b",
                vec![term("NodeGroup", "salt and 'pepper'"), term("a", "b")],
            ),
            (
                "a eq and and b eq c",
                vec![term("a", "and"), term("b", "c")],
            ),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_named() {
        let long = "x".repeat(FILTER_BYTES_MAX + 1);
        let many = ["a eq b"; TERMS_MAX + 1].join(" and ");
        for (text, words) in [
            ("JobState", "no comparison"),
            ("JobState eq", "no comparison"),
            ("JobState ne Running", "no comparison"),
            ("(JobState eq Running)", "\"(JobState\" is not known"),
            ("JobState eq Running and", "\"and\" stands behind"),
            ("JobState eq 'x' or a eq b", "\"or\" stands behind"),
            ("NodeGroup eq 'x", "does not end"),
            ("JobState eq ''", "no comparison"),
            ("JobState eq Runing", "\"Runing\" is no state"),
            ("JobState eq Running or JobState eq Queued", "no state"),
            ("ChangeTimeFrom eq noon", "\"noon\" is no time"),
            ("Owner eq ann", "JobState, NodeGroup and ChangeTimeFrom"),
            (long.as_str(), "at most 2048"),
            (many.as_str(), "more than 16"),
        ] {
            let error = JobFilter::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn states_combine_as_flags() {
        let states = |text: &str| JobFilter::parse(text).map(|filter| filter.states);
        assert_eq!(states("JobState eq queued,RUNNING"), Ok(0x30));
        assert_eq!(states("JobState eq 48"), Ok(48));
        assert_eq!(states("JobState eq All"), Ok(u32::MAX));
        let filter = TaskFilter::parse("TaskStates eq Queued, Failed and TaskIds eq 1,3");
        let filter = filter.expect("a filter");
        assert_eq!((filter.states, filter.tasks), (0x108, Some(vec![1, 3])));
        assert!(TaskFilter::parse("TaskIds eq x").is_err());
    }

    proptest! {
        #![proptest_config(crate::fuzz::cases::cases(256))]

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for text in [text.as_str(), &String::from_utf8_lossy(&bytes), &format!("a eq {text}")] {
                let _ = JobFilter::parse(text);
                let _ = TaskFilter::parse(text);
                if let Ok(terms) = parse(text) {
                    prop_assert!(terms.iter().all(|term| !term.name.is_empty() && !term.value.is_empty()));
                }
            }
        }
    }
}
