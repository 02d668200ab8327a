//! Tokens: what they are made of, and what is kept of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jobyard_kernel::Roles;
use sha2::{Digest, Sha256};

/// How a secret begins, so that people and scanners of source code know one when they see it.
const PREFIX: &str = "jy_";
/// Random bytes of a secret.
const BYTES: usize = 32;

/// The number of a token; never used again.
pub type TokenId = i64;

/// What a token was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// For a program, until it expires or is revoked.
    Token,
    /// For a browser, from a log-in on.
    Session,
}

/// What a token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// For what.
    pub kind: Kind,
    /// What its user calls it.
    pub note: String,
    /// At most these roles of its user.
    pub roles: Roles,
    /// Whether it may only look.
    pub read_only: bool,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// What is kept of a token: not what it takes to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// What its user calls it.
    pub note: String,
    /// At most these roles of its user.
    pub roles: Roles,
    /// Whether it may only look.
    pub read_only: bool,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// What it takes to use a token: shown once. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    pub(crate) fn new() -> Result<Secret, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Secret(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// What somebody says is one; none if it does not look like one.
    pub fn said(text: &str) -> Option<Secret> {
        let random = text.strip_prefix(PREFIX)?;
        let is_one = URL_SAFE_NO_PAD.decode(random).ok()?.len() == BYTES;
        is_one.then(|| Secret(text.into()))
    }

    /// The secret itself, to give it to its user.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
