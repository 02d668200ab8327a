//! The daemon over the network: who is let in, with what, and how often.

use std::io::{Read, Write};
use std::net::TcpStream;

use jobyard_tests::https::{Https, send};
use jobyard_tests::{Place, run};

use super::{Daemon, refused};

const FROM_ELSEWHERE: &str = "sec-fetch-site: cross-site\r\n";

/// A daemon with ann, a user, oscar, an operator, and root, an administrator; the password of each is `pw-` and their name.
pub(super) fn daemon() -> (Daemon, Https) {
    let place = Place::new();
    for (name, role) in [
        ("ann", "User"),
        ("oscar", "job-operator"),
        ("root", "Administrator"),
        ("jo", "JobAdministrator"),
    ] {
        add(&place, name, role);
    }
    let daemon = Daemon::start_in(place, &["--listen", "127.0.0.1:0"]);
    let https = daemon.https();
    (daemon, https)
}

fn add(place: &Place, name: &str, role: &str) {
    let password = place.file("password", format!("pw-{name}\n"));
    let mut command = place.jobyard("user");
    command.args([
        "add",
        name,
        "--role",
        role,
        "--password-stdin",
        "--data",
        "data",
    ]);
    command.stdin(std::fs::File::open(password).unwrap());
    let said = run(&mut command);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// The headers of somebody who knows their password.
pub(super) fn basic(name: &str, password: &str) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("authorization: Basic {text}\r\n")
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {}\r\n", token.trim())
}

#[test]
fn who_shows_nothing_sees_nothing() {
    let (_daemon, https) = daemon();
    for path in [
        "/api/v1/jobs",
        "/api/v1/nodes",
        "/api/v1/users",
        "/api/v1/policies",
        "/metrics",
        "/api/v1/events",
    ] {
        let answer = https.ask(&format!("GET {path}"), "", "");
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (401, &"NotAuthenticated".into()),
            "{path}"
        );
        assert!(answer.head.contains("Basic realm"), "{}", answer.head);
        let by_page = https.ask(
            &format!("GET {path}"),
            "sec-fetch-site: same-origin\r\n",
            "",
        );
        assert!(
            !by_page.head.contains("Basic realm"),
            "a browser would ask by itself"
        );
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            https.ask(&format!("GET {path}"), "", "").status,
            200,
            "{path}"
        );
    }
    let wrong = [
        basic("ann", "pw-bob"),
        basic("nobody-knows", "pw"),
        bearer("jy_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        bearer("jy_short"),
        "authorization: Digest x\r\n".into(),
    ];
    for headers in wrong {
        let answer = https.ask("GET /api/v1/jobs", &headers, "");
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (401, &"NotAuthenticated".into()),
            "{headers}"
        );
    }
}

#[test]
fn a_port_for_https_says_so_to_others() {
    let (_daemon, https) = daemon();
    let mut stream = TcpStream::connect(https.address).unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"),
        "{answer}"
    );
}

#[test]
fn passwords_give_the_roles_that_a_user_has() {
    let (daemon, https) = daemon();
    let (ann, root) = (basic("ann", "pw-ann"), basic("root", "pw-root"));
    let who = https.ask("GET /api/v1/session", &ann, "").json();
    assert_eq!(who["name"], "ann");
    assert_eq!(who["roles"], serde_json::json!(["User"]));
    let job = r#"{"name": "mine", "task": [{"command": "true"}]}"#;
    let made = https.ask("POST /api/v1/jobs?submit=true", &ann, job);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(daemon.until("1", "Finished")["owner"], "ann");
    let denied = https.ask(
        "PUT /api/v1/parameters/JobRetryCount",
        &ann,
        r#"{"value": "3"}"#,
    );
    assert_eq!(denied.status, 403, "{}", denied.body);
    let done = https.ask(
        "PUT /api/v1/parameters/JobRetryCount",
        &root,
        r#"{"value": "3"}"#,
    );
    assert_eq!(done.status, 200, "{}", done.body);
    // Who is added while it runs is known at once, who is removed is not any more, and a changed password counts.
    add(&daemon.place, "zoe", "User");
    let zoe = basic("zoe", "pw-zoe");
    assert_eq!(https.ask("GET /api/v1/jobs", &zoe, "").status, 200);
    let changed = https.ask("PUT /api/v1/users/zoe", &root, r#"{"password": "other"}"#);
    assert_eq!(changed.json()["roles"], serde_json::json!(["User"]));
    assert_eq!(https.ask("GET /api/v1/jobs", &zoe, "").status, 401);
    assert_eq!(
        https
            .ask("GET /api/v1/jobs", &basic("zoe", "other"), "")
            .status,
        200
    );
    daemon.done(&["user", "remove", "zoe"]);
    assert_eq!(
        https
            .ask("GET /api/v1/jobs", &basic("zoe", "other"), "")
            .status,
        401
    );
}

#[test]
fn who_is_often_wrong_waits() {
    let (daemon, https) = daemon();
    for _ in 0..10 {
        assert_eq!(
            https.ask("GET /api/v1/jobs", &basic("ann", "x"), "").status,
            401
        );
    }
    let answer = https.ask("GET /api/v1/jobs", &basic("ann", "pw-ann"), "");
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (429, &"TooManyRequests".into())
    );
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((800..=900).contains(&wait), "{wait}");
    // A token is no password, and others are others.
    let token = daemon.done(&["user", "token", "ann"]);
    assert_eq!(
        https.ask("GET /api/v1/jobs", &bearer(&token), "").status,
        200
    );
    assert_eq!(
        https
            .ask("GET /api/v1/jobs", &basic("oscar", "pw-oscar"), "")
            .status,
        200
    );
}

