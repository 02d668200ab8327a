//! Cases from text: the `case` blocks of a Markdown file.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use jobyard_kernel::{GroupOp, Parameter, Span, Timestamp, Unit};

use super::{Case, Expect, JobLine, JobStep, NodeLine, NodeStep, Step};
use crate::Claim;

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadCase {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, with the value, and what would be right.
    pub what: String,
}

impl Case {
    /// Reads all cases of a file. Each is a block that begins with "```case" and maybe names of claims, and has the name of the heading above it.
    ///
    /// # Errors
    /// The first line that cannot be read; a file without a case.
    pub fn read_all(text: &str) -> Result<Vec<Case>, BadCase> {
        let mut cases = Vec::new();
        let mut heading = String::new();
        let mut open: Option<Case> = None;
        for (index, line) in text.lines().enumerate() {
            let bad = |what: String| BadCase {
                line: index + 1,
                what,
            };
            let line = line.trim();
            match &mut open {
                None if line.starts_with('#') => {
                    heading = line.trim_start_matches('#').trim().into();
                }
                None => {
                    let claims = line.strip_prefix("```case");
                    if let Some(claims) = claims {
                        let claims = claims.split_whitespace().map(Claim::from_str);
                        open = Some(Case {
                            name: heading.clone(),
                            claims: claims
                                .collect::<Result<_, _>>()
                                .map_err(|e| bad(e.to_string()))?,
                            ..Case::default()
                        });
                    }
                }
                Some(_) if line == "```" => cases.extend(open.take()),
                Some(_) if line.is_empty() || line.starts_with('#') => {}
                Some(case) => read_line(case, line).map_err(bad)?,
            }
        }
        let end = text.lines().count();
        let what = match (open, cases.is_empty()) {
            (Some(case), _) => format!("the case \"{}\" has no end: a line with ```", case.name),
            (None, true) => "no case: there is no block that begins with ```case".into(),
            (None, false) => return Ok(cases),
        };
        Err(BadCase { line: end, what })
    }
}

fn read_line(case: &mut Case, line: &str) -> Result<(), String> {
    if let Some(expect) = line.strip_prefix('>') {
        case.expect.push(expectation(expect, case.jobs().count())?);
        return Ok(());
    }
    if !case.expect.is_empty() {
        return Err(format!(
            "\"{line}\" comes behind what is expected of the case"
        ));
    }
    let step = step(case, line)?;
    case.steps.push(step);
    Ok(())
}

fn step(case: &Case, line: &str) -> Result<Step, String> {
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    let to_job = |what| job_number(case, &rest).map(|job| Step::ToJob(job, what));
    let to_node = |what| node_name(case, &rest).map(|node| Step::ToNode(node, what));
    let second = || rest.get(1).copied().unwrap_or_default();
    let (step, words) = match verb {
        "at" => (at(case, rest.first().copied().unwrap_or_default())?, 1),
        "meanwhile" => (Step::Meanwhile, 0),
        "node" => return node(case, &rest),
        "job" => return job(case, &rest),
        "cancel" => (to_job(JobStep::Cancel)?, 1),
        "requeue" => (to_job(JobStep::Requeue)?, 1),
        "release" => (to_job(JobStep::Release)?, 1),
        "configure" => (to_job(JobStep::Configure)?, 1),
        "submit" => (to_job(JobStep::Submit)?, 1),
        "hold" => (to_job(JobStep::Hold(value("hold", second())?))?, 2),
        "priority" => (to_job(JobStep::Priority(priority(second())?))?, 2),
        "walltime" => (
            to_job(JobStep::Walltime(optional("walltime", second())?))?,
            2,
        ),
        "drain" => (to_node(NodeStep::Drain)?, 1),
        "offline" => (to_node(NodeStep::Offline)?, 1),
        "online" => (to_node(NodeStep::Online)?, 1),
        "lost" => (to_node(NodeStep::Lost)?, 1),
        "back" => (to_node(NodeStep::Back)?, 1),
        "groups" => (to_node(NodeStep::Groups(names(second())))?, 2),
        "parameter" => (parameter(rest.first().copied().unwrap_or_default())?, 1),
        _ => {
            return Err(format!(
                "\"{verb}\" is nothing that happens; there are at, meanwhile, node, job, cancel, requeue, hold, release, \
                 configure, submit, priority, walltime, drain, offline, online, lost, back, groups, parameter"
            ));
        }
    };
    match rest.get(words) {
        Some(more) => Err(format!("\"{more}\" is too much after {verb}")),
        None => Ok(step),
    }
}

fn at(case: &Case, text: &str) -> Result<Step, String> {
    let at = Timestamp(0) + value::<Span>("at", text)?;
    let before = case.steps.iter().rev().find_map(|step| match step {
        Step::At(before) => Some(*before),
        Step::Meanwhile
        | Step::Node(_)
        | Step::Job(_)
        | Step::ToJob(..)
        | Step::ToNode(..)
        | Step::Parameter(..) => None,
    });
    match before.unwrap_or_default() < at {
        true => Ok(Step::At(at)),
        false => Err(format!("{text} is not later than the time before")),
    }
}

