//! `plugin.toml`: what is read of it, what is refused and in which words, and what a component is held to.

use std::path::Path;
use std::time::Duration;

use jobyard_plugin::{ConfigureError, Limits, Manifest, PolicySlot, World};
use serde_json::json;

use crate::load;
use crate::wat::Policy;

const HEAD: &str = "name = \"site\"\nversion = \"1.2\"\nworld = \"scheduling-policy\"\n";

fn manifest(rest: &str) -> Manifest {
    Manifest::parse(&format!("{HEAD}{rest}")).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(rest: &str) -> String {
    match Manifest::parse(&format!("{HEAD}{rest}")) {
        Ok(manifest) => panic!("{manifest:?}"),
        Err(error) => error.to_string(),
    }
}

fn settings(given: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    given.iter().map(pair).collect()
}

#[test]
fn a_manifest_says_what_a_component_is_and_what_it_is_granted() {
    let manifest = manifest(
        r#"description = "the house rule"
        sha256 = "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
        columns = ["job.owner", "account.used"]
        claims = ["no-starvation"]
        [grants]
        programs = ["*"]
        folders = ["/scratch"]
        [limits]
        memory_bytes_max = 1048576
        deadline_ms = 250"#,
    );
    assert_eq!((&*manifest.name, &*manifest.version), ("site", "1.2"));
    assert_eq!(manifest.description, "the house rule");
    assert!(manifest.sha256.unwrap().starts_with("abcdef"));
    assert_eq!(
        manifest.columns.names().collect::<Vec<_>>(),
        ["job.owner", "account.used"]
    );
    assert_eq!(manifest.claims, ["no-starvation"]);
    assert_eq!(
        (&*manifest.programs[0], &*manifest.folders[0]),
        ("*", "/scratch")
    );

    let manifest = self::manifest("[limits]\nmemory_bytes_max = 1048576\ndeadline_ms = 250");
    let default = Limits::for_world(World::SchedulingPolicy);
    let limits = manifest.limits(World::SchedulingPolicy);
    assert_eq!(limits.memory_bytes_max, 1 << 20);
    assert_eq!(limits.deadline, Duration::from_millis(250));
    assert_eq!(limits.log_bytes_max, default.log_bytes_max);
    assert_eq!(self::manifest("").limits(World::SchedulingPolicy), default);
}

#[test]
fn what_is_wrong_with_a_manifest_is_said_in_one_line() {
    for (rest, words) in [
        ("colour = 1", "line 4: unknown field `colour`"),
        ("[limits]\nmemory = 1", "line 5: unknown field `memory`"),
        ("[settings.a]\nkind = 1", "unknown field `kind`"),
        ("columns = \"job.owner\"", "line 4: invalid type"),
        (
            "columns = [\"job.colour\"]",
            "columns: there is no column \"job.colour\"; there are: job.owner",
        ),
        (
            "claims = [\"No starvation\"]",
            "claims = \"No starvation\" is not a name like no-starvation",
        ),
        (
            "sha256 = \"12\"",
            "sha256 = \"12\" is not 64 hexadecimal digits",
        ),
        (
            "[limits]\ndeadline_ms = 0",
            "deadline_ms = \"0\" is not from 1 to 120000",
        ),
        (
            "[settings.a]\ntype = \"date\"",
            "setting `a`: `type` cannot be \"date\"; there are string, integer",
        ),
        (
            "[settings.a]\ntype = \"integer\"\ndefault = \"x\"",
            "setting `a`: its default `x` is not a whole number",
        ),
        (
            "[settings.a]\nvalues = [\"b\"]\ndefault = \"c\"",
            "setting `a`: its default `c` is not `b`",
        ),
        (
            "[settings.a]\npattern = \"(\"",
            "setting `a`: `pattern` cannot be",
        ),
        (
            "[settings.a]\nminimum = \"x\"",
            "setting `a`: `minimum` cannot be \"x\"",
        ),
        (
            "[settings_schema]\noneOf = []",
            "settings: `oneOf` is not known; of JSON Schema there are",
        ),
        (
            "[settings_schema.properties.a]\nmultipleOf = 2",
            "setting `a`: `multipleOf` is not known",
        ),
        (
            "[settings_schema]\nrequired = [\"a\"]",
            "`a` is required and not among the properties",
        ),
        (
            "[settings_schema]\n[settings.a]",
            "there are both [settings] and settings_schema",
        ),
        (
            "settings_schema = \"schema.json\"",
            "there are no other files here",
        ),
        ("[settings", "line 4: "),
    ] {
        let said = refused(rest);
        assert!(
            said.contains(words) && !said.contains('\n'),
            "{rest}: {said}"
        );
    }
    for (text, words) in [
        ("", "missing field `name`"),
        (
            "name = \" \"\nversion = \"1\"\nworld = \"job-filter\"",
            "name = \" \" is not a text",
        ),
        (
            "name = \"a\"\nversion = \"1\"\nworld = \"policy\"",
            "world = \"policy\" is not one of scheduling-policy, ranked-policy",
        ),
    ] {
        let said = Manifest::parse(text).unwrap_err().to_string();
        assert!(said.contains(words) && !said.contains('\n'), "{said}");
    }
}

#[test]
fn tables_of_settings_are_a_json_schema() {
    let manifest = manifest(
        r#"[settings.order]
        description = "which first"
        values = ["fcfs", "sjbf"]
        default = "fcfs"
        [settings.depth]
        type = "integer"
        minimum = -1
        default = "-1""#,
    );
    let expected = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "order": {"type": "string", "description": "which first", "enum": ["fcfs", "sjbf"], "default": "fcfs"},
            "depth": {"type": "integer", "minimum": -1, "default": -1},
        },
        "additionalProperties": false,
    });
    assert_eq!(manifest.settings.document(), &expected);
    assert_eq!(
        manifest.settings.defaults(),
        settings(&[("depth", "-1"), ("order", "fcfs")])
    );
    assert_eq!(
        manifest.settings.names().collect::<Vec<_>>(),
        ["depth", "order"]
    );
}

