//! What was built one by one, on one route: replay, session, user registry, binding, rule and encryption.

use std::fs;

use serde_json::json;

use super::harness::{
    Builder, Envelope, ISSUER, NOW, Recipient, Request, Stage, Token, get, mint, post,
};

const USERS: &str = "[users.alice]\ngroups = [\"admins\"]\n[users.bob]\ngroups = [\"guests\"]\n";

fn recipient() -> &'static Recipient {
    static RECIPIENT: std::sync::OnceLock<Recipient> = std::sync::OnceLock::new();
    RECIPIENT.get_or_init(|| Recipient::secret("kw", "A128KW", 16))
}

fn builder() -> Builder {
    use std::os::unix::fs::PermissionsExt as _;
    let builder = Stage::builder();
    let keys = builder.directory().join("keys.json");
    let set = json!({"keys": [recipient().jwk()]});
    fs::write(&keys, set.to_string()).unwrap();
    fs::set_permissions(keys, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(builder.directory().join("users.toml"), USERS).unwrap();
    builder.with(&format!(
        "[session]\nenabled = true\n[user_registry]\nfile = \"users.toml\"\n\
         [decryption]\nprivate_key_file = \"keys.json\"\nrequired = true\n\
         [issuers.\"{ISSUER}\"]\nreplay = \"reject\"\n\
         [[routes]]\npath = \"/{{*rest}}\"\n\
         bind = [{{ claim = \"tenant\", header = \"X-Tenant\", required = true }}]\n\
         rules = [\"identity.groups.exists(g, g == 'admins')\"]\n"
    ))
}

fn token(jti: &str) -> Token<'static> {
    mint::token().claim("jti", jti).claim("tenant", "acme")
}

fn sealed(token: Token<'_>) -> String {
    Envelope::to(recipient(), "A128KW", "A128GCM").seal(token.sign())
}

fn of(request: Request, tenant: &str) -> Request {
    request.field("X-Tenant", tenant)
}

#[test]
fn each_of_them_refuses_and_all_of_them_let_pass() {
    let stage = builder().in_a_file().start();
    let good = sealed(token("1"));
    let bearer = |token: &str| get("/orders").bearer(token);
    stage.refuses(
        &of(bearer(&token("1").sign()), "acme"),
        401,
        "encryption_required",
    );
    stage.refuses(&bearer(&good), 403, "binding_mismatch");
    stage.refuses(&of(bearer(&good), "other"), 403, "binding_mismatch");
    let of_bob = sealed(token("2").claim("sub", "bob"));
    stage.refuses(&of(bearer(&of_bob), "acme"), 403, "rule_denied");
    let of_mallory = sealed(token("3").claim("sub", "mallory"));
    stage.refuses(&of(bearer(&of_mallory), "acme"), 403, "user_unknown");

    // Nothing that was refused has used the token up.
    let response = stage.send(&of(bearer(&good), "acme"));
    assert_eq!(response.status, 200);
    let cookie = response.field("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    stage.refuses(&of(bearer(&good), "acme"), 401, "token_replayed");

    let session = |request: Request| request.field("Cookie", &cookie);
    let seen = stage.allows(&of(session(get("/orders")), "acme"));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert_eq!(seen.field("x-auth-groups"), Some("admins"));
    assert_eq!(
        (seen.field("cookie"), seen.field("authorization")),
        (None, None)
    );
    stage.refuses(
        &of(session(get("/orders")), "other"),
        403,
        "binding_mismatch",
    );
    stage.refuses(
        &of(session(post("/orders", "")), "acme"),
        401,
        "token_missing",
    );

    // Who is not registered any more has no session either.
    fs::write(
        stage.file("users.toml"),
        "[users.bob]\ngroups = [\"admins\"]\n",
    )
    .unwrap();
    stage.applies();
    stage.refuses(&of(session(get("/orders")), "acme"), 403, "user_unknown");
    stage.allows(&of(bearer(&of_bob), "acme"));
    stage.refuses(&of(bearer(&of_bob), "acme"), 401, "token_replayed");

    // A session ends with its token.
    fs::write(stage.file("users.toml"), USERS).unwrap();
    stage.applies();
    stage.allows(&of(session(get("/orders")), "acme"));
    stage.clock.advance(86_400);
    assert!(stage.clock.now().0 > NOW);
    stage.refuses(&of(session(get("/orders")), "acme"), 401, "token_missing");
}