#[test]
fn a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let (_daemon, https) = daemon();
    let who = r#"{"name": "ann", "password": "pw-ann"}"#;
    let answer = https.ask("POST /api/v1/session", "", who);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    for part in [
        "__Host-jobyard=jy_",
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    let headers = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(
        https.ask("GET /api/v1/session", &headers, "").json()["name"],
        "ann"
    );
    let job = r#"{"name": "mine", "task": [{"command": "true"}]}"#;
    let foreign = https.ask(
        "POST /api/v1/jobs",
        &format!("{headers}{FROM_ELSEWHERE}"),
        job,
    );
    assert_eq!(
        (foreign.status, &foreign.json()["code"]),
        (403, &"OtherSite".into())
    );
    assert_eq!(https.ask("POST /api/v1/jobs", &headers, job).status, 201);
    let ended = https.ask("DELETE /api/v1/session", &headers, "");
    assert_eq!(ended.status, 204);
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(https.ask("GET /api/v1/session", &headers, "").status, 401);
    let wrong = https.ask(
        "POST /api/v1/session",
        "",
        r#"{"name": "ann", "password": "no"}"#,
    );
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
}

#[test]
fn a_token_does_no_more_than_it_is_for() {
    let (daemon, https) = daemon();
    let root = basic("root", "pw-root");
    let made = https.ask(
        "POST /api/v1/tokens",
        &root,
        r#"{"note": "watch", "read_only": true}"#,
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let reads = bearer(made.json()["secret"].as_str().unwrap());
    assert_eq!(https.ask("GET /api/v1/users", &reads, "").status, 200);
    for (first, body) in [
        ("POST /api/v1/jobs", "{}"),
        ("DELETE /api/v1/users/ann", ""),
        ("POST /api/v1/tokens", "{}"),
    ] {
        let answer = https.ask(first, &reads, body);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (403, &"ReadOnlyToken".into()),
            "{first}"
        );
    }
    // A token with fewer roles makes none with more.
    let less = https.ask(
        "POST /api/v1/tokens",
        &root,
        r#"{"roles": ["JobOperator"]}"#,
    );
    assert_eq!(
        (less.status, &less.json()["code"]),
        (422, &"BadToken".into()),
        "root is no operator"
    );
    let boss = daemon.done(&[
        "user",
        "token",
        "root",
        "--role",
        "administrator",
        "--note",
        "all",
    ]);
    assert_eq!(
        https.ask("GET /api/v1/session", &bearer(&boss), "").json()["roles"],
        serde_json::json!(["Administrator"])
    );
    let tokens = https.ask("GET /api/v1/tokens", &root, "");
    assert!(!tokens.body.contains("jy_"), "{}", tokens.body);
    let id = tokens.json()["tokens"][0]["id"].to_string();
    assert_eq!(
        https
            .ask(
                &format!("DELETE /api/v1/tokens/{id}"),
                &basic("ann", "pw-ann"),
                ""
            )
            .status,
        404
    );
    assert_eq!(
        https
            .ask(&format!("DELETE /api/v1/tokens/{id}"), &root, "")
            .status,
        204
    );
    assert_eq!(https.ask("GET /api/v1/users", &reads, "").status, 401);
    let listed = daemon.done(&["user", "tokens", "root"]);
    assert!(
        listed.contains("all") && !listed.contains("watch"),
        "{listed}"
    );
}