#[test]
fn settings_are_checked_against_the_schema() {
    let manifest = manifest(
        r#"[settings_schema]
        required = ["order"]
        additionalProperties = false
        [settings_schema.properties]
        order = {enum = ["fcfs", "sjbf"]}
        depth = {type = "integer", minimum = -1, maximum = 1000}
        weight = {type = "number", exclusiveMinimum = 0}
        grow = {type = "boolean"}
        name = {type = "string", minLength = 2, maxLength = 4, pattern = "^[a-z]+$"}
        size = {type = "integer", enum = [1, 2]}"#,
    );
    let check = |given: &[(&str, &str)]| {
        let given = [&[("order", "fcfs")], given].concat();
        let checked = manifest
            .settings
            .check(&settings(&given), |name| name == "Passes");
        checked.map_err(|bad| bad.to_string())
    };
    for (name, value) in [
        ("depth", "-1"),
        ("depth", "1000"),
        ("weight", "0.5"),
        ("weight", "1e3"),
        ("grow", "true"),
        ("name", "äb".trim_start_matches('ä').repeat(2).as_str()),
        ("size", "2"),
        ("Passes", "anything"),
    ] {
        assert_eq!(check(&[(name, value)]), Ok(()), "{name}={value}");
    }
    for (name, value, right) in [
        ("depth", "-2", "a whole number at least -1 and at most 1000"),
        (
            "depth",
            "1.5",
            "a whole number at least -1 and at most 1000",
        ),
        ("weight", "0", "a number above 0"),
        ("weight", "NaN", "a number above 0"),
        ("grow", "yes", "`true` or `false`"),
        (
            "name",
            "a",
            "a text of at least 2 characters and of at most 4 characters and that matches `^[a-z]+$`",
        ),
        (
            "name",
            "abcde",
            "a text of at least 2 characters and of at most 4 characters and that matches `^[a-z]+$`",
        ),
        (
            "name",
            "a1",
            "a text of at least 2 characters and of at most 4 characters and that matches `^[a-z]+$`",
        ),
        ("size", "3", "`1` or `2`"),
    ] {
        let said = check(&[(name, value)]).unwrap_err();
        assert_eq!(said, format!("setting `{name}`: `{value}` is not {right}"));
    }
    assert_eq!(
        check(&[("dept", "1")]).unwrap_err(),
        "unknown setting `dept`: there are depth, grow, name, order, size, weight"
    );
    assert_eq!(
        check(&[("order", "sjbf")]).unwrap_err(),
        "setting `order` is given twice"
    );
    let missing = manifest.settings.check(&[], |_| false).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "setting `order` is missing: it is to be `fcfs` or `sjbf`"
    );
    let none = self::manifest("")
        .settings
        .check(&settings(&[("a", "b")]), |_| false);
    assert_eq!(
        none.unwrap_err().to_string(),
        "unknown setting `a`: this plugin has none"
    );
    let open = self::manifest("[settings_schema.properties]\na = {}");
    assert_eq!(
        open.settings.check(&settings(&[("b", "c")]), |_| false),
        Ok(())
    );
}

