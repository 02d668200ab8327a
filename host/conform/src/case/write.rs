//! Cases as text.

use std::fmt;

use jobyard_kernel::{GroupOp, Span, Timestamp, Unit};

use super::{Case, Expect, JobLine, JobStep, NodeLine, NodeStep, Step};

/// With a heading and a fence, as it stands in a file.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "## {}\n\n```case", self.name)?;
        for claim in &self.claims {
            write!(f, " {claim}")?;
        }
        writeln!(f)?;
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for expect in &self.expect {
            writeln!(f, "> {expect}")?;
        }
        writeln!(f, "```")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::At(at) => write!(f, "at {}", time(*at)),
            Step::Meanwhile => f.write_str("meanwhile"),
            Step::Node(node) => node.fmt(f),
            Step::Job(job) => job.fmt(f),
            Step::ToJob(job, what) => match what {
                JobStep::Cancel => write!(f, "cancel {job}"),
                JobStep::Requeue => write!(f, "requeue {job}"),
                JobStep::Hold(long) => write!(f, "hold {job} {}", span(*long)),
                JobStep::Release => write!(f, "release {job}"),
                JobStep::Configure => write!(f, "configure {job}"),
                JobStep::Submit => write!(f, "submit {job}"),
                JobStep::Priority(priority) => write!(f, "priority {job} {priority}"),
                JobStep::Walltime(limit) => write!(f, "walltime {job} {}", optional(*limit)),
            },
            Step::ToNode(name, what) => match what {
                NodeStep::Drain => write!(f, "drain {name}"),
                NodeStep::Offline => write!(f, "offline {name}"),
                NodeStep::Online => write!(f, "online {name}"),
                NodeStep::Lost => write!(f, "lost {name}"),
                NodeStep::Back => write!(f, "back {name}"),
                NodeStep::Groups(groups) if groups.is_empty() => write!(f, "groups {name}"),
                NodeStep::Groups(groups) => write!(f, "groups {name} {}", groups.join(",")),
            },
            Step::Parameter(name, value) => write!(f, "parameter {name}={value}"),
        }
    }
}

impl fmt::Display for NodeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} cores={}", self.name, self.cores)?;
        if self.sockets != 1 {
            write!(f, " sockets={}", self.sockets)?;
        }
        if self.gpus != 0 {
            write!(f, " gpus={}", self.gpus)?;
        }
        if !self.groups.is_empty() {
            write!(f, " groups={}", self.groups.join(","))?;
        }
        Ok(())
    }
}

impl fmt::Display for JobLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = JobLine::new(1);
        let (least, most) = self.units;
        let unit = match self.unit {
            Unit::Core => "cores",
            Unit::Socket => "sockets",
            Unit::Node => "nodes",
            Unit::Gpu => "gpus",
        };
        write!(f, "job {unit}={least}")?;
        if most != least {
            write!(f, "-{most}")?;
        }
        if let Some(tasks) = self.tasks {
            write!(f, " tasks={tasks}")?;
        }
        if self.runs != usual.runs {
            match self.runs {
                Some(long) => write!(f, " runs={}", span(long))?,
                None => f.write_str(" runs=forever")?,
            }
        }
        if self.walltime != usual.walltime {
            write!(f, " walltime={}", optional(self.walltime))?;
        }
        if self.priority != usual.priority {
            write!(f, " priority={}", self.priority)?;
        }
        let flags = [
            (self.exclusive, "exclusive"),
            (self.single_node, "single-node"),
            (!self.can_grow, "no-grow"),
            (!self.can_shrink, "no-shrink"),
            (!self.can_preempt, "no-preempt"),
        ];
        for (_, name) in flags.iter().filter(|(is, _)| *is) {
            write!(f, " {name}")?;
        }
        for (name, list) in [("on", &self.nodes), ("groups", &self.groups)] {
            if !list.is_empty() {
                write!(f, " {name}={}", list.join(","))?;
            }
        }
        match self.group_op {
            GroupOp::Intersect => {}
            GroupOp::Uniform => f.write_str(" uniform")?,
            GroupOp::Union => f.write_str(" union")?,
        }
        if !self.parents.is_empty() {
            let parents: Vec<String> = self.parents.iter().map(u32::to_string).collect();
            write!(f, " after={}", parents.join(","))?;
        }
        let times = [
            ("hold", self.hold),
            ("prepare", self.prepare),
            ("release", self.release),
        ];
        for (name, long) in times {
            if let Some(long) = long {
                write!(f, " {name}={}", span(long))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Starts(at, jobs) => {
                write!(f, "{} starts", time(*at))?;
                jobs.iter().try_for_each(|job| write!(f, " {job}"))
            }
            Expect::Holds(at, job, units) => write!(f, "{} job {job} holds {units}", time(*at)),
        }
    }
}

/// A point in time, as the time since the case began.
pub(crate) fn time(at: Timestamp) -> String {
    span(at.since(Timestamp(0)))
}

/// Exact, unlike `Span`'s own form, which is for people.
pub(crate) fn span(long: Span) -> String {
    match long.0 {
        us if us % 1_000_000 == 0 => format!("{}s", us / 1_000_000),
        us if us % 1_000 == 0 => format!("{}ms", us / 1_000),
        us => format!("{}ms", us as f64 / 1e3),
    }
}

fn optional(long: Option<Span>) -> String {
    long.map_or_else(|| "none".into(), span)
}
