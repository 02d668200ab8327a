//! Who may come over the network, and how they show it.

use super::operation::Operation;
use crate::session::{LogIn, SessionView};
use crate::tokens::{MadeToken, NewToken, TokenList};
use crate::users::{SetUser, UserList, UserView};

pub(super) fn operations() -> Vec<Operation> {
    let session = |method, summary| Operation::new("session", method, "/api/v1/session", summary);
    let token = |method, path, summary| Operation::new("tokens", method, path, summary);
    let user = |method, path, summary| {
        Operation::new("users", method, path, summary).problem(403, &["ForAdministrators"])
    };
    vec![
        session("get", "Who is asking, by whatever was shown").answers::<SessionView>(200),
        Operation::open(
            "session",
            "post",
            "/api/v1/session",
            "Logs in; answered with a cookie for twelve hours",
        )
        .body::<LogIn>()
        .answers::<SessionView>(200)
        .header(
            200,
            "Set-Cookie",
            "`__Host-jobyard`, over HTTPS to this host only.",
        )
        .problem(400, &["BadHeader"])
        .problem(401, &["NotAuthenticated"])
        .problem(403, &["OtherSite", "PermissionDenied", "ReadOnlyToken"])
        .problem(429, &["TooManyRequests"])
        .problem(500, &["Failed"])
        .problem(503, &["JournalFailed", "Stopped"]),
        session("delete", "Ends the session, if it is one")
            .answers_nothing()
            .header(204, "Set-Cookie", "The cookie is taken back."),
        token(
            "get",
            "/api/v1/tokens",
            "One's own tokens, without their secrets",
        )
        .answers::<TokenList>(200),
        token(
            "post",
            "/api/v1/tokens",
            "Makes a token; its secret is seen only now",
        )
        .body::<NewToken>()
        .answers::<MadeToken>(201)
        .problem(404, &["UnknownUser"])
        .problem(409, &["TooManyTokens"])
        .problem(422, &["BadToken"]),
        token("delete", "/api/v1/tokens/{token}", "Ends a token")
            .answers_nothing()
            .problem(404, &["UnknownToken", "UnknownUser"]),
        user(
            "get",
            "/api/v1/users",
            "Users; for administrators, as are the next two",
        )
        .answers::<UserList>(200),
        user(
            "put",
            "/api/v1/users/{name}",
            "Adds a user, or changes what is given",
        )
        .body::<SetUser>()
        .answers::<UserView>(200)
        .problem(404, &["UnknownUser"])
        .problem(409, &["TooManyUsers", "UserExists"])
        .problem(422, &["BadUser"]),
        user(
            "delete",
            "/api/v1/users/{name}",
            "Takes a user away, with all tokens; their jobs stay",
        )
        .answers_nothing()
        .problem(404, &["UnknownUser"]),
    ]
}
