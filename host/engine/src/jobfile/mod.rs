//! Job files: TOML, JSON and HPC Pack job XML, read into what the kernel takes.
//!
//! Each format becomes a small tree with the place of every value (`tree`, or XML elements); the TOML and JSON trees
//! go through one serde model (`model`), XML through HPC Pack's property names (`hpc_job`). The form of the
//! whole job is then checked by the kernel, so that a job that can never run is refused with a place in the file.
//! Nothing here knows the cluster: whether the nodes exist and suffice is found out when the job is submitted.
//!
//! Called by `jobyard run` and `jobyard job submit`, by the HTTP API, and by embedders.
//!
//! ```
//! use jobyard::jobfile::{Format, JobFile};
//!
//! let text = r#"
//!     name = "squares"
//!     cores = "1-4"
//!     [[task]]
//!     command = "echo $((7 * 7))"
//! "#;
//! let file = JobFile::parse("squares.toml", text, Format::Toml)?;
//! assert_eq!(file.spec.max, Some(4));
//!
//! let error = JobFile::parse("a.toml", "colour = 1", Format::Toml).unwrap_err();
//! assert!(error.to_string().starts_with("a.toml:1:1: unknown key \"colour\""));
//! # Ok::<(), jobyard::jobfile::JobFileError>(())
//! ```

mod changes;
mod error;
mod hpc_attributes;
mod hpc_groups;
mod hpc_job;
mod hpc_parts;
mod keys;
mod model;
mod model_values;
mod read_json;
mod read_toml;
mod read_xml;
mod suggest;
mod tree;
mod values;
mod write;
mod write_xml;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use jobyard_kernel::{Invalid, JobSpec, TaskSpec, Unit, check_form};

pub use changes::{JobChanges, TaskChanges};
pub use error::{JobFileError, Place, Problem};
pub use values::{
    BadValue, UnitRange, parse_group_op, parse_hold_until, parse_job_ids, parse_memory_range,
    parse_order_by, parse_priority, parse_range, parse_span, parse_sweep,
};
pub use write::{NotWritable, write_tasks};

use error::Fault;

/// Bytes of a job file. What is larger is refused without being read to its end.
pub const JOB_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a job file asks for.
///
/// In TOML and JSON the `[[task]]` entries come first, in the order of the file, then `[prepare]`, then `[release]`: so
/// the first task of the file is task 1. In XML the order is that of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct JobFile {
    /// The job.
    pub spec: JobSpec,
    /// Its tasks; the first becomes task 1.
    pub tasks: Vec<TaskSpec>,
}

/// The language of a job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON, with the same keys as TOML.
    Json,
    /// Job XML of HPC Pack, 2008 to 2019.
    HpcXml,
}

impl Format {
    /// By the extension of the file's name (`toml`, `json`, `xml`, in any case), else by how the text begins.
    pub fn of(path: &Path, text: &str) -> Format {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "toml" => Format::Toml,
            "json" => Format::Json,
            "xml" => Format::HpcXml,
            _ => {
                let text = without_mark(text).trim_start();
                // A list of JSON jobs; what begins with `[[` or `[name` is TOML.
                let list = text.strip_prefix('[').map(str::trim_start);
                match text.chars().next() {
                    Some('<') => Format::HpcXml,
                    Some('{') => Format::Json,
                    _ if list.is_some_and(|rest| rest.starts_with('{')) => Format::Json,
                    _ => Format::Toml,
                }
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Toml => "TOML",
            Format::Json => "JSON",
            Format::HpcXml => "XML",
        })
    }
}

impl JobFile {
    /// Reads and checks a job file; the format is found by [`Format::of`].
    ///
    /// # Errors
    /// One line that names the file, the line and column, the value and what would be right. Also when the
    /// file is missing, a folder, empty, not UTF-8, or larger than [`JOB_FILE_BYTES_MAX`].
    pub fn read(path: &Path) -> Result<JobFile, JobFileError> {
        let (text, format) = JobFile::read_text(path)?;
        JobFile::parse(&path.display().to_string(), &text, format)
    }

