//! `/api/v1/users`: who may use the daemon over the network. For administrators.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /users` | all of them: [`UserList`] |
//! | `PUT /users/{name}` | adds one, or changes what is given: [`SetUser`] |
//! | `DELETE /users/{name}` | takes one away, with all tokens; their jobs stay |

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use jobyard::{Role, Roles};
use jobyard_users::{PasswordError, PasswordHash, User};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::auth::{Shown, now};
use crate::body::{self, NamePath};
use crate::caller::Caller;
use crate::tokens::{moment, not_for_another, problem};

/// Who there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserList {
    /// By name.
    pub users: Vec<UserView>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserView {
    /// Their name; the `owner` of their jobs.
    pub name: String,
    /// What they may do.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// Whether they have a password, or tokens only.
    pub has_password: bool,
    /// Since when.
    pub created: String,
}

/// What a user is to be.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SetUser {
    /// What they may do; needed for a new one.
    #[schema(value_type = Option<Vec<String>>)]
    pub roles: Option<Vec<Role>>,
    /// Their password.
    pub password: Option<String>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/{name}", put(set).delete(remove))
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Json<UserList>, Problem> {
    caller.administers("manage users")?;
    let users = app.gate.users.list().map_err(problem)?;
    let users = users.into_iter().map(UserView::from).collect();
    Ok(Json(UserList { users }))
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
    NamePath(name): NamePath,
    body::Json(new): body::Json<SetUser>,
) -> Result<Json<UserView>, Problem> {
    caller.administers("manage users")?;
    not_for_another(&shown)?;
    let hash = match new.password {
        Some(password) => Some(hash(password).await?),
        None => None,
    };
    let users = &app.gate.users;
    let roles: Option<Roles> = new.roles.map(|roles| roles.into_iter().collect());
    if users.get(&name).map_err(problem)?.is_none() {
        let added = users.add(&name, roles.unwrap_or_default(), hash.as_ref(), now());
        added.map_err(problem)?;
    } else {
        if let Some(roles) = roles {
            users.set_roles(&name, roles).map_err(problem)?;
        }
        if hash.is_some() {
            users.set_password(&name, hash.as_ref()).map_err(problem)?;
        }
    }
    let user = users.get(&name).map_err(problem)?;
    let user = user.ok_or_else(|| problem(jobyard_users::UsersError::Unknown(name)))?;
    Ok(Json(user.into()))
}

async fn remove(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
    NamePath(name): NamePath,
) -> Result<StatusCode, Problem> {
    caller.administers("manage users")?;
    not_for_another(&shown)?;
    app.gate.users.remove(&name).map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn hash(password: String) -> Result<PasswordHash, Problem> {
    let hashed = tokio::task::spawn_blocking(move || PasswordHash::of(&password)).await;
    hashed
        .map_err(Problem::failed_by)?
        .map_err(|error| match error {
            PasswordError::Empty | PasswordError::TooLong(_) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "BadUser",
                error.to_string(),
            ),
            PasswordError::Failed(_) => Problem::failed_by(error),
        })
}

impl From<User> for UserView {
    fn from(user: User) -> UserView {
        UserView {
            name: user.name,
            roles: user.roles.iter().collect(),
            has_password: user.has_password,
            created: moment(user.created),
        }
    }
}
