//! What `jobyard job submit` sends: the text of a job file, or a command as one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jobyard::jobfile::{Format, JobFile};
use jobyard_server::jobs::AddQuery;
use serde_json::json;

use super::args::JobArgs;
use crate::failure::Failure;
use crate::run::command;

/// A job to be added.
pub(crate) struct NewJob {
    pub(crate) query: AddQuery,
    pub(crate) media_type: &'static str,
    pub(crate) text: String,
}

impl NewJob {
    pub(crate) fn read(args: &JobArgs, submit: bool) -> Result<NewJob, Failure> {
        let here = std::env::current_dir().map_err(Failure::work)?;
        let folder = here.join(args.chdir.as_deref().unwrap_or(Path::new("")));
        let Some(folder) = folder.to_str() else {
            let text = format!("{} is not UTF-8: jobs cannot run there", folder.display());
            return Err(Failure::Input(text));
        };
        let (file, media_type, text) = match &args.file {
            Some(file) => {
                let standard_input = PathBuf::from("/dev/stdin");
                let path = if file.as_os_str() == "-" {
                    &standard_input
                } else {
                    file
                };
                let (text, format) = JobFile::read_text(path).map_err(Failure::input)?;
                (file.display().to_string(), media_type(format), text)
            }
            None if args.command.is_empty() => {
                let text = "give a job file, or a command after --".to_string();
                return Err(Failure::Input(text));
            }
            None => (
                "the command".into(),
                "application/json",
                job_of(&args.command)?,
            ),
        };
        let query = AddQuery {
            submit,
            file: Some(file),
            folder: Some(folder.to_string()),
        };
        Ok(NewJob {
            query,
            media_type,
            text,
        })
    }
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Toml => "application/toml",
        Format::Json => "application/json",
        Format::HpcXml => "application/xml",
    }
}

fn job_of(command: &[OsString]) -> Result<String, Failure> {
    let job = command::job(command)?;
    let tasks: Vec<_> = job
        .tasks
        .iter()
        .map(|task| json!({ "command": task.command_line }))
        .collect();
    Ok(json!({ "name": job.spec.name, "task": tasks }).to_string())
}