#[test]
fn a_manifest_lies_beside_its_component() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let beside = |name: &str| Manifest::beside(&folder.path().join(name));
    assert!(beside("fair.wasm").unwrap().is_none());
    write("plugin.toml", &format!("{HEAD}columns = [\"job.owner\"]"));
    assert_eq!(
        beside("fair.wasm")
            .unwrap()
            .unwrap()
            .columns
            .names()
            .count(),
        1
    );
    write(
        "fair.toml",
        &format!("{HEAD}settings_schema = \"fair.json\""),
    );
    let missing = beside("fair.wasm").unwrap_err().to_string();
    assert!(
        missing.contains("fair.json: ") && missing.contains("No such file"),
        "{missing}"
    );
    write(
        "fair.json",
        r#"{"properties": {"a": {"type": "integer"}}, "additionalProperties": false}"#,
    );
    let fair = beside("fair.wasm").unwrap().unwrap();
    assert_eq!(fair.settings.names().collect::<Vec<_>>(), ["a"]);
    write("fair.json", "{");
    let broken = beside("fair.wasm").unwrap_err().to_string();
    assert!(
        broken.contains("fair.toml: the settings' schema is not JSON"),
        "{broken}"
    );
    write(
        "fair.toml",
        &format!("{HEAD}settings_schema = \"../fair.json\""),
    );
    let elsewhere = beside("fair.wasm").unwrap_err().to_string();
    assert!(
        elsewhere.contains("is not the name of a file in the same folder"),
        "{elsewhere}"
    );
    write("fair.toml", &format!("# {}", "x".repeat(1 << 20)));
    assert!(
        Manifest::read(Path::new(&folder.path().join("fair.toml")))
            .unwrap_err()
            .to_string()
            .contains("more than 1048576 bytes")
    );
}

#[test]
fn a_manifest_is_about_one_component() {
    let plugin = || load("site", &Policy::default().build(), World::SchedulingPolicy);
    let sha = |digest: &str| manifest(&format!("sha256 = \"{digest}\""));
    let digest = plugin().digest().to_owned();
    assert!(plugin().with_manifest(sha(&digest)).is_ok());
    let other = plugin().with_manifest(sha(&"0".repeat(64))).unwrap_err();
    assert!(other.to_string().contains(&digest), "{other}");
    let filter = HEAD.replace("scheduling-policy", "job-filter");
    let wrong = plugin()
        .with_manifest(Manifest::parse(&filter).unwrap())
        .unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "site: the manifest of site is about a job-filter, and the component is used as a scheduling-policy"
    );
    let own = plugin()
        .with_manifest(manifest("[limits]\nlog_bytes_max = 5"))
        .unwrap();
    assert_eq!(
        (own.limits().log_bytes_max, plugin().limits().log_bytes_max),
        (5, 64 << 10)
    );
}

#[test]
fn a_policy_is_told_no_column_that_is_not_granted() {
    let bytes = Policy::asking("job.owner,account.used").build();
    let with = |rest: &str| {
        let plugin = load("asks", &bytes, World::SchedulingPolicy);
        plugin.with_manifest(manifest(rest)).unwrap()
    };
    let limits = Limits::for_world(World::SchedulingPolicy);
    let refusal = |plugin: jobyard_plugin::Plugin| match plugin.policy(limits, &[]) {
        Err(ConfigureError::Refused(text)) => text,
        other => panic!("{other:?}"),
    };
    let text = refusal(load("asks", &bytes, World::SchedulingPolicy));
    assert!(
        text.contains("asks for the column job.owner, which its manifest does not grant"),
        "{text}"
    );
    let text = refusal(with("columns = [\"job.owner\"]"));
    assert!(text.contains("account.used"), "{text}");
    let granted = with("columns = [\"account.used\", \"job.owner\", \"node.name\"]");
    let policy = granted.policy(limits, &[]).unwrap();
    let asked: Vec<_> = policy.columns().names().collect();
    assert_eq!(asked, ["job.owner", "account.used"]);

    let unknown = load(
        "asks",
        &Policy::asking("job.colour").build(),
        World::SchedulingPolicy,
    );
    let text = refusal(unknown);
    assert!(text.contains("there is no column \"job.colour\""), "{text}");

    let choice = |plugin: &jobyard_plugin::Plugin| jobyard_plugin::PolicyChoice {
        plugin: plugin.clone(),
        limits,
        settings: Vec::new(),
        number: 0,
    };
    let slot = PolicySlot::new(choice(&granted), choice(&granted)).unwrap();
    assert_eq!(slot.columns(), *policy.columns());
}

