//! Job templates: what a site fills into jobs, and what it lets them ask for (reference 6.3).
//!
//! A template's values are filled into a job when it is added or modified, for properties that its user did not give; read-only ones are
//! set whatever the user gave. What it allows is checked then and again when the job is submitted, since the template may have changed.

use serde::{Deserialize, Serialize};

use crate::property::{Property, Value};
use crate::{Invalid, JobSpec, State, TaskSpec};

/// The template that is always there; jobs that name none have it.
pub const DEFAULT_TEMPLATE: &str = "Default";

/// The resource pool that is always there; jobs whose template names none draw on it.
pub const DEFAULT_POOL: &str = "Default";

/// A job template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Template {
    /// Unique in any case; at most 80 characters.
    pub name: String,
    /// For people.
    pub description: String,
    /// Who may submit jobs with it; everybody who may submit at all when none. Administrators always may.
    pub users: Option<Vec<String>>,
    /// What holds for properties.
    pub rules: Vec<Rule>,
    /// For every task of its jobs: over the cluster's, under the job's. An empty value removes a name.
    pub environment: Vec<(String, String)>,
    /// Given to jobs that have no node prepare task of their own.
    pub node_prepare: Option<TaskSpec>,
    /// Given to jobs that have no node release task of their own.
    pub node_release: Option<TaskSpec>,
    /// Submission filters of its jobs by name, in the order in which they are asked, before the cluster's.
    pub submission_filters: Vec<String>,
    /// Activation filters, likewise.
    pub activation_filters: Vec<String>,
    /// The resource pool of its jobs, at most 64 characters; the default one when empty. What a pool is worth is a setting of the policy.
    pub pool: String,
}

/// What a template says about one property of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The property, by HPC Pack's name.
    pub property: String,
    /// The value where the user gives none.
    pub default: Option<Value>,
    /// It is always the default, whatever the user gives.
    pub read_only: bool,
    /// It must have a value.
    pub required: bool,
    /// The least that a number may be.
    pub min: Option<u64>,
    /// The most that a number may be.
    pub max: Option<u64>,
    /// The only values that it may have; each one of a list.
    pub allowed: Vec<Value>,
    /// Names that a list must have.
    pub required_values: Vec<String>,
}

impl Template {
    /// What is wrong with the template itself, if anything is.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let wrong = |property: &str, what: &str| {
            Err(Invalid::TemplateItself {
                template: self.name.clone(),
                what: format!("{property}: {what}"),
            })
        };
        for rule in &self.rules {
            let Some(property) = Property::find(&rule.property) else {
                return wrong(
                    &rule.property,
                    "it is not a property that templates can have",
                );
            };
            let twice = self
                .rules
                .iter()
                .filter(|other| other.property.eq_ignore_ascii_case(&rule.property));
            let mut trial = JobSpec::default();
            match rule {
                _ if twice.count() > 1 => wrong(property.name, "there are two rules for it")?,
                rule if rule.read_only && rule.default.is_none() => {
                    wrong(property.name, "it is read-only and has no value")?;
                }
                rule if rule.min.zip(rule.max).is_some_and(|(min, max)| min > max) => {
                    wrong(property.name, "its minimum is above its maximum")?;
                }
                Rule {
                    default: Some(value),
                    ..
                } if !property.set(&mut trial, value) => {
                    wrong(property.name, &format!("it cannot be {value}"))?;
                }
                _ => {}
            }
            if rule.default.is_some()
                && let Err(what) = rule.allows(property, &trial)
            {
                return wrong(property.name, &format!("its own value {what}"));
            }
        }
        Ok(())
    }

    /// Sets what the user may not choose and, with `defaults`, what they did not give.
    pub(crate) fn fill(&self, job: &mut JobSpec, defaults: bool) {
        for (rule, property) in self.rules_with_properties() {
            if let Some(value) = &rule.default
                && (rule.read_only || (defaults && !property.is_given(job)))
            {
                // The template was checked: it takes the value.
                let _ = property.set(job, value);
            }
        }
    }

    /// Whether a job asks for nothing that the template does not allow.
    pub(crate) fn allows(&self, job: &JobSpec) -> Result<(), Invalid> {
        for (rule, property) in self.rules_with_properties() {
            rule.allows(property, job)
                .map_err(|what| Invalid::Template {
                    template: self.name.clone(),
                    what: format!("{} {what}", property.name),
                })?;
        }
        Ok(())
    }

    fn rules_with_properties(&self) -> impl Iterator<Item = (&Rule, &'static Property)> {
        let rules = self.rules.iter();
        rules.filter_map(|rule| Some((rule, Property::find(&rule.property)?)))
    }
}

impl Rule {
    fn allows(&self, property: &Property, job: &JobSpec) -> Result<(), String> {
        let Some(value) = property.get(job) else {
            return match self.required || !self.required_values.is_empty() {
                true => Err("must be given".into()),
                false => Ok(()),
            };
        };
        if let Value::Number(number) = value {
            match (self.min, self.max) {
                (Some(min), _) if number < min => {
                    return Err(format!("is {number}, which is below {min}"));
                }
                (_, Some(max)) if number > max => {
                    return Err(format!("is {number}, which is above {max}"));
                }
                _ => {}
            }
        }
        if !self.allowed.is_empty() {
            let allowed = |value: &Value| self.allowed.contains(value);
            let each: Vec<Value> = match &value {
                Value::List(names) => names.iter().cloned().map(Value::Text).collect(),
                Value::Flag(_) | Value::Number(_) | Value::Text(_) => vec![value.clone()],
            };
            if let Some(other) = each.iter().find(|value| !allowed(value)) {
                let all: Vec<_> = self.allowed.iter().map(ToString::to_string).collect();
                return Err(format!("is {other}, which is none of {}", all.join(", ")));
            }
        }
        if let Value::List(names) = &value
            && let Some(missing) = self.required_values.iter().find(|n| !names.contains(n))
        {
            return Err(format!("must name \"{missing}\""));
        }
        Ok(())
    }
}

impl State {
    /// A template by name, in any case; the empty name is the default one's.
    pub fn template(&self, name: &str) -> Option<&Template> {
        let is_default = name.is_empty() || name.eq_ignore_ascii_case(DEFAULT_TEMPLATE);
        let unset = is_default.then_some(&EMPTY);
        if self.templates.is_empty() {
            return unset;
        }
        let name = if is_default { DEFAULT_TEMPLATE } else { name };
        let set = self.templates.get(&name.to_lowercase());
        set.map(AsRef::as_ref).or(unset)
    }

    /// All templates that were set, by name.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.values().map(AsRef::as_ref)
    }
}

/// The default template as long as nobody sets it.
static EMPTY: Template = Template {
    name: String::new(),
    description: String::new(),
    users: None,
    rules: Vec::new(),
    environment: Vec::new(),
    node_prepare: None,
    node_release: None,
    submission_filters: Vec::new(),
    activation_filters: Vec::new(),
    pool: String::new(),
};
