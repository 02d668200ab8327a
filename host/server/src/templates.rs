//! `/api/v1/templates`: job templates. Everybody may look; only administrators set and remove them.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /templates` | all of them: [`TemplateList`] |
//! | `GET /templates/{name}` | one, by name in any case: [`TemplateView`] |
//! | `PUT /templates/{name}` | adds it, or replaces the one of that name |
//! | `DELETE /templates/{name}` | takes it away, if no job needs it |

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jobyard::EngineError;
use jobyard::jobfile::{Format, parse_span, parse_tasks, write_tasks};
use jobyard::kernel::{
    Command, DEFAULT_TEMPLATE, Invalid, Rejection, Rule, TaskKind, TaskSpec, Template, Unit,
    Value as PropertyValue,
};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;

/// All templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TemplateList {
    /// By name; the default one is always there.
    pub templates: Vec<TemplateView>,
}

/// A job template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateView {
    /// Its name; that of the path when it is not there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who may submit jobs with it; everybody when it is not there. Administrators always may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// What holds for properties, by HPC Pack's names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, RuleView>,
    /// Over the cluster's environment, under the job's. An empty value removes a name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Given to jobs that have no node prepare task of their own: the keys of `[prepare]` in a job file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepare: Option<serde_json::Value>,
    /// The same for node release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<serde_json::Value>,
    /// Submission filters of its jobs by name, in the order in which they are asked, before the cluster's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub submission_filters: Vec<String>,
    /// Activation filters, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activation_filters: Vec<String>,
    /// The resource pool of its jobs; the default one when it is not there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,
}

/// What a template says about one property.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleView {
    /// The value where the user gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Plain>,
    /// It is always the default, whatever the user gives.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// It must have a value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The least that it may be: a number, or a length of time with its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Plain>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Plain>,
    /// The only values that it may have; each one of a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Plain>,
    /// Names that a list must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_values: Vec<String>,
}

/// A value as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(
    untagged,
    expecting = "a value is true or false, a number, a text or a list of names"
)]
pub enum Plain {
    /// Yes or no.
    Flag(bool),
    /// A number; lengths of time in seconds.
    Number(u64),
    /// A text; also a length of time with its unit, as `2h30m`.
    Text(String),
    /// Several names.
    List(Vec<String>),
}

impl TemplateView {
    fn of(template: &Template) -> TemplateView {
        let task = |task: &Option<TaskSpec>, kind: TaskKind, key: &str| {
            let spec = TaskSpec {
                kind,
                ..task.clone()?
            };
            let written = write_tasks(&[spec], Unit::Core);
            let all: serde_json::Value = serde_json::from_str(&written).ok()?;
            all.get(key).cloned()
        };
        let rules = template.rules.iter();
        TemplateView {
            name: match template.name.as_str() {
                "" => DEFAULT_TEMPLATE.into(),
                name => name.into(),
            },
            description: template.description.clone(),
            users: template.users.clone(),
            rules: rules
                .map(|r| (r.property.clone(), RuleView::of(r)))
                .collect(),
            environment: template.environment.iter().cloned().collect(),
            prepare: task(&template.node_prepare, TaskKind::NodePrepare, "prepare"),
            release: task(&template.node_release, TaskKind::NodeRelease, "release"),
            submission_filters: template.submission_filters.clone(),
            activation_filters: template.activation_filters.clone(),
            pool: template.pool.clone(),
        }
    }

    fn template(self, name: String) -> Result<Template, Problem> {
        if !self.name.is_empty() && !self.name.eq_ignore_ascii_case(&name) {
            let detail = format!(
                "the template is named {:?}, and its place {name:?}",
                self.name
            );
            return Err(unusable(detail));
        }
        let rules = self.rules.into_iter();
        Ok(Template {
            name: if self.name.is_empty() {
                name
            } else {
                self.name
            },
            description: self.description,
            users: self.users,
            rules: rules
                .map(|(property, rule)| rule.rule(property))
                .collect::<Result<_, _>>()?,
            environment: self.environment.into_iter().collect(),
            node_prepare: task_of("prepare", self.prepare)?,
            node_release: task_of("release", self.release)?,
            submission_filters: self.submission_filters,
            activation_filters: self.activation_filters,
            pool: self.pool,
        })
    }
}

fn task_of(key: &str, task: Option<serde_json::Value>) -> Result<Option<TaskSpec>, Problem> {
    let Some(task) = task else { return Ok(None) };
    let text = serde_json::json!({ key: task }).to_string();
    let tasks = parse_tasks("the template", &text, Format::Json, Unit::Core);
    let tasks = tasks.map_err(|error| unusable(error.to_string()))?;
    Ok(tasks.into_iter().next())
}