#[test]
fn settings_that_the_schema_does_not_allow_never_reach_the_component() {
    // It takes anything.
    let plugin = load("site", &Policy::default().build(), World::SchedulingPolicy);
    let limits = plugin.limits();
    assert!(
        plugin.policy(limits, &settings(&[("x", "y")])).is_ok(),
        "no manifest, no check"
    );
    let plugin = plugin
        .with_manifest(manifest("[settings.x]\nvalues = [\"z\"]"))
        .unwrap();
    let try_it = |given: &[(&str, &str)]| match plugin.policy(limits, &settings(given)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert_eq!(try_it(&[("x", "z")]), "");
    assert_eq!(
        try_it(&[("x", "y")]),
        "settings refused: setting `x`: `y` is not `z`"
    );
    // Cluster parameters are none of the schema's business, the component's own or a ranker's.
    assert_eq!(
        try_it(&[
            ("FairShareHalfLife", "1d"),
            ("ranker.FairShareHalfLife", "1d")
        ]),
        ""
    );
}

#[test]
fn a_policy_with_a_ranker_has_the_grants_of_both() {
    let policy = Manifest::parse(
        &(HEAD.replace("scheduling-policy", "ranked-policy")
            + "columns = [\"job.owner\"]\nclaims = [\"a\", \"b\"]\n[settings.depth]\ntype = \"integer\""),
    )
    .unwrap();
    let ranker = Manifest::parse(
        "name = \"fair\"\nversion = \"3\"\nworld = \"job-ranker\"\ncolumns = [\"account.used\"]\nclaims = [\"b\"]\n\
         [settings.weight]\ntype = \"number\"\ndefault = 1",
    )
    .unwrap();
    let both = policy.composed(&ranker);
    assert_eq!(
        (&*both.name, &*both.world),
        ("site+fair", "scheduling-policy")
    );
    assert_eq!(
        both.columns.names().collect::<Vec<_>>(),
        ["job.owner", "account.used"]
    );
    assert_eq!(both.claims, ["b"]);
    assert_eq!(
        both.settings.names().collect::<Vec<_>>(),
        ["depth", "ranker.weight"]
    );
    assert_eq!(
        both.settings.defaults(),
        settings(&[("ranker.weight", "1")])
    );
    assert!(
        both.settings.document()["properties"]
            .get("ranker.weight")
            .is_some()
    );
    let bad = both
        .settings
        .check(&settings(&[("ranker.weight", "x")]), |_| false);
    assert_eq!(
        bad.unwrap_err().to_string(),
        "setting `ranker.weight`: `x` is not a number"
    );
    // As text it reads as the same.
    let text = both.text().unwrap();
    let again = Manifest::parse(&text).unwrap();
    assert_eq!(again.text().unwrap(), text);
    assert_eq!(again.settings.document(), both.settings.document());
    assert_eq!(again.columns.names().count(), 2);
}

#[test]
fn a_ranker_without_a_manifest_may_have_any_settings_and_is_told_no_columns() {
    let policy = Manifest::parse(
        &(HEAD.replace("scheduling-policy", "ranked-policy")
            + "columns = [\"job.owner\"]\n[limits]\ndeadline_ms = 70\n[settings.depth]\ntype = \"integer\""),
    )
    .unwrap();
    let both = policy.composed(&Manifest::bare("mine", World::JobRanker));
    let both = Manifest::parse(&both.text().unwrap()).unwrap();
    assert_eq!(both.columns.names().collect::<Vec<_>>(), ["job.owner"]);
    assert_eq!(
        both.limits(World::SchedulingPolicy).deadline.as_millis(),
        70
    );
    both.settings
        .check(&settings(&[("ranker.any", "x"), ("depth", "3")]), |_| false)
        .unwrap();
    let bad = both.settings.check(&settings(&[("depth", "x")]), |_| false);
    assert!(bad.is_err());
}
