//! The web page: files that are part of the program, at `/` and below `/assets/`. What it shows comes from `/api/v1`, as for any other client.
//!
//! The files are the same for everybody and say nothing of any job, so they need no login. There is no build step: what lies in `page/` is what browsers
//! get. The page loads nothing from elsewhere, and its security policy lets nothing else in: no inline scripts or styles, no frames.

mod files;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::Problem;
use crate::app::App;
use crate::body::NamePath;
use files::{FILES, File, INDEX};

/// What browsers let the page do: talk to this host, and nothing else.
const SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(index))
        .route("/assets/{name}", get(asset))
}

async fn index(headers: HeaderMap) -> Response {
    answer(&INDEX, &headers)
}

async fn asset(NamePath(name): NamePath, headers: HeaderMap) -> Result<Response, Problem> {
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| {
        let detail = format!("the page has no file {name:?}");
        Problem::new(StatusCode::NOT_FOUND, "UnknownRoute", detail)
    })?;
    Ok(answer(file, &headers))
}

/// The file, or that the browser has it. It asks each time: another version of the program has other files.
fn answer(file: &File, headers: &HeaderMap) -> Response {
    let tag = tag(file);
    let known = headers.get(header::IF_NONE_MATCH);
    let is_known = known
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| is_tag(known, &tag)));
    let common: [(HeaderName, String); 6] = [
        (header::CONTENT_SECURITY_POLICY, SECURITY_POLICY.into()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (header::REFERRER_POLICY, "no-referrer".into()),
        (header::CACHE_CONTROL, "no-cache".into()),
        (header::ETAG, tag),
        (header::CONTENT_TYPE, file.media_type().into()),
    ];
    match is_known {
        true => (StatusCode::NOT_MODIFIED, common).into_response(),
        false => (common, file.text).into_response(),
    }
}

/// Whether an entity tag of a request means this one; a weak one does too.
fn is_tag(known: &str, tag: &str) -> bool {
    let known = known.trim();
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}

fn tag(file: &File) -> String {
    let digest = Sha256::digest(file.text);
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("\"{}\"", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::HeaderValue;

    use super::*;

    async fn get(name: &str, known: Option<&str>) -> Result<Response, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(known).unwrap());
        }
        match name {
            "" => Ok(index(headers).await),
            name => asset(NamePath(name.into()), headers).await,
        }
    }

    #[tokio::test]
    async fn a_file_is_sent_once() {
        for name in std::iter::once("").chain(FILES.iter().map(|file| file.name)) {
            let first = get(name, None).await.unwrap();
            let headers = first.headers().clone();
            let of = |name: HeaderName| headers[name].to_str().unwrap().to_string();
            assert_eq!(of(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{name}");
            assert!(of(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; "));
            let tag = of(header::ETAG);
            let body = to_bytes(first.into_body(), usize::MAX).await.unwrap();
            assert!(!body.is_empty(), "{name}");
            let other = get(name, Some("\"other\"")).await.unwrap();
            assert_eq!(other.status(), StatusCode::OK, "{name}");
            for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".into()] {
                let again = get(name, Some(&known)).await.unwrap();
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name} {known}");
                let body = to_bytes(again.into_body(), usize::MAX).await.unwrap();
                assert!(body.is_empty(), "{name}");
            }
        }
        let none = get("../lib.rs", None).await.unwrap_err();
        assert_eq!(none.status, 404);
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for file in std::iter::once(&INDEX).chain(FILES) {
            let text = file.text;
            // Names of XML name spaces are no addresses that are asked.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for bad in [
                "http://",
                "https://",
                "innerHTML",
                "outerHTML",
                "eval(",
                "style=\"",
                " onclick",
            ] {
                assert!(!text.contains(bad), "{}: {bad}", file.name);
            }
        }
    }

    #[test]
    fn every_file_that_is_named_is_there() {
        for file in std::iter::once(&INDEX).chain(FILES) {
            let quoted = file.text.split(['"', '\'']);
            let named = quoted.filter_map(|text| {
                text.strip_prefix("/assets/")
                    .or_else(|| text.strip_prefix("./"))
            });
            for name in named {
                let is_there = FILES.iter().any(|file| file.name == name);
                assert!(is_there, "{} names {name}", file.name);
            }
        }
    }
}