#[test]
fn who_acts_for_others_is_an_administrator() {
    let (daemon, https) = daemon();
    let for_ann = "x-ms-as-user: ann\r\n";
    let root = basic("root", "pw-root") + for_ann;
    let job = r#"{"name": "hers", "task": [{"command": "true"}]}"#;
    assert_eq!(
        https
            .ask("POST /api/v1/jobs?submit=true", &root, job)
            .status,
        201
    );
    assert_eq!(daemon.until("1", "Finished")["owner"], "ann");
    // As ann, they may do what ann may.
    assert_eq!(https.ask("GET /api/v1/users", &root, "").status, 403);
    assert_eq!(
        https.ask("POST /api/v1/tokens", &root, "{}").status,
        403,
        "and may not stay ann"
    );
    let table = [
        ("ann", "oscar", 403),
        ("oscar", "ann", 403),
        ("jo", "ann", 200),
        ("jo", "root", 403),
        ("jo", "somebody", 200),
        ("root", "root", 200),
    ];
    for (by, name, expected) in table {
        let headers = basic(by, &format!("pw-{by}")) + &format!("x-ms-as-user: {name}\r\n");
        let answer = https.ask("GET /api/v1/jobs", &headers, "");
        assert_eq!(answer.status, expected, "{by} for {name}: {}", answer.body);
    }
}

#[test]
fn a_user_has_a_rate() {
    let place = Place::new();
    add(&place, "ann", "User");
    place.file(
        "jobyard.toml",
        "[http]\nlisten = \"127.0.0.1:0\"\nrequests_per_second = 5\n",
    );
    let daemon = Daemon::start_in(place, &["--config", "jobyard.toml"]);
    let https = daemon.https();
    let ann = basic("ann", "pw-ann");
    let statuses: Vec<u16> = (0..40)
        .map(|_| https.ask("GET /api/v1/nodes", &ann, "").status)
        .collect();
    let refused = statuses.iter().filter(|&&status| status == 429).count();
    assert!(
        refused > 0 && statuses[..10].iter().all(|&status| status == 200),
        "{statuses:?}"
    );
}

#[test]
fn users_that_cannot_be_are_refused_in_words() {
    let place = Place::new();
    let user = |words: &[&str], expected: &[&str]| {
        let mut command = place.jobyard("user");
        command
            .args(words)
            .args(["--data", "data"])
            .stdin(std::process::Stdio::null());
        refused(&run(&mut command), words, expected);
    };
    user(&["add", "ann", "--role", "Boss"], &["Boss", "JobOperator"]);
    user(
        &["add", "ann", "--role", "User", "--password-stdin"],
        &["password is empty"],
    );
    user(&["add", "a:b", "--role", "User"], &["a:b"]);
    user(
        &["set", "nobody", "--role", "User"],
        &["nobody", "user list"],
    );
    user(&["token", "nobody"], &["nobody"]);
    add(&place, "ann", "User");
    user(&["add", "ann", "--role", "User"], &["ann", "already"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = ["--data", "data", "--listen", &address];
    refused(
        &run(place.jobyard("serve").args(serve)),
        &serve,
        &[&address, "--listen"],
    );
}

#[test]
fn who_is_not_let_in_any_more_is_told_no_more() {
    let (daemon, https) = daemon();
    let token = daemon.done(&["user", "token", "root"]);
    let mut streams: Vec<_> = [bearer(&token), basic("oscar", "pw-oscar")]
        .iter()
        .map(|headers| {
            let mut stream = https.connect().unwrap();
            send(&mut stream, "GET /api/v1/events", headers, "").unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 200");
            stream
        })
        .collect();
    daemon.done(&["user", "revoke", "root", "1"]);
    daemon.done(&["user", "remove", "oscar"]);
    for stream in &mut streams {
        // The end of the chunks is the end of the answer.
        let mut rest = Vec::new();
        while !rest.ends_with(b"0\r\n\r\n") {
            let mut part = [0; 1024];
            match stream.read(&mut part).unwrap() {
                0 => break,
                bytes => rest.extend(&part[..bytes]),
            }
        }
    }
}