    /// Reads a job file for somebody else to [`JobFile::parse`].
    ///
    /// # Errors
    /// As [`JobFile::read`], for what is not in the text.
    pub fn read_text(path: &Path) -> Result<(String, Format), JobFileError> {
        let name = path.display().to_string();
        let fail = |problem| Err(JobFileError::new(&name, None, problem));
        let bytes = match read_limited(path) {
            Ok(bytes) => bytes,
            Err(problem) => return fail(problem),
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let format = Format::of(path, &text);
                Ok((text, format))
            }
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let (good, rest) = error.as_bytes().split_at(good);
                let place = Place::of(&String::from_utf8_lossy(good), good.len());
                let byte = rest.first().copied().unwrap_or_default();
                Err(JobFileError::new(
                    &name,
                    Some(place),
                    Problem::NotUtf8 { byte },
                ))
            }
        }
    }

    /// Reads and checks the text of a job file; `name` is what errors call the file.
    ///
    /// # Errors
    /// As [`JobFile::read`], for what is in the text.
    pub fn parse(name: &str, text: &str, format: Format) -> Result<JobFile, JobFileError> {
        JobFile::read_as(name, text, format, Draft::checked)
    }

    /// The same for a job that is not submitted yet: its tasks may come later.
    ///
    /// # Errors
    /// As [`JobFile::parse`], but not for a job without tasks.
    pub fn parse_new(name: &str, text: &str, format: Format) -> Result<JobFile, JobFileError> {
        JobFile::read_as(name, text, format, Draft::well_formed)
    }

    fn read_as(
        name: &str,
        text: &str,
        format: Format,
        check: fn(Draft) -> Result<JobFile, Fault>,
    ) -> Result<JobFile, JobFileError> {
        let text = usable(name, text)?;
        let fail = |place, problem| Err(JobFileError::new(name, place, problem));
        let draft = match format {
            Format::Toml => read_toml::read(text).and_then(|tree| model::read(&tree)),
            Format::Json => read_json::read(text).and_then(|tree| model::read(&tree)),
            Format::HpcXml => read_xml::read(text).and_then(|root| hpc_job::read(&root)),
        };
        match draft.and_then(check) {
            Ok(file) => Ok(file),
            Err(fault) => fail(Some(Place::of(text, fault.at)), fault.problem),
        }
    }
}

/// Reads the text of tasks for a job that is there already and counts this unit: in TOML and JSON as a job file that has nothing but
/// tasks, in JSON also one task or a list of them; in XML `Task`, `Tasks` or the tasks of a `Job`. `name` is what errors call it.
///
/// # Errors
/// As [`JobFile::parse`], but for what only shows when the tasks meet their job.
pub fn parse_tasks(
    name: &str,
    text: &str,
    format: Format,
    unit: Unit,
) -> Result<Vec<TaskSpec>, JobFileError> {
    let text = usable(name, text)?;
    let tasks = match format {
        Format::Toml => read_toml::read(text).and_then(|tree| model::read_tasks(&tree, unit)),
        Format::Json => read_json::read(text).and_then(|tree| model::read_tasks(&tree, unit)),
        Format::HpcXml => read_xml::read(text).and_then(|root| hpc_job::read_tasks(&root, unit)),
    };
    tasks.map_err(|fault| JobFileError::new(name, Some(Place::of(text, fault.at)), fault.problem))
}

/// The text, if there is some and not too much.
fn usable<'t>(name: &str, text: &'t str) -> Result<&'t str, JobFileError> {
    let text = without_mark(text);
    let problem = match text.len() as u64 {
        bytes if bytes > JOB_FILE_BYTES_MAX => Problem::TooLarge { bytes: Some(bytes) },
        _ if text.trim().is_empty() => Problem::Empty,
        _ => return Ok(text),
    };
    Err(JobFileError::new(name, None, problem))
}

/// A job file that has been read, with the places that errors about the whole of it name.
struct Draft {
    file: JobFile,
    /// Where the job begins, in bytes.
    job_at: usize,
    /// Where each of the tasks begins.
    tasks_at: Vec<usize>,
    /// Where the job's own properties are, by their names in the file.
    places: Vec<(String, usize)>,
}

impl Draft {
    /// What only shows when everything has been read.
    fn checked(self) -> Result<JobFile, Fault> {
        if self.file.tasks.is_empty() && !self.file.spec.run_until_canceled {
            return Err(Fault::new(self.job_at, Problem::NoTask));
        }
        self.well_formed()
    }

