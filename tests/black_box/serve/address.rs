//! Verbs that go over the network: with a token, to a certificate that is trusted, or not at all.

use std::os::unix::fs::PermissionsExt;

use jobyard_tests::{Place, Said, run};

use super::{Daemon, refused};

/// A daemon that listens, its address, and a token of an administrator in a file.
fn daemon() -> (Daemon, String) {
    let place = Place::new();
    let daemon = Daemon::start_in(place, &["--listen", "127.0.0.1:0"]);
    let server = format!("https://{}", daemon.https().address);
    daemon.done(&["user", "add", "ann", "--role", "Administrator"]);
    let token = daemon.done(&["user", "token", "ann"]);
    let file = daemon.place.file("token", token);
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    (daemon, server)
}

/// Says it from elsewhere: where there is no data folder.
fn away(daemon: &Daemon, words: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = daemon.place.jobyard(words[0]);
    command.args(&words[1..]).env("JOBYARD_DATA", "elsewhere");
    run(command.envs(variables.iter().copied()))
}

#[test]
fn verbs_go_to_an_address_as_they_go_to_the_socket() {
    let (daemon, server) = daemon();
    let ways = [
        "--server",
        &server,
        "--token-file",
        "token",
        "--ca",
        "data/tls/cert.pem",
    ];
    let say = |words: &[&str]| {
        let said = away(&daemon, &[&words[..2], &ways, &words[2..]].concat(), &[]);
        assert_eq!(
            (said.code, said.err.as_str()),
            (Some(0), ""),
            "{words:?}: {}",
            said.out
        );
        said.out
    };
    assert_eq!(
        say(&["job", "submit", "-q", "--", "echo", "from", "afar"]),
        "1\n"
    );
    say(&["job", "wait", "1"]);
    assert_eq!(say(&["job", "output", "1"]), "from afar\n");
    assert_eq!(daemon.json(&["job", "view", "1"])["owner"], "ann");
    say(&["policy", "list"]);
    let top = away(&daemon, &[&["top", "--once"][..], &ways].concat(), &[]);
    assert!(top.out.contains("1 finished"), "{}{}", top.out, top.err);

    // The same by variables; the daemon's own certificate is found in its folder.
    let token = daemon.place.read("token");
    let variables = [
        ("JOBYARD_SERVER", server.as_str()),
        ("JOBYARD_TOKEN", token.trim()),
        ("JOBYARD_DATA", "data"),
    ];
    let said = away(&daemon, &["job", "list", "--all", "-q"], &variables);
    assert_eq!(said.out, "1\n", "{}", said.err);
}

#[test]
fn who_is_not_known_and_what_is_not_trusted_is_refused() {
    let (daemon, server) = daemon();
    let ca = ["--ca", "data/tls/cert.pem"];
    let token = [("JOBYARD_TOKEN", "abc")];
    let list = ["job", "list", "--server", &server];
    /// Words, variables, and what is said.
    type Case<'a> = (Vec<&'a str>, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: [Case<'_>; 8] = [
        (list.to_vec(), &token, &["whom to trust?", "--ca FILE"]),
        (
            [&list[..], &ca].concat(),
            &[],
            &["--token-file", "JOBYARD_TOKEN"],
        ),
        ([&list[..], &ca].concat(), &token, &["token"]),
        (
            [&list[..], &ca].concat(),
            &[("JOBYARD_TOKEN", "a\nb")],
            &["no token has"],
        ),
        (
            [&list[..], &["--ca", "log"]].concat(),
            &token,
            &["log", "no certificate"],
        ),
        (
            [&list[..], &ca, &["--token-file", "none"]].concat(),
            &[],
            &["--token-file none"],
        ),
        (
            vec!["job", "list", "--server", "http://x"],
            &token,
            &["HTTPS only"],
        ),
        (
            vec!["policy", "simulate", "fifo", "--server", &server],
            &token,
            &["journal", "--data"],
        ),
    ];
    for (words, variables, expected) in table {
        refused(&away(&daemon, &words, variables), &words, expected);
    }
    // Another certificate than the one that is trusted.
    let other = Daemon::start_in(Place::new(), &["--listen", "127.0.0.1:0"]);
    let ca = other.place.path().join("data/tls/cert.pem");
    let words = [&list[..], &["--ca", ca.to_str().unwrap()]].concat();
    refused(
        &away(&daemon, &words, &token),
        &words,
        &["cannot be reached", "certificate"],
    );
}
