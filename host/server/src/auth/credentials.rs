//! What a request shows to say who is asking: a token, a name with a password, or the cookie of a browser's session.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jobyard_users::Secret;

/// The cookie of a session. Browsers take one with this prefix over HTTPS only, for this host and all its paths.
pub(crate) const COOKIE: &str = "__Host-jobyard";

/// What was shown. It does not print itself.
pub(crate) enum Credentials {
    Nothing,
    Basic {
        name: String,
        password: String,
    },
    Token(Secret),
    Session(Secret),
    /// An `Authorization` that cannot be read; never what it said.
    Unreadable(&'static str),
}

impl Credentials {
    pub(crate) fn of(headers: &HeaderMap) -> Credentials {
        let Some(shown) = headers.get(header::AUTHORIZATION) else {
            return cookie(headers).map_or(Credentials::Nothing, Credentials::Session);
        };
        let shown = shown.to_str().unwrap_or_default();
        let (scheme, value) = shown.split_once(' ').unwrap_or((shown, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            let unreadable = Credentials::Unreadable("what follows Bearer is no token of jobyard");
            return Secret::said(value.trim()).map_or(unreadable, Credentials::Token);
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Credentials::Unreadable("Authorization takes Basic or Bearer");
        }
        let unreadable = "what follows Basic is not NAME:PASSWORD in base64";
        let Some(text) = STANDARD.decode(value.trim()).ok() else {
            return Credentials::Unreadable(unreadable);
        };
        let text = String::from_utf8(text).ok();
        match text.as_deref().and_then(|text| text.split_once(':')) {
            Some((name, password)) => Credentials::Basic {
                name: name.into(),
                password: password.into(),
            },
            None => Credentials::Unreadable(unreadable),
        }
    }
}

fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let each = all.flat_map(|value| value.to_str().unwrap_or_default().split(';'));
    let mut named = each.filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = named.find(|(name, _)| *name == COOKIE)?;
    Secret::said(secret)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn shown(name: header::HeaderName, value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        match Credentials::of(&headers) {
            Credentials::Nothing => "nothing".into(),
            Credentials::Basic { name, password } => format!("{name}/{password}"),
            Credentials::Token(_) => "token".into(),
            Credentials::Session(_) => "session".into(),
            Credentials::Unreadable(text) => text.into(),
        }
    }

    #[test]
    fn what_is_shown_is_read() {
        let secret = format!("jy_{}", "A".repeat(43));
        let table = [
            ("Basic YW5uOmE6Yg==", "ann/a:b"),
            ("basic YW5uOg==", "ann/"),
            ("Basic YW5u", "what follows Basic is not"),
            ("Basic %", "what follows Basic is not"),
            ("Digest x", "Authorization takes"),
            ("", "Authorization takes"),
            ("Bearer jy_short", "what follows Bearer"),
            (&format!("Bearer {secret}"), "token"),
        ];
        for (value, expected) in table {
            let found = shown(header::AUTHORIZATION, value);
            assert!(found.starts_with(expected), "{value}: {found}");
        }
        let cookies = format!("a=b; {COOKIE}={secret}");
        assert_eq!(shown(header::COOKIE, &cookies), "session");
        assert_eq!(shown(header::COOKIE, "a=b; __Host-jobyard=x"), "nothing");
    }
}
