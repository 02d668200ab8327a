//! What `jobyard job submit`, `jobyard job new` and `jobyard task add` send: the text of a job file, or a command with options as one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jobyard::jobfile::{Format, JobChanges, JobFile};
use jobyard_server::jobs::AddQuery;
use jobyard_server::tasks::AddTasksQuery;
use serde_json::{Map, Value, json};

use super::args::{AddTasks, JobArgs};
use crate::failure::Failure;
use crate::run::command;

/// A job to be added.
pub(crate) struct NewJob {
    pub(crate) query: AddQuery,
    pub(crate) text: Text,
}

/// Tasks to be added to a job.
pub(crate) struct NewTasks {
    pub(crate) query: AddTasksQuery,
    pub(crate) text: Text,
}

/// A job file that is to be sent.
pub(crate) struct Text {
    /// What errors call it.
    name: String,
    format: Format,
    pub(crate) text: String,
}

impl Text {
    /// Reads a file; `-` is standard input.
    fn read(file: &Path) -> Result<Text, Failure> {
        let standard_input = PathBuf::from("/dev/stdin");
        let path = match file.as_os_str() == "-" {
            true => &standard_input,
            false => file,
        };
        let (text, format) = JobFile::read_text(path).map_err(Failure::input)?;
        let name = file.display().to_string();
        Ok(Text { name, format, text })
    }

    fn of_command(json: &Value) -> Text {
        Text {
            name: "the command".into(),
            format: Format::Json,
            text: json.to_string(),
        }
    }

    pub(crate) fn media_type(&self) -> &'static str {
        match self.format {
            Format::Toml => "application/toml",
            Format::Json => "application/json",
            Format::HpcXml => "application/xml",
        }
    }
}

impl NewJob {
    pub(crate) fn read(args: &JobArgs, submit: bool) -> Result<NewJob, Failure> {
        let text = match &args.file {
            Some(file) => of_file(args, Text::read(file)?)?,
            None if !args.command.is_empty() => Text::of_command(&of_command(args)?),
            // Its tasks come later.
            None if !submit && args.task.keys("cores").is_empty() => {
                Text::of_command(&Value::Object(args.options.keys()))
            }
            None => {
                let text = "give a job file, or a command after --".to_string();
                return Err(Failure::Input(text));
            }
        };
        let query = AddQuery {
            submit,
            file: Some(text.name.clone()),
            folder: Some(folder(args.chdir.as_deref())?),
        };
        Ok(NewJob { query, text })
    }
}

impl NewTasks {
    pub(crate) fn read(args: &AddTasks, unit: &str) -> Result<NewTasks, Failure> {
        let keys = args.task.keys(unit);
        let text = match &args.file {
            Some(_) if !keys.is_empty() => return Err(task_options_with_a_file()),
            Some(file) => Text::read(file)?,
            None if args.command.is_empty() => {
                let text = "give a file with tasks, or a command after --".to_string();
                return Err(Failure::Input(text));
            }
            None => Text::of_command(&Value::Object(task(&args.command, keys)?)),
        };
        let query = AddTasksQuery {
            submit: !args.draft,
            file: Some(text.name.clone()),
            folder: Some(folder(args.chdir.as_deref())?),
        };
        Ok(NewTasks { query, text })
    }
}

fn task_options_with_a_file() -> Failure {
    let text = "options of a task go with a command after --; a file says what its tasks are";
    Failure::Input(text.into())
}

/// Options win over what the file says. A file without any goes as it is.
fn of_file(args: &JobArgs, file: Text) -> Result<Text, Failure> {
    if !args.task.keys("cores").is_empty() {
        return Err(task_options_with_a_file());
    }
    let keys = args.options.keys();
    if keys.is_empty() {
        return Ok(file);
    }
    let changes = JobChanges::parse("the options", &Value::Object(keys).to_string());
    let changes = changes.map_err(Failure::input)?;
    let parsed = JobFile::parse(&file.name, &file.text, file.format);
    let mut parsed = parsed.map_err(Failure::input)?;
    changes.apply(&mut parsed.spec);
    Ok(Text {
        text: parsed.write(Format::Json).map_err(Failure::input)?,
        format: Format::Json,
        ..file
    })
}

fn of_command(args: &JobArgs) -> Result<Value, Failure> {
    let mut job = args.options.keys();
    let name = command::job(&args.command)?.spec.name;
    job.entry("name").or_insert_with(|| name.into());
    let mut keys = args.task.keys(args.options.unit().unwrap_or("cores"));
    if args.task.takes_all()
        && let Some((unit, range)) = args.options.for_one_task()
    {
        keys.insert(unit.into(), range.into());
    }
    job.insert("task".into(), json!([task(&args.command, keys)?]));
    Ok(Value::Object(job))
}

/// The task that runs a command.
fn task(command: &[OsString], mut keys: Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    keys.insert("command".into(), line(command)?.into());
    Ok(keys)
}

/// A command line that runs the program with exactly these arguments.
pub(crate) fn line(command: &[OsString]) -> Result<String, Failure> {
    let mut tasks = command::job(command)?.tasks.into_iter();
    Ok(tasks
        .next()
        .map(|task| task.command_line)
        .unwrap_or_default())
}

/// Where tasks run that say nothing of it.
pub(crate) fn folder(chdir: Option<&Path>) -> Result<String, Failure> {
    let here = std::env::current_dir().map_err(Failure::work)?;
    let folder = match chdir {
        Some(chdir) => here.join(chdir),
        None => here,
    };
    match folder.to_str() {
        Some(folder) => Ok(folder.into()),
        None => {
            let text = format!("{} is not UTF-8: jobs cannot run there", folder.display());
            Err(Failure::Input(text))
        }
    }
}
