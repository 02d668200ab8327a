//! `/api/v1/session`: who is asking, and the session of a browser.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /session` | who is asking, by whatever was shown: [`SessionView`] |
//! | `POST /session` | logs in: [`LogIn`], answered with a cookie for twelve hours |
//! | `DELETE /session` | ends the session, if it is one |
//!
//! The cookie is sent over HTTPS only, to this host only, never to scripts, and never along with what pages of other sites ask.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Json, Router};
use jobyard::Role;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::auth::{COOKIE, From, Shown, now};
use crate::body;
use crate::caller::Caller;
use crate::tokens::moment;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionView {
    /// Their name.
    pub name: String,
    /// What they may do.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// Whether they may only look.
    pub read_only: bool,
    /// When what they have shown ends; null for a password and for the socket.
    pub expires: Option<String>,
}

/// A log-in.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The user.
    pub name: String,
    /// Their password.
    pub password: String,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(view).post(log_in).delete(log_out))
}

async fn view(caller: Caller, shown: Shown) -> Json<SessionView> {
    Json(SessionView {
        name: caller.0.name,
        roles: caller.0.roles.iter().collect(),
        read_only: shown.read_only,
        expires: shown.token.map(|(_, expires)| moment(expires)),
    })
}

async fn log_in(
    State(app): State<App>,
    Extension(From(from)): Extension<From>,
    body::Json(who): body::Json<LogIn>,
) -> Result<impl IntoResponse, Problem> {
    let (identity, secret) = app.gate.log_in(&who.name, who.password, from).await?;
    let view = SessionView {
        name: identity.name,
        roles: identity.roles.iter().collect(),
        read_only: false,
        expires: Some(moment(identity.expires)),
    };
    let cookie = cookie(secret.reveal(), identity.expires - now());
    Ok((cookie, Json(view)))
}

async fn log_out(
    State(app): State<App>,
    caller: Caller,
    shown: Shown,
) -> Result<impl IntoResponse, Problem> {
    if let (true, false, Some((token, _))) = (shown.session, shown.for_another, shown.token) {
        let ended = app.gate.users.revoke(&caller.0.name, token);
        ended.map_err(Problem::failed_by)?;
    }
    Ok((StatusCode::NO_CONTENT, cookie("", 0)))
}

fn cookie(value: &str, seconds: i64) -> [(HeaderName, String); 1] {
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    [(header::SET_COOKIE, cookie)]
}
