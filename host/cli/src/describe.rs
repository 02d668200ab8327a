//! What this program says of itself to others: completions for shells, and man pages. Both come out of the arguments, so they cannot be behind.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::args::Arguments;
use crate::failure::Failure;
use crate::remote::show;

/// `jobyard completions`.
pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "jobyard", &mut script);
    show::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// `jobyard man`: a page for each verb.
pub(crate) fn man(folder: &Path) -> Result<ExitCode, Failure> {
    let bad = |error: std::io::Error| Failure::Input(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(bad)?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    pages(command, "jobyard", folder).map_err(bad)?;
    Ok(ExitCode::SUCCESS)
}

fn pages(command: clap::Command, name: &str, folder: &Path) -> std::io::Result<()> {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    for verb in verbs {
        let name = format!("{name}-{}", verb.get_name());
        pages(verb.clone(), &name, folder)?;
    }
    let full = name.replace('-', " ");
    let command = command.display_name(name).bin_name(full);
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    let page = escaped(&String::from_utf8_lossy(&page));
    std::fs::write(folder.join(format!("{name}.1")), page)
}

/// With what is not ASCII in roff's own words: not every roff reads UTF-8.
fn escaped(page: &str) -> String {
    let escaped = |sign: char| match sign.is_ascii() {
        true => sign.to_string(),
        false => format!("\\[u{:04X}]", u32::from(sign)),
    };
    page.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/command-line.md");

    /// Verbs that have no verbs below them, as `job list`.
    fn verbs(command: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
        let below = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        for verb in below {
            let name = format!("{before}{}", verb.get_name());
            match verb.has_subcommands() {
                true => verbs(verb, &format!("{name} "), found),
                false => assert!(found.insert(name.clone()), "{name} is there twice"),
            }
        }
    }

    #[test]
    fn the_document_has_every_verb_and_no_other() {
        let mut there = BTreeSet::new();
        verbs(&Arguments::command(), "", &mut there);
        let table = DOCUMENT
            .split("## Verbs")
            .nth(1)
            .and_then(|rest| rest.split("\n## ").next());
        let rows = table
            .unwrap_or_default()
            .lines()
            .filter(|line| line.starts_with("| `"));
        let written: Vec<String> = rows
            .filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_string()))
            .collect();
        let as_set: BTreeSet<String> = written.iter().cloned().collect();
        assert_eq!(as_set.len(), written.len(), "a verb is there twice");
        assert_eq!(as_set, there);
    }

    #[test]
    fn arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