fn node(case: &Case, words: &[&str]) -> Result<Step, String> {
    let name = *words.first().ok_or("node: its name is missing")?;
    if case.nodes().any(|node| node.name == name) {
        return Err(format!("there is a node {name} already"));
    }
    let mut node = NodeLine::new(name, 0);
    for word in &words[1..] {
        match word.split_once('=') {
            Some(("cores", n)) => node.cores = value("cores", n)?,
            Some(("sockets", n)) => node.sockets = value("sockets", n)?,
            Some(("gpus", n)) => node.gpus = value("gpus", n)?,
            Some(("groups", list)) => node.groups = names(list),
            _ => {
                return Err(format!(
                    "\"{word}\" is nothing that a node has; there are cores=, sockets=, gpus=, groups="
                ));
            }
        }
    }
    match node.cores == 0 || node.sockets == 0 {
        true => Err(format!("node {name} has no cores; say cores=N")),
        false => Ok(Step::Node(node)),
    }
}

fn job(case: &Case, words: &[&str]) -> Result<Step, String> {
    let mut job = JobLine::new(0);
    for word in words {
        let (name, text) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "cores" => (job.unit, job.units) = (Unit::Core, amount(text)?),
            "sockets" => (job.unit, job.units) = (Unit::Socket, amount(text)?),
            "nodes" => (job.unit, job.units) = (Unit::Node, amount(text)?),
            "gpus" => (job.unit, job.units) = (Unit::Gpu, amount(text)?),
            "tasks" => job.tasks = Some(value::<u32>(name, text)?.max(1)),
            "runs" if text == "forever" => job.runs = None,
            "runs" => job.runs = Some(value(name, text)?),
            "walltime" => job.walltime = optional(name, text)?,
            "priority" => job.priority = priority(text)?,
            "exclusive" => job.exclusive = true,
            "single-node" => job.single_node = true,
            "no-grow" => job.can_grow = false,
            "no-shrink" => job.can_shrink = false,
            "no-preempt" => job.can_preempt = false,
            "on" => job.nodes = names(text),
            "groups" => job.groups = names(text),
            "uniform" => job.group_op = GroupOp::Uniform,
            "union" => job.group_op = GroupOp::Union,
            "after" => {
                let parents = names(text);
                let parents = parents
                    .iter()
                    .map(|text| job_number(case, &[text.as_str()]));
                job.parents = parents.collect::<Result<_, _>>()?;
            }
            "hold" => job.hold = Some(value(name, text)?),
            "prepare" => job.prepare = Some(value(name, text)?),
            "release" => job.release = Some(value(name, text)?),
            _ => {
                return Err(format!(
                    "\"{word}\" is nothing that a job has; there are cores=, sockets=, nodes= or gpus=, tasks=, runs=, walltime=, priority=, \
                     exclusive, single-node, no-grow, no-shrink, no-preempt, on=, groups=, uniform, union, after=, hold=, prepare=, release="
                ));
            }
        }
    }
    match job.units.0 {
        0 => Err("the job asks for nothing; say cores=N, sockets=N, nodes=N or gpus=N".into()),
        _ => Ok(Step::Job(job)),
    }
}

/// `2` or `2-4`.
fn amount(text: &str) -> Result<(u32, u32), String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most) = (
        value::<u32>("amount", least)?,
        value::<u32>("amount", most)?,
    );
    match 1 <= least && least <= most {
        true => Ok((least, most)),
        false => Err(format!(
            "{text} is no amount; say 2, or 2-4 for the least and the most"
        )),
    }
}

fn parameter(text: &str) -> Result<Step, String> {
    let (name, value) = text.split_once('=').ok_or("say parameter NAME=VALUE")?;
    let set = |p: &Parameter| p.set(&mut super::parameters(), Some(value));
    let parameter = Parameter::find(name).map_err(|e| e.to_string())?;
    set(parameter).map_err(|e| e.to_string())?;
    Ok(Step::Parameter(parameter.name.into(), value.into()))
}

