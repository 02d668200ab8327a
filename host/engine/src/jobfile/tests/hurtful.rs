//! Files that are made to hurt.

use crate::jobfile::{Format, JobFile};

/// Each is refused in one line that says where, before it takes all of the stack or the memory.
#[test]
fn files_that_are_made_to_hurt() {
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let lots = |what: &str| what.repeat(200_000);
    let laughs: String = (1..9)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let files = [
        (Format::Json, deep("[", "]")),
        (Format::Json, deep("{\"a\":", "}")),
        (Format::Json, format!("{{\"priority\": {}}}", lots("9"))),
        (Format::Json, format!("{{\"priority\": 1e{}}}", lots("9"))),
        (
            Format::Json,
            format!("{{\"name\": \"{}\"}}", lots("\\u0041")),
        ),
        (Format::Toml, format!("a = {}", deep("[", "]"))),
        (Format::Toml, format!("a = {}", deep("{ a = ", "}"))),
        (Format::Toml, format!("a{} = 1", lots(".a"))),
        (Format::Toml, format!("[a{}]", lots(".a"))),
        (Format::Toml, lots("[[task]]\n")),
        (Format::Toml, format!("priority = {}", lots("9"))),
        (
            Format::Toml,
            format!("environment = {{ {} }}", lots("A = 1, ")),
        ),
        (Format::HpcXml, deep("<Job>", "</Job>")),
        (Format::HpcXml, deep("<a xmlns=\"b\">", "</a>")),
        (Format::HpcXml, format!("<Job {}/>", lots("A=\"1\" "))),
        (Format::HpcXml, format!("<Job Priority=\"{}\"/>", lots("9"))),
        (Format::HpcXml, lots("<")),
        (Format::HpcXml, lots("<!--")),
        (
            Format::HpcXml,
            format!("<!DOCTYPE Job [<!ENTITY l0 \"ha\">{laughs}]><Job Name=\"&l8;\"/>"),
        ),
        (
            Format::HpcXml,
            "<!DOCTYPE Job SYSTEM \"file:///etc/passwd\"><Job/>".into(),
        ),
        (
            Format::HpcXml,
            "<!DOCTYPE Job [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Job Name=\"&x;\"/>".into(),
        ),
        (Format::HpcXml, "<Job Name=\"&x;\"/>".into()),
    ];
    for (format, text) in files {
        let start: String = text.chars().take(40).collect();
        let Err(error) = JobFile::parse("hurts", &text, format) else {
            panic!("{format}: {start} is taken for a job");
        };
        let message = error.to_string();
        assert!(
            message.starts_with("hurts:"),
            "{format}: {start}: {message}"
        );
        assert!(
            message.len() < 500,
            "{format}: {start}: {} bytes",
            message.len()
        );
        assert!(!message.contains('\n'), "{message}");
        assert!(!message.contains("root:"), "{message}");
    }
}
