//! `docs/conformance.md` says what the code does.

use jobyard_conform::{Claim, RULES};

use crate::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_tables_of_rules_and_claims_are_those_of_the_code() {
    let docs = read("docs/conformance.md");
    let mut rules =
        String::from("| rule | what holds | for policies that claim | from |\n|---|---|---|---|\n");
    for rule in RULES {
        let claims: Vec<String> = rule
            .claims
            .iter()
            .map(|claim| format!("`{claim}`"))
            .collect();
        let claims = if claims.is_empty() {
            "all".into()
        } else {
            claims.join(", ")
        };
        rules += &format!(
            "| `{}` | {} | {claims} | {} |\n",
            rule.name, rule.sentence, rule.section
        );
    }
    assert!(
        docs.contains(&rules),
        "docs/conformance.md does not have this table:\n{rules}"
    );
    let mut claims = String::from("| claim | what it promises |\n|---|---|\n");
    for claim in Claim::ALL {
        claims += &format!("| `{claim}` | {} |\n", claim.sentence());
    }
    assert!(
        docs.contains(&claims),
        "docs/conformance.md does not have this table:\n{claims}"
    );
}

#[test]
fn the_sections_that_rules_come_from_are_there() {
    let contract = read("wit/README.md");
    for rule in RULES {
        let heading = format!("\n## {}\n", rule.section);
        assert!(
            contract.contains(&heading),
            "{}: wit/README.md has no section {}",
            rule.name,
            rule.section
        );
    }
}
