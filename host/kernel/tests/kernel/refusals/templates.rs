//! What a job template can be refused for.

use std::sync::Arc;

use jobyard_kernel::{Actor, Command, Rule, Template, Timestamp, Value, limits, step};

use super::cluster;

/// What is wrong with a template, and with jobs that are made from one.
#[test]
fn each_thing_wrong_with_a_template_is_named() {
    let rule = |property: &str, change: fn(&mut Rule)| {
        let mut rule = Rule {
            property: property.into(),
            ..Rule::default()
        };
        change(&mut rule);
        rule
    };
    let max: fn(&mut Rule) = |r| (r.default, r.max) = (Some(Value::Number(9)), Some(8));
    let rows = [
        ("Colour", vec![rule("Colour", |_| ())]),
        (
            "two rules",
            vec![rule("Name", |_| ()), rule("name", |_| ())],
        ),
        ("no value", vec![rule("Name", |r| r.read_only = true)]),
        (
            "minimum is above",
            vec![rule("Priority", |r| (r.min, r.max) = (Some(2), Some(1)))],
        ),
        (
            "cannot be true",
            vec![rule("Name", |r| r.default = Some(Value::Flag(true)))],
        ),
        (
            "own value is 9, which is above 8",
            vec![rule("Priority", max)],
        ),
        (
            "more than 1000",
            vec![rule("Name", |_| ()); limits::TEMPLATE_RULES_MAX + 1],
        ),
    ];
    let by = Actor::administrator("root");
    let set = |template: Template| {
        let template = Arc::new(template);
        let command = Command::SetTemplate {
            by: by.clone(),
            template,
        };
        step(&mut cluster(), &command, Timestamp(0), &mut Vec::new())
    };
    for (part, rules) in rows {
        let name = "t".into();
        let refused = set(Template {
            name,
            rules,
            ..Template::default()
        });
        let text = refused.expect_err(part).to_string();
        assert!(text.contains(part) && text.len() < 400, "{part}: {text}");
    }
    for name in [" ", "a\nb", &"x".repeat(limits::NAME_CHARS_MAX + 1)] {
        let name = name.to_string();
        set(Template {
            name,
            ..Template::default()
        })
        .expect_err("it is not a name");
    }
}
