//! What is answered, in JSON or in XML as the client accepts it; also what is answered when a request is not carried out.
//!
//! Handlers answer with plain data or a [`Problem`]; one layer around all of them writes it. XML is as .NET's data contracts are: elements
//! named by type, members by name.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::fault::Fault;
use crate::Problem;

/// The id that goes on with a list.
const QUERY_ID: HeaderName = HeaderName::from_static("x-ms-continuation-queryid");
/// How many rows a list has.
const ROW_COUNT: HeaderName = HeaderName::from_static("x-ms-row-count");

/// Data with the name of its type, or of what it is a list of.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: StatusCode,
    kind: &'static str,
    value: Value,
    query_id: Option<String>,
    row_count: Option<usize>,
}

impl Answer {
    /// `kind` is `string`, `int` or the name of a type: of the items, where it is a list.
    pub(super) fn new(kind: &'static str, value: impl Serialize) -> Answer {
        Answer {
            status: StatusCode::OK,
            kind,
            // Plain data: it cannot fail.
            value: serde_json::to_value(value).unwrap_or_default(),
            query_id: None,
            row_count: None,
        }
    }

    pub(super) fn going_on_with(mut self, query_id: Option<String>) -> Answer {
        self.query_id = query_id;
        self
    }

    pub(super) fn counting(mut self, rows: usize) -> Answer {
        self.row_count = Some(rows);
        self
    }

    fn written(self, language: Language) -> Response {
        let (media_type, body) = match language {
            Language::Json => ("application/json; charset=utf-8", self.value.to_string()),
            Language::Xml => (
                "application/xml; charset=utf-8",
                xml(self.kind, &self.value),
            ),
        };
        let mut response =
            (self.status, [(header::CONTENT_TYPE, media_type)], body).into_response();
        let headers = response.headers_mut();
        let id = self.query_id.and_then(|id| HeaderValue::try_from(id).ok());
        id.map(|id| headers.insert(QUERY_ID, id));
        self.row_count
            .map(|count| headers.insert(ROW_COUNT, count.into()));
        response
    }
}

/// It is written by the layer.
impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes what handlers answered in the language that the client accepts.
pub(super) async fn in_the_clients_language(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let mut response = next.run(request).await;
    let extensions = response.extensions_mut();
    if let Some(answer) = extensions.remove::<Answer>() {
        return answer.written(language);
    }
    let Some(problem) = extensions.remove::<Problem>() else {
        return response;
    };
    let fault = Answer {
        status: response.status(),
        ..Answer::new("HpcWebServiceFault", Fault::of(problem))
    };
    let again = response.headers().get(header::RETRY_AFTER).cloned();
    let mut response = fault.written(language);
    let headers = response.headers_mut();
    again.map(|seconds| headers.insert(header::RETRY_AFTER, seconds));
    response
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Json,
    Xml,
}

impl Language {
    /// The one with the highest `q`, and of several the first; JSON where neither is named.
    fn of(headers: &HeaderMap) -> Language {
        let accepts = headers.get_all(header::ACCEPT).iter();
        let ranges = accepts
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','));
        let mut best = (0, Language::Json);
        for range in ranges {
            let mut parts = range.split(';').map(str::trim);
            let language = match parts
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
                .as_str()
            {
                "application/xml" | "text/xml" => Language::Xml,
                "application/json" | "text/json" | "application/*" | "*/*" => Language::Json,
                _ => continue,
            };
            let q = parts.find_map(|part| part.strip_prefix("q="));
            let q = q
                .map_or(Some(1.0), |q| q.parse::<f64>().ok())
                .unwrap_or(0.0);
            let thousandths = (q.clamp(0.0, 1.0) * 1_000.0) as u32;
            if thousandths > best.0 {
                best = (thousandths, language);
            }
        }
        best.1
    }
}

const COMMON: &str = "http://schemas.microsoft.com/HPCS2008R2/common";
const SERIALIZATION: &str = "http://schemas.microsoft.com/2003/10/Serialization/";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn xml(kind: &str, value: &Value) -> String {
    let list = matches!(value, Value::Array(_));
    let simple = matches!(kind, "string" | "int");
    let (root, namespace) = match (list, simple) {
        (true, true) => (format!("ArrayOf{kind}"), ARRAYS),
        (true, false) => (format!("ArrayOf{kind}"), COMMON),
        (false, true) => (kind.to_string(), SERIALIZATION),
        (false, false) => (kind.to_string(), COMMON),
    };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    out += &format!("<{root} xmlns=\"{namespace}\" xmlns:i=\"{INSTANCE}\">");
    content(&mut out, kind, value);
    out += &format!("</{root}>");
    out
}

/// What stands in an element; `item` is what the items of a list are called.
fn content(out: &mut String, item: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => *out += if *flag { "true" } else { "false" },
        Value::Number(number) => *out += &number.to_string(),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|value| element(out, item, value)),
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| element(out, name, value)),
    }
}

fn element(out: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        *out += &format!("<{name} i:nil=\"true\"/>");
        return;
    }
    let items = match name {
        "Properties" => "Property",
        "Instances" => "MetricInstanceData",
        "Entries" => "OperationLogEntry",
        "Values" => "KeyValuePair",
        _ => "string",
    };
    *out += &format!("<{name}>");
    content(out, items, value);
    *out += &format!("</{name}>");
}

/// What XML cannot have is shown as the sign for that.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' => out.push(character),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_client_chooses_the_language() {
        for (accept, expected) in [
            ("application/json", Language::Json),
            ("*/*", Language::Json),
            ("application/xml", Language::Xml),
            ("text/html, Application/XML;q=0.9, */*;q=0.8", Language::Xml),
            ("application/json;q=0.5, application/xml", Language::Xml),
            (
                "application/xml;q=0, application/json;q=0.1",
                Language::Json,
            ),
            ("image/png", Language::Json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Language::of(&headers), expected, "{accept}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::Json);
    }

    #[test]
    fn xml_is_as_data_contracts_are() {
        let objects = json!([{ "Properties": [{ "Name": "a<b", "Value": "1\u{0}" }] }]);
        let body = format!(
            "<ArrayOfObject xmlns=\"{COMMON}\" xmlns:i=\"{INSTANCE}\"><Object><Properties><Property><Name>a&lt;b</Name><Value>1\u{fffd}</Value></Property></Properties></Object></ArrayOfObject>"
        );
        assert!(xml("Object", &objects).ends_with(&body));
        let names = xml("string", &json!(["a", null]));
        assert!(
            names.contains("<ArrayOfstring")
                && names.contains("<string>a</string><string i:nil=\"true\"/>")
        );
        assert!(xml("int", &json!(19)).contains(&format!("<int xmlns=\"{SERIALIZATION}\"")));
    }
}