/// `10s starts 1 2`, `10s job 1 holds 4`.
fn expectation(text: &str, jobs: usize) -> Result<Expect, String> {
    let wrong = || {
        format!(
            "\"{}\" cannot be expected; say 10s starts 1 2, or 10s job 1 holds 4",
            text.trim()
        )
    };
    let number = |text: &str| {
        let number = text
            .parse::<u32>()
            .ok()
            .filter(|&n| n >= 1 && n as usize <= jobs);
        number.ok_or_else(|| format!("there is no job {text}"))
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (&at, rest) = words.split_first().ok_or_else(wrong)?;
    let at = Timestamp(0) + value::<Span>("time", at)?;
    match rest {
        ["starts", numbers @ ..] if !numbers.is_empty() => {
            let numbers = numbers.iter().map(|text| number(text));
            Ok(Expect::Starts(at, numbers.collect::<Result<_, _>>()?))
        }
        ["job", job, "holds", units] => Ok(Expect::Holds(at, number(job)?, value("units", units)?)),
        _ => Err(wrong()),
    }
}

fn job_number(case: &Case, words: &[&str]) -> Result<u32, String> {
    let text = words.first().copied().unwrap_or_default();
    let there = case.jobs().count();
    let number = text
        .parse::<u32>()
        .ok()
        .filter(|&n| n >= 1 && n as usize <= there);
    number.ok_or_else(|| {
        format!("there is no job \"{text}\" so far: there are {there}, numbered from 1")
    })
}

fn node_name(case: &Case, words: &[&str]) -> Result<String, String> {
    let name = words.first().copied().unwrap_or_default();
    match case.nodes().any(|node| node.name == name) {
        true => Ok(name.into()),
        false => Err(format!("there is no node \"{name}\" so far")),
    }
}

fn priority(text: &str) -> Result<u32, String> {
    let priority = value("priority", text)?;
    match priority <= jobyard_kernel::limits::PRIORITY_MAX {
        true => Ok(priority),
        false => Err(format!("{text} is no priority; they go from 0 to 4000")),
    }
}

fn names(text: &str) -> Vec<String> {
    let unique: BTreeSet<&str> = text.split(',').filter(|name| !name.is_empty()).collect();
    let mut names: Vec<String> = Vec::new();
    for name in text.split(',') {
        if unique.contains(name) && !names.iter().any(|n| n == name) {
            names.push(name.into());
        }
    }
    names
}

fn optional(name: &str, text: &str) -> Result<Option<Span>, String> {
    match text {
        "none" => Ok(None),
        _ => value(name, text).map(Some),
    }
}

fn value<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|e: T::Err| format!("{name}: \"{text}\": {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "## Everything

```case fifo easy
parameter PreemptionType=Immediate
node n1 cores=8 sockets=2 gpus=1 groups=a,b
node n2 cores=4
job cores=1
job sockets=1-2 tasks=9 runs=5s walltime=none priority=3000 exclusive single-node no-grow no-shrink no-preempt
job nodes=1 runs=forever on=n1,n2 groups=a,b uniform after=1,2 hold=90s prepare=1ms release=2s
job gpus=1 groups=a union
at 10s
cancel 1
requeue 2
hold 3 60s
release 3
configure 4
submit 4
priority 2 4000
walltime 2 none
meanwhile
drain n1
offline n1
online n1
lost n1
back n1
groups n1 a
groups n1
> 0s starts 1 2
> 10.5s job 2 holds 2
```
";

    #[test]
    fn everything_is_read_and_written() {
        let cases = Case::read_all(ALL).expect("a good file");
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].to_string(), ALL.replace("10.5s", "10500ms"));
        assert_eq!(Case::read_all(&cases[0].to_string()), Ok(cases));
    }

    #[test]
    fn bad_lines_are_named_with_what_would_be_right() {
        let rows = [
            ("nod n1 cores=1", "\"nod\" is nothing that happens"),
            ("node n1", "node n1 has no cores; say cores=N"),
            ("node n1 cores=x", "cores: \"x\""),
            (
                "node n1 cores=1\nnode n1 cores=1",
                "there is a node n1 already",
            ),
            ("node n1 mem=1", "\"mem=1\" is nothing that a node has"),
            ("job", "the job asks for nothing"),
            ("job cores=4-2", "4-2 is no amount"),
            (
                "job cores=1 colour=red",
                "\"colour=red\" is nothing that a job has",
            ),
            ("job cores=1 after=1", "there is no job \"1\" so far"),
            ("job cores=1 priority=5000", "5000 is no priority"),
            ("cancel 1", "there is no job \"1\" so far"),
            ("drain n1", "there is no node \"n1\" so far"),
            ("at 0s", "0s is not later"),
            ("at soon", "at: \"soon\""),
            ("job cores=1\ncancel 1 2", "\"2\" is too much after cancel"),
            ("parameter Colour=red", "Colour"),
            ("parameter PreemptionType=red", "PreemptionType"),
            ("> 0s starts 1", "there is no job 1"),
            ("> 0s begins 1", "\"0s begins 1\" cannot be expected"),
        ];
        for (lines, what) in rows {
            let text = format!("```case\n{lines}\n```\n");
            let bad = Case::read_all(&text).expect_err(lines);
            assert!(bad.what.contains(what), "{lines}: {bad}");
            assert_eq!(bad.line, 1 + lines.lines().count(), "{lines}");
        }
        for (text, what) in [
            ("# Nothing\n", "no case"),
            ("```case\n", "has no end"),
            ("```case lucky\n```", "there is no claim \"lucky\""),
        ] {
            let bad = Case::read_all(text).expect_err(text);
            assert!(bad.what.contains(what), "{bad}");
        }
    }
}
