//! A host that stays up: an engine behind JSON over HTTP, on a Unix socket in its data folder and on the network.
//!
//! What it is not: a place for rules. Who may do what, and which state allows what, is the kernel's; this crate finds out
//! who is asking, reads bodies, and writes down what the state shows. Called by `jobyard serve`; the types of requests and
//! answers are also what `jobyard job`, `task`, `node` and `param` read.
//!
//! # The interface
//! Below `/api/v1`, one module a resource: [`jobs`], [`tasks`], [`nodes`], [`parameters`], [`templates`], [`environment`], [`policies`], [`filters`], [`plugins`], [`events`], [`session`], [`users`], [`tokens`]. Times are RFC 3339 in UTC, a job has
//! its six-value `status` beside its fine `state`. A request that cannot be carried out is answered with a [`Problem`]
//! (`application/problem+json`) whose `code` programs may rely on. Unknown keys, in a query or a body, are refused.
//!
//! What takes minutes, checks and proofs of policies, is in [`proof`]. What pages need beside that: [`summary`], [`queue`], [`job_events`], [`timeline`], [`simulation`].
//!
//! Beside it `/livez`, `/readyz` and `/metrics`, for those who watch over a daemon (`health.rs`), and at `/` a page for people (`page.rs`).
//!
//! # Who is asking
//! The socket says which user the peer runs as: root and the user of the daemon are administrators, everybody
//! else is a user of that name; members of a group that the site names are operators too, and whatever roles `host/users` has for them count as well. The socket
//! is open to that user and root only (mode 0600), unless the site names a group whose members it trusts with that (0660).
//!
//! Over the network a request shows a token, a name with a password, or the cookie of a session ([`session`], [`tokens`], [`users`]). `x-ms-as-user` names
//! somebody for whom an administrator asks.

mod app;
mod auth;
mod body;
mod caller;
mod connection;
pub mod environment;
pub mod events;
pub mod filters;
mod folder;
#[cfg(test)]
mod fuzz;
mod health;
mod hpc;
pub mod job_events;
pub mod jobs;
mod keys;
pub mod nodes;
pub mod openapi;
mod output;
mod page;
pub mod parameters;
mod past;
pub mod plugins;
pub mod policies;
mod problem;
pub mod proof;
pub mod queue;
mod serve;
pub mod session;
pub mod simulation;
pub mod summary;
pub mod tasks;
pub mod templates;
pub mod timeline;
mod tls;
pub mod tokens;
pub mod users;

pub use folder::{DataFolder, FolderError, SOCKET, check_group};
pub use problem::Problem;
pub use serve::{REQUESTS_PER_SECOND, ServeError, Service};
pub use tls::{OWN_CERTIFICATE, TlsError, tls_of_its_own, tls_of_site};