fn unusable(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BadTemplate", detail)
}

impl RuleView {
    fn of(rule: &Rule) -> RuleView {
        RuleView {
            default: rule.default.as_ref().map(Plain::of),
            read_only: rule.read_only,
            required: rule.required,
            min: rule.min.map(Plain::Number),
            max: rule.max.map(Plain::Number),
            allowed: rule.allowed.iter().map(Plain::of).collect(),
            required_values: rule.required_values.clone(),
        }
    }

    fn rule(self, property: String) -> Result<Rule, Problem> {
        let time = property.eq_ignore_ascii_case("Runtime");
        let value = |plain: Plain| plain.value(&property, time);
        let number = |plain: Option<Plain>| match plain.map(value).transpose()? {
            None => Ok(None),
            Some(PropertyValue::Number(number)) => Ok(Some(number)),
            Some(
                other @ (PropertyValue::Flag(_) | PropertyValue::Text(_) | PropertyValue::List(_)),
            ) => Err(unusable(format!("{property}: {other} is not a number"))),
        };
        Ok(Rule {
            default: self.default.map(value).transpose()?,
            read_only: self.read_only,
            required: self.required,
            min: number(self.min)?,
            max: number(self.max)?,
            allowed: self
                .allowed
                .into_iter()
                .map(value)
                .collect::<Result<_, _>>()?,
            required_values: self.required_values,
            property,
        })
    }
}

impl Plain {
    fn of(value: &PropertyValue) -> Plain {
        match value {
            PropertyValue::Flag(flag) => Plain::Flag(*flag),
            PropertyValue::Number(number) => Plain::Number(*number),
            PropertyValue::Text(text) => Plain::Text(text.clone()),
            PropertyValue::List(names) => Plain::List(names.clone()),
        }
    }

    fn value(self, property: &str, time: bool) -> Result<PropertyValue, Problem> {
        Ok(match self {
            Plain::Flag(flag) => PropertyValue::Flag(flag),
            Plain::Number(number) => PropertyValue::Number(number),
            Plain::Text(text) if time => match parse_span(&text) {
                Ok(Some(span)) => PropertyValue::Number(span.0 / 1_000_000),
                Ok(None) => {
                    return Err(unusable(format!(
                        "{property}: {text:?} is no limit; leave it out"
                    )));
                }
                Err(error) => return Err(unusable(format!("{property}: {error}"))),
            },
            Plain::Text(text) => PropertyValue::Text(text),
            Plain::List(names) => PropertyValue::List(names),
        })
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", get(view).put(set).delete(remove))
}

async fn list(State(app): State<App>, _: Caller) -> Result<Json<TemplateList>, Problem> {
    let look = |state: &jobyard::kernel::State, _: &_| {
        let mut templates: Vec<_> = state.templates().map(TemplateView::of).collect();
        let is_default = |t: &TemplateView| t.name.eq_ignore_ascii_case(DEFAULT_TEMPLATE);
        if !templates.iter().any(is_default) {
            templates.extend(state.template(DEFAULT_TEMPLATE).map(TemplateView::of));
        }
        templates.sort_by_key(|template| template.name.to_lowercase());
        TemplateList { templates }
    };
    Ok(Json(app.engine.look(look).await?))
}

async fn view(
    State(app): State<App>,
    _: Caller,
    NamePath(name): NamePath,
) -> Result<Json<TemplateView>, Problem> {
    current(&app, name).await.map(Json)
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(new): body::Json<TemplateView>,
) -> Result<Json<TemplateView>, Problem> {
    let template = Arc::new(new.template(name.clone())?);
    let by = caller.0;
    let command = Command::SetTemplate { by, template };
    app.engine.command(command).await?;
    current(&app, name).await.map(Json)
}

async fn remove(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
) -> Result<StatusCode, Problem> {
    let by = caller.0;
    let command = Command::RemoveTemplate { by, name };
    match app.engine.command(command).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        // Here it is what is asked for, and not what a job asks for.
        Err(EngineError::Rejected(Rejection::Invalid(
            unknown @ Invalid::UnknownTemplate { .. },
        ))) => Err(not_there(unknown.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn current(app: &App, name: String) -> Result<TemplateView, Problem> {
    let unknown =
        format!("there is no job template {name:?}; see all of them in /api/v1/templates");
    let look =
        move |state: &jobyard::kernel::State, _: &_| state.template(&name).map(TemplateView::of);
    app.engine
        .look(look)
        .await?
        .ok_or_else(|| not_there(unknown))
}

fn not_there(detail: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "UnknownTemplate", detail)
}
