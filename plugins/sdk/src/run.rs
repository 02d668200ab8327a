//! Runs the command line of an assignment from start to end: what executors, prepare and release tasks of the kind
//! `command` have in common.
//!
//! Written against [`Processes`], so that it is tested natively with a script of events; `Host` is the real thing, in components only.

use crate::{
    command_line::{through_shell, words},
    log,
    work::{Assignment, COULD_NOT_START, Exit, Failure, INPUT_OR_OUTPUT, failure},
};

pub use crate::bindings::imports::jobyard::plugin::process::{
    Command, Event, Input, Output, ProcessId,
};

/// The interface `process` of the host: documented in `wit/process.wit`.
pub trait Processes {
    /// Starts a program.
    fn spawn(&mut self, command: &Command) -> Result<ProcessId, String>;
    /// Waits for what comes next.
    fn next(&mut self, limit_ms: Option<u32>) -> Event;
    /// Asks a process group to end.
    fn interrupt(&mut self, process: ProcessId);
    /// Ends a process and all that it started.
    fn kill(&mut self, process: ProcessId);
}

/// The processes of the host that this component runs in.
#[cfg(target_arch = "wasm32")]
#[derive(Debug)]
pub struct Host;

#[cfg(target_arch = "wasm32")]
impl Processes for Host {
    fn spawn(&mut self, command: &Command) -> Result<ProcessId, String> {
        crate::bindings::imports::jobyard::plugin::process::spawn(command)
    }
    fn next(&mut self, limit_ms: Option<u32>) -> Event {
        crate::bindings::imports::jobyard::plugin::process::next(limit_ms)
    }
    fn interrupt(&mut self, process: ProcessId) {
        crate::bindings::imports::jobyard::plugin::process::interrupt(process);
    }
    fn kill(&mut self, process: ProcessId) {
        crate::bindings::imports::jobyard::plugin::process::kill(process);
    }
}

/// Runs an assignment's command line and answers how its process ended. An empty command line is nothing to do: exit code 0.
///
/// A cancel interrupts the process group, and kills it when the grace period is over.
///
/// # Errors
/// [`INPUT_OR_OUTPUT`] when the host names one of the files for standard input, output or error in its refusal, else
/// [`COULD_NOT_START`]: the working folder or the shell is not there. A program that does not exist is no failure of this
/// kind: a shell says so on standard error, and its exit code is 127 (126 where it must not be run), as users know it.
pub fn run(assignment: Assignment, processes: &mut impl Processes) -> Result<Exit, Failure> {
    if assignment.command_line.trim().is_empty() {
        return Ok(Exit {
            code: 0,
            signal: None,
        });
    }
    let files = [
        assignment.standard_input.clone(),
        assignment.standard_output.clone(),
        assignment.standard_error.clone(),
    ];
    let process = start(assignment, processes).map_err(|text| {
        let names_a_file = files
            .iter()
            .flatten()
            .any(|file| text.contains(file.as_str()));
        failure(
            if names_a_file {
                INPUT_OR_OUTPUT
            } else {
                COULD_NOT_START
            },
            text,
        )
    })?;
    let mut limit_ms = None;
    loop {
        match processes.next(limit_ms) {
            Event::Exited((ended, exit)) if ended == process => return Ok(exit),
            Event::Exited(_) => {}
            Event::CancelRequested(grace_ms) => {
                processes.interrupt(process);
                limit_ms = Some(grace_ms);
            }
            Event::Deadline => {
                processes.kill(process);
                limit_ms = None;
            }
        }
    }
}

/// Starts the command line: directly if it is simple, else, or if that fails, through a shell.
///
/// Why again through a shell? A script without an interpreter line is run by a shell only. A program that is
/// not there fails both ways; a shell then says it in the words and with the exit code that users know, and the same for
/// simple lines as for others.
fn start(assignment: Assignment, processes: &mut impl Processes) -> Result<ProcessId, String> {
    let line = assignment.command_line.clone();
    let mut command = command(assignment);
    if let Some(words) = words(&line) {
        let mut words = words.into_iter();
        command.program = words.next().unwrap_or_default();
        command.arguments = words.collect();
        match processes.spawn(&command) {
            Ok(process) => return Ok(process),
            Err(text) => log::debug(&format!("not started directly, trying a shell: {text}")),
        }
    }
    (command.program, command.arguments) = through_shell(&line);
    processes.spawn(&command)
}