    fn well_formed(self) -> Result<JobFile, Fault> {
        let tasks: Vec<Ref<'_>> = self.file.tasks.iter().map(Ref).collect();
        if let Err(invalid) = check_form(&self.file.spec, &tasks) {
            return Err(Fault::new(self.place_of(&invalid), Problem::Form(invalid)));
        }
        Ok(self.file)
    }

    /// The task or the property of the job that is at fault, else the job.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is about neither is about the job as a whole, and so are cases to come"
    )]
    fn place_of(&self, invalid: &Invalid) -> usize {
        let task = |number: u32| {
            self.tasks_at
                .get((number as usize).checked_sub(1)?)
                .copied()
        };
        let named = |name: &String| {
            let index = self.file.tasks.iter().rposition(|t| t.name == *name)?;
            self.tasks_at.get(index).copied()
        };
        let property = |names: &[&str]| {
            let found = self
                .places
                .iter()
                .find(|(n, _)| names.contains(&n.as_str()));
            found.map(|(_, at)| *at)
        };
        let place = match invalid {
            Invalid::NoCommandLine { task: number }
            | Invalid::CommaInName { task: number, .. }
            | Invalid::EmptySweep { task: number, .. }
            | Invalid::SweepTooLarge { task: number, .. }
            | Invalid::TaskAboveJob { task: number, .. }
            | Invalid::TaskMinAboveJobMin { task: number, .. }
            | Invalid::UnknownDependency { task: number, .. }
            | Invalid::DependsWithoutName { task: number }
            | Invalid::TooManyDependencies { task: number, .. }
            | Invalid::NotForNodeTask { task: number, .. }
            | Invalid::NotForService { task: number, .. }
            | Invalid::ServiceNotAlone { task: number }
            | Invalid::ExclusiveTask { task: number }
            | Invalid::TaskMaxAboveJob { task: number, .. }
            | Invalid::RequiredAuto { task: number }
            | Invalid::RequiredNotRequested { task: number, .. }
            | Invalid::RequiredExcluded { task: number, .. }
            | Invalid::RequiredAboveMax { task: number, .. }
            | Invalid::RequiredAboveTask { task: number, .. }
            | Invalid::TaskGroupInJobGroups { task: number }
            | Invalid::TaskGroupWithRequired { task: number }
            | Invalid::RuntimeAboveJob { task: number, .. } => task(*number),
            Invalid::GroupDiffers { name } => named(name),
            Invalid::DependencyCycle { circle } => circle.first().and_then(named),
            Invalid::NodeGroupName { .. } | Invalid::TooManyNodeGroups { .. } => {
                property(&["node_groups", "NodeGroups"])
            }
            Invalid::GroupOpWithoutGroups { .. } => property(&["node_group_op", "NodeGroupOp"]),
            Invalid::OrderBy { .. } => property(&["order_by", "OrderBy"]),
            Invalid::Target { .. } => property(&["target", "TargetResourceCount"]),
            Invalid::Licence { .. } => property(&["licences", "SoftwareLicense"]),
            Invalid::TooManyParents { .. } => property(&["parent_jobs", "ParentJobIds"]),
            Invalid::TooManyCustom { .. } | Invalid::CustomName { .. } => {
                property(&["custom_properties", "CustomProperties"])
            }
            Invalid::RunUntilCanceledAuto => property(&["run_until_canceled", "RunUntilCanceled"]),
            _ => None,
        };
        place.unwrap_or(self.job_at)
    }
}

/// A task by reference, as `check_form` takes it.
struct Ref<'a>(&'a TaskSpec);

impl AsRef<TaskSpec> for Ref<'_> {
    fn as_ref(&self) -> &TaskSpec {
        self.0
    }
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| match error.kind() == ErrorKind::NotFound {
        true => Problem::Missing,
        false => Problem::Unreadable(error),
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Problem::Folder);
    }
    if metadata.len() > JOB_FILE_BYTES_MAX {
        let bytes = Some(metadata.len());
        return Err(Problem::TooLarge { bytes });
    }
    // A pipe has no length, and a file may grow meanwhile.
    let mut bytes = Vec::new();
    let mut limited = file.take(JOB_FILE_BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > JOB_FILE_BYTES_MAX {
        return Err(Problem::TooLarge { bytes: None });
    }
    Ok(bytes)
}

/// Without the byte order mark that some editors write.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
