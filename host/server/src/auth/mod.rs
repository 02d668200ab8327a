//! Who is asking over the network, and whether they may ask this much.
//!
//! A request shows a token, a name with a password, or the cookie of a session (`credentials`); `host/users` knows whose that is. A
//! password is hashed once and then remembered for some minutes, because clients of HPC Pack send it with each request. Who is
//! often wrong waits (`attempts`), who asks too often too (`rates`). What somebody may do is the kernel's.

mod attempts;
mod credentials;
mod rates;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use jobyard::{Actor, Role, Roles};
use jobyard_users::{Identity, Kind, NewToken, PasswordHash, Secret, TokenId, Users};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tracing::warn;

use self::attempts::Attempts;
use self::credentials::Credentials;
use self::rates::Rates;
use crate::Problem;
use crate::caller::Caller;

pub(crate) use self::attempts::network;
pub(crate) use self::credentials::COOKIE;

/// Passwords that are hashed at a time: each takes a core and 19 MiB.
const HASHES_AT_A_TIME: usize = 2;
/// How long somebody waits for their turn of that.
const HASH_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a password that was right is not hashed again.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);
/// Users of whom that is remembered.
const REMEMBERED_MAX: usize = 1_000;
/// How long a session lasts.
const SESSION_SECONDS: i64 = 12 * 3_600;
/// How long a stream goes on after its token was revoked.
const LET_OUT_WITHIN: Duration = Duration::from_secs(5);
/// Unicode scalar values of the name in `x-ms-as-user`.
const NAME_CHARS_MAX: usize = 80;
/// Names the user for whom somebody acts, as in HPC Pack.
const AS_USER: &str = "x-ms-as-user";

/// Decides who is let in.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) users: Arc<Users>,
    attempts: Attempts,
    rates: Rates,
    hashing: Semaphore,
    right: Mutex<BTreeMap<String, Right>>,
    /// Of this process, so that what is remembered of passwords says nothing by itself.
    salt: [u8; 16],
}

/// A password that was right.
#[derive(Debug)]
struct Right {
    password: [u8; 32],
    hash: PasswordHash,
    until: Instant,
}

/// How somebody has shown who they are; stands in the request's extensions beside the [`Caller`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The token of a session or a program, and when it ends.
    pub(crate) token: Option<(TokenId, i64)>,
    /// Whether it may only look.
    pub(crate) read_only: bool,
    /// Whether a browser sent it by itself.
    pub(crate) session: bool,
    /// Or the name whose password it was.
    pub(crate) password_of: Option<String>,
    /// Whether they act for somebody else.
    pub(crate) for_another: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Shown {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Shown, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Where a request comes from; stands in its extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub(crate) IpAddr);

