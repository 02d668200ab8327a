//! Property pairs: how bodies bring them, and how they are answered.

use std::collections::BTreeSet;

use axum::extract::{FromRequest, Request};
use serde::Serialize;
use serde_json::Value as Json;

use crate::Problem;
use crate::body;

/// Pairs in a body.
pub(super) const PAIRS_MAX: usize = 1_000;

/// A property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
}

/// What has properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Object {
    pub(super) properties: Vec<Pair>,
}

impl Pair {
    pub(super) fn new(name: &str, value: impl Into<String>) -> Pair {
        let (name, value) = (name.into(), value.into());
        Pair { name, value }
    }
}

/// The pairs of a body: no name twice, in any case. Nothing at all, and null, is none.
pub(super) struct Pairs(pub(super) Vec<Pair>);

/// The text of a body: a JSON string, or nothing.
pub(super) struct Message(pub(super) String);

impl<S: Send + Sync> FromRequest<S> for Pairs {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body::Any(json) = <body::Any>::from_request(request, state).await?;
        pairs(json).map(Pairs)
    }
}

impl<S: Send + Sync> FromRequest<S> for Message {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body::Any(json) = <body::Any>::from_request(request, state).await?;
        match json {
            Json::Null => Ok(Message(String::new())),
            Json::String(text) => Ok(Message(text)),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                Err(bad("the body is no JSON string"))
            }
        }
    }
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::bad("BadJson", detail)
}

fn pairs(json: Json) -> Result<Vec<Pair>, Problem> {
    let items = match json {
        Json::Null => return Ok(Vec::new()),
        Json::Array(items) => items,
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            return Err(bad(
                "the body is no list of properties: [{\"Name\": …, \"Value\": …}, …]",
            ));
        }
    };
    if items.len() > PAIRS_MAX {
        let count = items.len();
        return Err(bad(format!(
            "{count} properties; at most {PAIRS_MAX} are taken"
        )));
    }
    let pairs: Vec<Pair> = items.into_iter().map(pair).collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    match pairs
        .iter()
        .find(|pair| !names.insert(pair.name.to_lowercase()))
    {
        Some(pair) => Err(bad(format!("{:?} is there twice", pair.name))),
        None => Ok(pairs),
    }
}

/// An object with a name and a value, by these names in any case.
fn pair(json: Json) -> Result<Pair, Problem> {
    let Json::Object(members) = json else {
        return Err(bad(format!(
            "{json} is no property: {{\"Name\": …, \"Value\": …}}"
        )));
    };
    let (mut name, mut value) = (None, String::new());
    for (key, member) in members {
        let text = match member {
            Json::Null => String::new(),
            Json::String(text) => text,
            Json::Bool(_) | Json::Number(_) => member.to_string(),
            Json::Array(_) | Json::Object(_) => {
                return Err(bad(format!("{key}: {member} is no text")));
            }
        };
        match key.to_ascii_lowercase().as_str() {
            "name" => name = Some(text),
            "value" => value = text,
            _ => return Err(bad(format!("{key:?} is neither Name nor Value"))),
        }
    }
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| bad("a property has no Name"))?;
    Ok(Pair { name, value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pairs_are_read_in_any_case_and_of_any_plain_value() {
        let body = json!([{ "name": "a", "VALUE": true }, { "Name": "b", "Value": 7 }, { "Name": "c", "Value": null }]);
        let expected =
            [("a", "true"), ("b", "7"), ("c", "")].map(|(name, value)| Pair::new(name, value));
        assert_eq!(pairs(body).map_err(|p| p.detail), Ok(expected.to_vec()));
        assert_eq!(pairs(Json::Null).map_err(|p| p.detail), Ok(vec![]));
    }

    #[test]
    fn what_is_no_list_of_pairs_is_named() {
        for (body, words) in [
            (json!({}), "no list"),
            (json!([1]), "1 is no property"),
            (json!([{ "Value": "x" }]), "no Name"),
            (
                json!([{ "Name": "a", "Colour": "x" }]),
                "\"Colour\" is neither",
            ),
            (json!([{ "Name": "a", "Value": [] }]), "[] is no text"),
            (
                json!([{ "Name": "a" }, { "Name": "A" }]),
                "\"A\" is there twice",
            ),
            (
                json!(vec![json!({ "Name": "a" }); PAIRS_MAX + 1]),
                "at most 1000",
            ),
        ] {
            let error = pairs(body).unwrap_err().detail;
            assert!(error.contains(words), "{error}");
        }
    }
}
