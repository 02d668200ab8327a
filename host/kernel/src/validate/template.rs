//! Checks of job templates, and of jobs against theirs.

use super::Invalid;
use super::form::{check_chars, check_environment, check_task};
use crate::filter;
use crate::limits::{NAME_CHARS_MAX, POOL_CHARS_MAX, TEMPLATE_RULES_MAX};
use crate::{DEFAULT_TEMPLATE, JobSpec, State, TaskKind, TaskSpec, Template};

/// Whether a job asks for nothing that its template does not allow. Done when a job is submitted.
pub(crate) fn check_allowed(state: &State, spec: &JobSpec) -> Result<(), Invalid> {
    let unknown = || unknown_template(state, &spec.template);
    state
        .template(&spec.template)
        .ok_or_else(unknown)?
        .allows(spec)
}

pub(crate) fn unknown_template(state: &State, name: &str) -> Invalid {
    let known: Vec<_> = std::iter::once(DEFAULT_TEMPLATE)
        .chain(state.templates().map(|t| t.name.as_str()))
        .take(10)
        .collect();
    Invalid::UnknownTemplate {
        name: name.into(),
        known: known.join(", "),
    }
}

/// Whether a template can be set.
pub(crate) fn check_template(template: &Template) -> Result<(), Invalid> {
    check_chars("the template's name", &template.name, NAME_CHARS_MAX)?;
    let wrong = |what: &str| {
        Err(Invalid::TemplateItself {
            template: template.name.clone(),
            what: what.into(),
        })
    };
    if template.name.trim().is_empty() || template.name.contains(char::is_control) {
        return wrong("a template needs a name of printable characters");
    }
    let lists = template
        .rules
        .iter()
        .map(|rule| rule.allowed.len().max(rule.required_values.len()));
    let most = lists.chain([template.rules.len()]).max().unwrap_or(0);
    if most > TEMPLATE_RULES_MAX {
        return wrong("it has more than 1000 rules, or a list of more than 1000 names");
    }
    for filters in [&template.submission_filters, &template.activation_filters] {
        if !filter::are_names(filters) {
            return wrong("its filters are not at most 32 different names without a comma");
        }
    }
    let pool = &template.pool;
    if pool.chars().count() > POOL_CHARS_MAX
        || pool.trim() != pool
        || pool.contains(|c: char| c.is_control() || c == ',')
    {
        return wrong("its pool is not a name of at most 64 printable characters without a comma");
    }
    check_environment(&template.environment)?;
    for (kind, task) in [
        (TaskKind::NodePrepare, &template.node_prepare),
        (TaskKind::NodeRelease, &template.node_release),
    ] {
        if let Some(task) = task {
            let spec = TaskSpec {
                kind,
                ..task.clone()
            };
            check_task(&JobSpec::default(), 1, &spec)?;
        }
    }
    template.check()
}