/// All of the command but the program and its arguments.
fn command(assignment: Assignment) -> Command {
    Command {
        program: String::new(),
        arguments: Vec::new(),
        environment: assignment.environment,
        working_folder: assignment.working_folder,
        standard_input: assignment
            .standard_input
            .map_or(Input::Nothing, Input::File),
        // One file for both means one stream, as the shell's `>file 2>&1`; opened twice they would overwrite each other.
        standard_error: match assignment.standard_error {
            Some(file) if assignment.standard_output.as_deref() == Some(file.as_str()) => {
                Output::SameAsOutput
            }
            Some(file) => Output::File(file),
            None => Output::Captured,
        },
        standard_output: assignment
            .standard_output
            .map_or(Output::Captured, Output::File),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers from a script, and writes down what was asked.
    #[derive(Default)]
    struct Script {
        spawns: Vec<Result<ProcessId, String>>,
        events: Vec<Event>,
        commands: Vec<Command>,
        calls: Vec<String>,
    }

    impl Processes for Script {
        fn spawn(&mut self, command: &Command) -> Result<ProcessId, String> {
            self.calls
                .push(format!("spawn {} {:?}", command.program, command.arguments));
            self.commands.push(command.clone());
            self.spawns.remove(0)
        }
        fn next(&mut self, limit_ms: Option<u32>) -> Event {
            self.calls.push(format!("next {limit_ms:?}"));
            self.events.remove(0)
        }
        fn interrupt(&mut self, process: ProcessId) {
            self.calls.push(format!("interrupt {process}"));
        }
        fn kill(&mut self, process: ProcessId) {
            self.calls.push(format!("kill {process}"));
        }
    }

    fn assignment(line: &str) -> Assignment {
        Assignment {
            command_line: line.to_owned(),
            working_folder: "/w".to_owned(),
            environment: vec![("A".to_owned(), "1".to_owned())],
            ..Assignment::default()
        }
    }

    fn exited(process: ProcessId, code: i32) -> Event {
        Event::Exited((process, Exit { code, signal: None }))
    }

    #[test]
    fn a_simple_line_is_started_directly() {
        let mut script = Script {
            spawns: vec![Ok(0)],
            events: vec![exited(0, 3)],
            ..Script::default()
        };
        let exit = run(assignment("make -j4"), &mut script);
        assert_eq!(
            exit,
            Ok(Exit {
                code: 3,
                signal: None
            })
        );
        assert_eq!(script.calls, ["spawn make [\"-j4\"]", "next None"]);
        let command = &script.commands[0];
        assert_eq!(command.working_folder, "/w");
        assert_eq!(command.environment, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(command.standard_input, Input::Nothing);
        assert_eq!(command.standard_output, Output::Captured);
        assert_eq!(command.standard_error, Output::Captured);
    }

    #[test]
    fn files_are_handed_over() {
        let mut script = Script {
            spawns: vec![Ok(0), Ok(0)],
            events: vec![exited(0, 0), exited(0, 0)],
            ..Script::default()
        };
        let mut work = assignment("a | b");
        work.standard_input = Some("in".to_owned());
        work.standard_output = Some("out".to_owned());
        work.standard_error = Some("err".to_owned());
        run(work.clone(), &mut script).unwrap();
        work.standard_error = Some("out".to_owned());
        run(work, &mut script).unwrap();
        let file = |name: &str| Output::File(name.to_owned());
        assert_eq!(script.calls[0], "spawn /bin/sh [\"-c\", \"a | b\"]");
        assert_eq!(
            script.commands[0].standard_input,
            Input::File("in".to_owned())
        );
        assert_eq!(script.commands[0].standard_output, file("out"));
        assert_eq!(script.commands[0].standard_error, file("err"));
        assert_eq!(script.commands[1].standard_output, file("out"));
        assert_eq!(script.commands[1].standard_error, Output::SameAsOutput);
    }

    #[test]
    fn a_cancel_interrupts_and_kills_after_the_grace_period() {
        let mut script = Script {
            spawns: vec![Ok(0)],
            events: vec![Event::CancelRequested(500), Event::Deadline, exited(0, 137)],
            ..Script::default()
        };
        let exit = run(assignment("sleep 9"), &mut script);
        assert_eq!(
            exit,
            Ok(Exit {
                code: 137,
                signal: None
            })
        );
        assert_eq!(
            script.calls[1..],
            [
                "next None",
                "interrupt 0",
                "next Some(500)",
                "kill 0",
                "next None"
            ]
        );
    }

    #[test]
    fn a_process_that_ends_in_its_grace_period_is_not_killed() {
        let mut script = Script {
            spawns: vec![Ok(0)],
            events: vec![Event::CancelRequested(500), exited(7, 0), exited(0, 130)],
            ..Script::default()
        };
        assert_eq!(run(assignment("sleep 9"), &mut script).unwrap().code, 130);
        assert!(
            !script.calls.iter().any(|call| call.starts_with("kill")),
            "{:?}",
            script.calls
        );
    }

    #[test]
    fn what_is_not_there_is_left_to_the_shell() {
        let mut script = Script {
            spawns: vec![Err("no such program: gone".to_owned()), Ok(0)],
            events: vec![exited(0, 127)],
            ..Script::default()
        };
        assert_eq!(run(assignment("gone -x"), &mut script).unwrap().code, 127);
        assert_eq!(
            script.calls[..2],
            ["spawn gone [\"-x\"]", "spawn /bin/sh [\"-c\", \"gone -x\"]"]
        );
    }

    #[test]
    fn failures_name_what_went_wrong() {
        let refuse = |text: &str| Script {
            spawns: vec![Err(text.to_owned()), Err(text.to_owned())],
            ..Script::default()
        };
        let mut work = assignment("prog");
        work.standard_input = Some("data/in".to_owned());
        let text = "cannot open data/in: No such file";
        let failed = run(work.clone(), &mut refuse(text)).unwrap_err();
        assert_eq!(
            failed,
            Failure {
                code: INPUT_OR_OUTPUT,
                text: text.to_owned()
            }
        );
        let failed = run(work, &mut refuse("no such folder: /w")).unwrap_err();
        assert_eq!(failed.code, COULD_NOT_START);
    }

    #[test]
    fn an_empty_line_is_nothing_to_do() {
        let mut script = Script::default();
        assert_eq!(
            run(assignment(" \t"), &mut script),
            Ok(Exit {
                code: 0,
                signal: None
            })
        );
        assert!(script.calls.is_empty());
    }
}
