//! What is asked of the cluster as a whole: parameters, environment, job templates. For administrators.

use std::sync::Arc;

use super::Facts;
use super::roles::may_administer;
use crate::limits::TEMPLATES_MAX;
use crate::{
    Actor, DEFAULT_TEMPLATE, Fact, Job, JobSpec, Parameter, Parameters, Phase, Rejection, State,
    Template, validate,
};

pub(super) fn set_parameter(state: &State, by: &Actor, name: &str, value: Option<&str>) -> Facts {
    may_administer(by, "set cluster parameters")?;
    let parameter = Parameter::find(name)?;
    let mut parameters = state.parameters.clone();
    parameter.set(&mut parameters, value)?;
    Ok(changed(state, parameters))
}

pub(super) fn set_environment(state: &State, by: &Actor, name: &str, value: Option<&str>) -> Facts {
    may_administer(by, "set the cluster's environment")?;
    let mut parameters = state.parameters.clone();
    parameters.environment.retain(|(known, _)| known != name);
    let set = value.map(|value| (name.to_string(), value.to_string()));
    parameters.environment.extend(set);
    validate::check_environment(&parameters.environment)?;
    Ok(changed(state, parameters))
}

fn changed(state: &State, parameters: Parameters) -> Vec<Fact> {
    match parameters == state.parameters {
        true => Vec::new(),
        false => vec![Fact::ParametersSet(Box::new(parameters))],
    }
}

pub(super) fn set_template(state: &State, by: &Actor, template: &Arc<Template>) -> Facts {
    may_administer(by, "set job templates")?;
    validate::check_template(template)?;
    let new = !state.templates.contains_key(&template.name.to_lowercase());
    if new && state.templates.len() >= TEMPLATES_MAX {
        return Err(Rejection::NoIdsLeft("job template"));
    }
    Ok(vec![Fact::TemplateSet(template.clone())])
}

pub(super) fn remove_template(state: &State, by: &Actor, name: &str) -> Facts {
    may_administer(by, "remove job templates")?;
    let unknown = || validate::unknown_template(state, name);
    let template = state.template(name).ok_or_else(unknown)?;
    let stays = |why| {
        Err(Rejection::TemplateStays {
            template: name.into(),
            why,
        })
    };
    if name.is_empty() || name.eq_ignore_ascii_case(DEFAULT_TEMPLATE) {
        return stays("it is the default one; set it instead".into());
    }
    let needs = |job: &&Job| {
        !matches!(job.phase, Phase::Ended(_)) && job.spec.template.eq_ignore_ascii_case(name)
    };
    if let Some(job) = state.jobs().find(needs) {
        return stays(format!("job {} was made from it and has not ended", job.id));
    }
    let name = template.name.to_lowercase();
    Ok(vec![Fact::TemplateRemoved { name }])
}

/// The template of a job, if it is there and they may use it.
pub(super) fn template<'a>(
    state: &'a State,
    by: &Actor,
    spec: &JobSpec,
) -> Result<&'a Template, Rejection> {
    let unknown = || validate::unknown_template(state, &spec.template);
    let template = state.template(&spec.template).ok_or_else(unknown)?;
    let named = template.users.as_ref();
    let may =
        by.is(crate::Role::Administrator) || named.is_none_or(|users| users.contains(&by.name));
    match may {
        true => Ok(template),
        false => Err(Rejection::TemplateForbidden {
            by: by.name.clone(),
            template: template.name.clone(),
        }),
    }
}