impl Gate {
    pub(crate) fn new(
        users: Users,
        requests_per_second: NonZeroU32,
    ) -> Result<Gate, getrandom::Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)?;
        Ok(Gate {
            users: Arc::new(users),
            attempts: Attempts::default(),
            rates: Rates::new(requests_per_second),
            hashing: Semaphore::new(HASHES_AT_A_TIME),
            right: Mutex::default(),
            salt,
        })
    }

    /// Who asks by what the request shows, and puts it into the request's extensions. Who shows nothing, or the cookie of a session that
    /// has ended, is nobody: some paths are for everybody.
    pub(crate) async fn let_in(&self, request: &mut Parts, from: IpAddr) -> Result<(), Problem> {
        request.extensions.insert(From(from));
        let by = match Credentials::of(&request.headers) {
            Credentials::Nothing => return Ok(()),
            Credentials::Unreadable(why) => return Err(not_authenticated(why)),
            Credentials::Basic { name, password } => {
                let roles = self.check_password(&name, password, from).await?;
                let shown = Shown {
                    password_of: Some(name.clone()),
                    ..Shown::default()
                };
                (Actor::new(name, roles), shown)
            }
            Credentials::Token(secret) => match self.identify(&secret)? {
                Some(identity) => shown_by(identity, false),
                None => {
                    return Err(not_authenticated(
                        "the token is unknown, was revoked or has expired",
                    ));
                }
            },
            Credentials::Session(secret) => match self.identify(&secret)? {
                Some(identity) => shown_by(identity, true),
                None => return Ok(()),
            },
        };
        let (actor, shown) = by;
        if let Err(wait) = self.rates.take(&actor.name, Instant::now()) {
            return Err(too_many(
                format!("{} asks more often than this daemon allows", actor.name),
                wait,
            ));
        }
        let looks = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&request.method);
        if shown.read_only && !looks {
            let detail = format!("this token of {} may only look", actor.name);
            return Err(Problem::new(StatusCode::FORBIDDEN, "ReadOnlyToken", detail));
        }
        if shown.session && !looks && is_of_another_site(&request.headers) {
            let detail = "a page of another site asks with the session of this one";
            return Err(Problem::new(StatusCode::FORBIDDEN, "OtherSite", detail));
        }
        self.admit(request, actor, shown)
    }

    /// Puts the caller into the request's extensions: themselves, or the one for whom they act.
    pub(crate) fn admit(
        &self,
        request: &mut Parts,
        actor: Actor,
        mut shown: Shown,
    ) -> Result<(), Problem> {
        let actor = match request.headers.get(AS_USER) {
            Some(name) => {
                shown.for_another = true;
                self.as_user(&actor, name.to_str().unwrap_or_default())?
            }
            None => actor,
        };
        request.extensions.insert(shown);
        request.extensions.insert(Caller(actor));
        Ok(())
    }

    /// The one for whom somebody acts. Administrators may act for anybody, job administrators for those who are not administrators.
    fn as_user(&self, by: &Actor, name: &str) -> Result<Actor, Problem> {
        let denied = |detail| Problem::new(StatusCode::FORBIDDEN, "PermissionDenied", detail);
        if ![Role::Administrator, Role::JobAdministrator]
            .iter()
            .any(|&role| by.is(role))
        {
            return Err(denied(format!(
                "{} may not act for others: {AS_USER} is for administrators",
                by.name
            )));
        }
        let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
        if !fits || name.contains(char::is_control) {
            let detail = format!("{AS_USER} names nobody: it has 1 to {NAME_CHARS_MAX} characters");
            return Err(Problem::bad("BadHeader", detail));
        }
        let roles = self.roles(name)?.with(Role::User);
        if roles.has(Role::Administrator) && !by.is(Role::Administrator) {
            return Err(denied(format!(
                "{} may not act for {name}, an administrator",
                by.name
            )));
        }
        Ok(Actor::new(name, roles))
    }

    /// Returns when what was shown is good for nothing any more: what goes on for long, as a stream of events, ends then. Never for the socket.
    pub(crate) async fn let_out(&self, shown: Shown) {
        loop {
            tokio::time::sleep(LET_OUT_WITHIN).await;
            let is_good = match (shown.token, &shown.password_of) {
                (Some((token, _)), _) => self.users.holds(token, now()),
                (None, Some(name)) => self.users.password(name).map(|known| known.is_some()),
                (None, None) => Ok(true),
            };
            // Where it cannot be known, nobody is let out: the file comes back, or the daemon's end is near.
            if !is_good.unwrap_or(true) {
                return;
            }
        }
    }

    /// What roles are kept for somebody; none of somebody who is not known.
    pub(crate) fn roles(&self, name: &str) -> Result<Roles, Problem> {
        let user = self.users.get(name).map_err(Problem::failed_by)?;
        Ok(user.map_or(Roles::NONE, |user| user.roles))
    }

    /// A session for somebody who knows a password.
    pub(crate) async fn log_in(
        &self,
        name: &str,
        password: String,
        from: IpAddr,
    ) -> Result<(Identity, Secret), Problem> {
        let roles = self.check_password(name, password, from).await?;
        let now = now();
        let session = NewToken {
            kind: Kind::Session,
            note: String::new(),
            roles: Role::ALL.into_iter().collect(),
            read_only: false,
            expires: now + SESSION_SECONDS,
        };
        let made = self.users.new_token(name, &session, now);
        let (token, secret) = made.map_err(Problem::failed_by)?;
        let identity = Identity {
            name: name.into(),
            roles,
            read_only: false,
            token,
            expires: session.expires,
        };
        Ok((identity, secret))
    }

    fn identify(&self, secret: &Secret) -> Result<Option<Identity>, Problem> {
        self.users
            .identify(secret, now())
            .map_err(Problem::failed_by)
    }

    /// The roles of somebody who knows their password.
    async fn check_password(
        &self,
        name: &str,
        password: String,
        from: IpAddr,
    ) -> Result<Roles, Problem> {
        let known = self.users.password(name).map_err(Problem::failed_by)?;
        if let Some((roles, hash)) = &known
            && self.remembers(name, &password, hash)
        {
            return Ok(*roles);
        }
        if let Some(wait) = self.attempts.wait(name, from, Instant::now()) {
            return Err(too_many("too many wrong passwords".into(), wait));
        }
        let turn = tokio::time::timeout(HASH_WAIT_MAX, self.hashing.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(too_many("too many are logging in".into(), HASH_WAIT_MAX));
        };
        let digest = self.digest(&password);
        let hash = known
            .as_ref()
            .map_or_else(PasswordHash::of_nobody, |(_, hash)| hash.clone());
        let checked = tokio::task::spawn_blocking(move || (hash.matches(&password), hash)).await;
        match (known, checked) {
            (Some((roles, _)), Ok((true, hash))) => {
                self.attempts.passed(name, from);
                self.remember(name, digest, hash);
                Ok(roles)
            }
            (known, _) => {
                self.attempts.failed(name, from, Instant::now());
                // A name that nobody has may be a password in the wrong field.
                match known {
                    Some(_) => warn!(user = name, %from, "a wrong password for {name} from {from}"),
                    None => warn!(%from, "a log-in of somebody who is not known, from {from}"),
                }
                Err(not_authenticated("the name or the password is wrong"))
            }
        }
    }

    fn digest(&self, password: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.salt)
            .chain_update(password)
            .finalize()
            .into()
    }

    fn remembers(&self, name: &str, password: &str, hash: &PasswordHash) -> bool {
        let digest = self.digest(password);
        let all = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).is_some_and(|right| {
            right.password == digest && right.hash == *hash && Instant::now() < right.until
        })
    }

    fn remember(&self, name: &str, password: [u8; 32], hash: PasswordHash) {
        let now = Instant::now();
        let mut all = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, right| now < right.until);
        if all.len() < REMEMBERED_MAX {
            let until = now + REMEMBERED_FOR;
            all.insert(
                name.into(),
                Right {
                    password,
                    hash,
                    until,
                },
            );
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}

fn shown_by(identity: Identity, session: bool) -> (Actor, Shown) {
    let shown = Shown {
        token: Some((identity.token, identity.expires)),
        read_only: identity.read_only,
        session,
        ..Shown::default()
    };
    (Actor::new(identity.name, identity.roles), shown)
}

/// Browsers say where a request comes from (Fetch Metadata).
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers
        .get("sec-fetch-site")
        .and_then(|site| site.to_str().ok());
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

pub(crate) fn not_authenticated(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "NotAuthenticated", detail)
}

fn too_many(what: String, wait: Duration) -> Problem {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let detail = format!("{what}: try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", detail)
        .retry_after(seconds as u32)
}

/// A gate that knows nobody.
#[cfg(test)]
pub(crate) fn gate_of_nobody() -> Arc<Gate> {
    // It is there as long as the gate, which is as long as the tests.
    let folder = tempfile::tempdir().expect("a folder").keep();
    let users = Users::open(&folder).expect("users");
    Arc::new(Gate::new(users, crate::REQUESTS_PER_SECOND).expect("a gate"))
}
