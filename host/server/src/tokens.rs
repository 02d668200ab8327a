//! `/api/v1/tokens`: what programs of a user show in the place of a password. Everybody has to do with their own only.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /tokens` | one's own, without their secrets: [`TokenList`] |
//! | `POST /tokens` | makes one: [`NewToken`], answered with [`MadeToken`], the only time that its secret is seen |
//! | `DELETE /tokens/{token}` | ends one |

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use jobyard::{Role, Roles};
use jobyard_users::{Kind, Token, UsersError};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::auth::{Shown, now};
use crate::body::{self, TokenPath};
use crate::caller::Caller;

/// How long a token is good where nobody says: 30 days.
const EXPIRES_IN_SECONDS: i64 = 30 * 24 * 3_600;
/// How long one may be good: a year.
const EXPIRES_IN_SECONDS_MAX: i64 = 366 * 24 * 3_600;

/// One's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenList {
    /// By number.
    pub tokens: Vec<TokenView>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenView {
    /// Its number.
    pub id: i64,
    /// What its user calls it.
    pub note: String,
    /// At most these roles.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// Whether it may only look.
    pub read_only: bool,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: String,
}

/// What a token is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewToken {
    /// What to call it: at most 80 characters.
    pub note: String,
    /// At most these roles [default: those of whoever asks].
    #[schema(value_type = Option<Vec<String>>)]
    pub roles: Option<Vec<Role>>,
    /// Whether it may only look.
    pub read_only: bool,
    /// Seconds until it ends: at most 366 days [default: 30 days].
    pub expires_in: Option<i64>,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MadeToken {
    /// Its number.
    pub id: i64,
    /// What to show, after `Authorization: Bearer`. It is not seen again.
    pub secret: String,
    /// When it ends.
    pub expires: String,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list).post(make))
        .route("/{token}", delete(revoke))
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Json<TokenList>, Problem> {
    let tokens = app.gate.users.tokens(&caller.0.name, now());
    let tokens = tokens
        .map_err(problem)?
        .into_iter()
        .map(TokenView::from)
        .collect();
    Ok(Json(TokenList { tokens }))
}

async fn make(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
    body::Json(new): body::Json<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    not_for_another(&shown)?;
    let seconds = new.expires_in.unwrap_or(EXPIRES_IN_SECONDS);
    if !(1..=EXPIRES_IN_SECONDS_MAX).contains(&seconds) {
        let detail =
            format!("expires_in is {seconds}, and may be 1 to {EXPIRES_IN_SECONDS_MAX} seconds");
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "BadToken",
            detail,
        ));
    }
    let roles: Roles = match new.roles {
        Some(roles) => roles
            .into_iter()
            .filter(|&role| caller.0.is(role))
            .collect(),
        None => caller.0.roles,
    };
    if roles == Roles::NONE {
        let detail = "the token would have none of your roles";
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "BadToken",
            detail,
        ));
    }
    let now = now();
    let token = jobyard_users::NewToken {
        kind: Kind::Token,
        note: new.note,
        roles,
        read_only: new.read_only,
        expires: now + seconds,
    };
    let (id, secret) = app
        .gate
        .users
        .new_token(&caller.0.name, &token, now)
        .map_err(problem)?;
    let made = MadeToken {
        id,
        secret: secret.reveal().into(),
        expires: moment(token.expires),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn revoke(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
    TokenPath(token): TokenPath,
) -> Result<StatusCode, Problem> {
    not_for_another(&shown)?;
    app.gate
        .users
        .revoke(&caller.0.name, token)
        .map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who acts for somebody else may not stay them.
pub(crate) fn not_for_another(shown: &Shown) -> Result<(), Problem> {
    let detail = "who acts for somebody else has nothing to do with their tokens and passwords";
    match shown.for_another {
        true => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "PermissionDenied",
            detail,
        )),
        false => Ok(()),
    }
}

pub(crate) fn problem(error: UsersError) -> Problem {
    let (status, code) = match &error {
        UsersError::Exists(_) => (StatusCode::CONFLICT, "UserExists"),
        UsersError::Unknown(_) => (StatusCode::NOT_FOUND, "UnknownUser"),
        UsersError::UnknownToken { .. } => (StatusCode::NOT_FOUND, "UnknownToken"),
        UsersError::BadName(_) | UsersError::NoRole => {
            (StatusCode::UNPROCESSABLE_ENTITY, "BadUser")
        }
        UsersError::LongNote(_) => (StatusCode::UNPROCESSABLE_ENTITY, "BadToken"),
        UsersError::TooMany => (StatusCode::CONFLICT, "TooManyUsers"),
        UsersError::TooManyTokens(_) => (StatusCode::CONFLICT, "TooManyTokens"),
        UsersError::Version { .. } | UsersError::NoRandomness(_) | UsersError::File { .. } => {
            return Problem::failed_by(error);
        }
    };
    Problem::new(status, code, error.to_string())
}

impl From<Token> for TokenView {
    fn from(token: Token) -> TokenView {
        TokenView {
            id: token.id,
            note: token.note,
            roles: token.roles.iter().collect(),
            read_only: token.read_only,
            created: moment(token.created),
            expires: moment(token.expires),
        }
    }
}

/// Seconds since 1970 in RFC 3339.
pub(crate) fn moment(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds);
    at.map_or_else(|_| String::new(), |at| at.to_string())
}
