//! Who a subject is: claims as headers, the user registry, and the mapper.

use std::{net::TcpListener, thread};

use serde_json::{Value, json};

use super::harness::{Builder, Connection, ISSUER, Reply, Stage, Upstream, get, mint, nobody};

const HEADERS: &str = "[identity.headers]\n\"X-Email\" = \"email\"\n\
    X_Roles = { claim = \"/realm_access/roles\", format = \"csv\" }\n\
    X-Groups = { claim = \"/realm_access/roles\", format = \"repeat\" }\n\
    X-Access = { claim = \"realm_access\", format = \"json\" }\n\
    X-Name = { claim = \"name\", format = \"base64\" }\n";
const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const OPTIONAL: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"optional\"\n";
const USERS: &str = "[users.alice]\ngroups = [\"staff\", \"order clerks\"]\nunique_name = \"4711\"\n\
    [users.bob]\nrealm = \"bobs\"\n";
const FILE: &str = "[user_registry]\nfile = \"users.toml\"\n";

fn person() -> mint::Token<'static> {
    mint::token()
        .claim("email", "a@example.com")
        .claim("name", "Zoë\r\n")
        .claim("realm_access", json!({"roles": ["é", "b c"]}))
        .claim("groupIds", json!(["admins"]))
}

/// A stage with a file of users.
fn registered(text: &str, users: &str) -> Stage {
    let builder = Stage::builder().with(FILE).with(text);
    std::fs::write(builder.directory().join("users.toml"), users).unwrap();
    builder.start()
}

/// A stage with a mapper that answers `answer`.
fn mapped(answer: &Value, text: &str) -> (Stage, Upstream) {
    let (builder, mapper) = with_mapper(text);
    mapper.replies_with("200 OK", "", answer.to_string());
    (builder.start(), mapper)
}

fn with_mapper(text: &str) -> (Builder, Upstream) {
    let mapper = Upstream::start();
    let section = format!("[identity.mapper]\nurl = \"{}/map?v=1\"\n", mapper.url());
    (Stage::builder().with(&section).with(text), mapper)
}

#[test]
fn claims_become_headers_in_every_format() {
    let stage = Stage::with(HEADERS);
    let seen = stage.accepts(&person());
    assert_eq!(seen.field("x-email"), Some("a@example.com"));
    assert_eq!(seen.head.all("x_roles"), ["é,b c"]);
    assert_eq!(seen.head.all("x-groups"), ["é", "b c"]);
    assert_eq!(
        seen.field("x-access"),
        Some("{\"roles\":[\"\\u00e9\",\"b c\"]}")
    );
    assert_eq!(seen.field("x-name"), Some("Wm/Dqw0K"));
    let silent = stage.accepts(&mint::token());
    for name in ["x-email", "x_roles", "x-groups", "x-access", "x-name"] {
        assert_eq!(silent.field(name), None, "{name}");
    }
}

#[test]
fn a_claim_that_is_no_header_is_refused_and_not_mangled() {
    let stage = Stage::with(HEADERS);
    for (claim, value) in [
        ("email", json!("a@b\r\nx-roles: admin")),
        ("email", json!(["a@b"])),
        ("email", json!(" a@b")),
        ("realm_access", json!({"roles": ["a,admin"]})),
        ("realm_access", json!({"roles": "a,admin"})),
        ("realm_access", json!({"roles": [{}]})),
    ] {
        stage.rejects(&mint::token().claim(claim, value), "claim_malformed");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn nobody_brings_a_header_of_choice_along() {
    let own = format!("[issuers.\"{ISSUER}\".identity.headers]\nX-Of-Issuer = \"email\"\n");
    for routes in ["", PUBLIC, OPTIONAL] {
        let stage = Stage::builder()
            .with(&format!("{HEADERS}{routes}"))
            .with(&own)
            .with("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n")
            .start();
        for name in [
            "X-Email",
            "x_EMAIL",
            "X.Email",
            "x-roles",
            "X_Roles",
            "x.roles",
            "X-Of_Issuer",
            "x-Access",
        ] {
            let spoofed = get("/").field(name, "spoofed").field(name, "again");
            let mut requests = vec![spoofed.bearer(mint::token().sign())];
            if !routes.is_empty() {
                requests.push(get("/").field(name, "spoofed"));
            }
            for request in requests {
                let seen = stage.allows(&request);
                let there = seen
                    .head
                    .fields
                    .iter()
                    .any(|(_, v)| v == "spoofed" || v == "again");
                assert!(!there, "{name}: {:?}", seen.head);
            }
        }
        let other = get("/").field("X-Emails", "1").bearer(mint::token().sign());
        assert_eq!(stage.allows(&other).field("x-emails"), Some("1"));
        // A field that `Connection` names does not go on; what the gateway says does.
        let hop = get("/")
            .field("Connection", "x-email")
            .bearer(person().sign());
        let email = (routes != PUBLIC).then_some("a@example.com");
        assert_eq!(stage.allows(&hop).field("x-email"), email);
    }
}

#[test]
fn a_header_of_choice_in_a_trailer_is_dropped() {
    let stage = Stage::with(HEADERS);
    let token = mint::token().sign();
    let mut connection = Connection::open(stage.address());
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer {token}\r\n\r\n\
         1\r\na\r\n0\r\nX-Email: admin@example.com\r\n\r\n"
    ));
    assert_eq!(connection.read(false).status, 200);
    assert_eq!(stage.upstream.wait_for(0).trailers, []);
}

#[test]
fn an_issuer_chooses_its_own_claims() {
    let stage = Stage::with(&format!(
        "{HEADERS}[issuers.\"{ISSUER}\".identity]\nsubject = \"email\"\nunique_name = \"sub\"\n\
         groups = \"/realm_access/roles\"\nrealm_claim = \"tenant\"\nheaders = {{ x-email = \"sub\" }}\n"
    ));
    let seen = stage.accepts(
        &person()
            .claim("tenant", "acme")
            .claim("realm_access", json!({"roles": "one"})),
    );
    assert_eq!(seen.field("x-auth-subject"), Some("a@example.com"));
    assert_eq!(seen.field("x-auth-unique-name"), Some("alice"));
    assert_eq!(seen.field("x-auth-groups"), Some("one"));
    assert_eq!(seen.field("x-auth-realm"), Some("acme"));
    assert_eq!(seen.field("x-email"), Some("alice"));
    assert_eq!(seen.field("x-groups"), Some("one"));
    // Without `sub`, another claim is the subject.
    let stage = Stage::with_issuer(
        "require = [\"exp\"]\nidentity = { subject = \"email\", realm = \"fixed\" }\n",
    );
    let seen = stage.accepts(&person().without("sub").claim("realmName", "claimed"));
    assert_eq!(seen.field("x-auth-subject"), Some("a@example.com"));
    assert_eq!(seen.field("x-auth-realm"), Some("fixed"));
}

#[test]
fn registered_groups_count_and_the_tokens_do_not() {
    let stage = registered("", USERS);
    for _ in 0..2 {
        let seen = stage.accepts(&person());
        assert_eq!(seen.field("x-auth-subject"), Some("alice"));
        assert_eq!(seen.field("x-auth-groups"), Some("staff,order clerks"));
        assert_eq!(seen.field("x-auth-unique-name"), Some("4711"));
        assert_eq!(seen.field("x-auth-realm"), Some(ISSUER));
    }
    let bob = stage.accepts(&person().claim("sub", "bob"));
    assert_eq!(bob.field("x-auth-groups"), None);
    assert_eq!(bob.field("x-auth-realm"), Some("bobs"));
}

#[test]
fn who_is_not_registered_does_not_come_in() {
    let stage = registered("[issuer_defaults]\nrequire = [\"exp\"]\n", USERS);
    for subject in ["carol", "Alice", "alic", "alice,bob", "*", "users.alice"] {
        let token = person().claim("sub", subject).sign();
        for _ in 0..2 {
            stage.refuses(&get("/").bearer(&token), 403, "user_unknown");
        }
    }
    let nobody = person().without("sub").sign();
    stage.refuses(&get("/").bearer(nobody), 403, "user_unknown");
    stage.rejects(&person().claim("sub", json!(["alice"])), "claim_malformed");
    stage.upstream.saw_nothing();
    // Without a registry, and for an issuer that does without it, everybody is who the token names.
    let off = "[issuer_defaults.identity]\nuser_registry = false\n";
    for stage in [Stage::new(), registered(off, USERS)] {
        let seen = stage.accepts(&person().claim("sub", "carol"));
        assert_eq!(seen.field("x-auth-groups"), Some("admins"));
    }
}

#[test]
fn a_change_of_the_file_counts_from_the_next_reload() {
    let builder = Stage::builder().in_a_file().with(FILE);
    std::fs::write(builder.directory().join("users.toml"), USERS).unwrap();
    let stage = builder.start();
    let token = get("/").bearer(person().sign());
    assert_eq!(
        stage.allows(&token).field("x-auth-groups"),
        Some("staff,order clerks")
    );
    std::fs::write(stage.file("users.toml"), USERS.replace("staff", "chiefs")).unwrap();
    stage.applies();
    assert_eq!(
        stage.allows(&token).field("x-auth-groups"),
        Some("chiefs,order clerks")
    );
    std::fs::write(stage.file("users.toml"), USERS.replace("alice", "alicia")).unwrap();
    stage.applies();
    stage.refuses(&token, 403, "user_unknown");
    // A file that is wrong changes nothing.
    std::fs::write(
        stage.file("users.toml"),
        "[users.alice]\ngroups = [\"a,b\"]\n",
    )
    .unwrap();
    assert_ne!(stage.reload().status, 200);
    stage.refuses(&token, 403, "user_unknown");
    std::fs::write(stage.file("users.toml"), USERS).unwrap();
    stage.applies();
    assert_eq!(
        stage.allows(&token).field("x-auth-groups"),
        Some("staff,order clerks")
    );
}

#[test]
fn a_reload_that_adds_a_registry_forgets_who_somebody_was() {
    let mut stage = Stage::builder().in_a_file().start();
    let token = get("/").bearer(person().claim("sub", "carol").sign());
    assert_eq!(stage.allows(&token).field("x-auth-groups"), Some("admins"));
    std::fs::write(stage.file("users.toml"), USERS).unwrap();
    stage.rewrites(FILE);
    stage.applies();
    stage.refuses(&token, 403, "user_unknown");
    stage.rewrites_without(&[], "user_registry");
    stage.applies();
    assert_eq!(stage.allows(&token).field("x-auth-groups"), Some("admins"));
}

#[test]
fn the_mapper_says_who_it_is() {
    let answer =
        json!({"user": "a.smith", "groups": ["g1", "g2"], "unique_name": "u", "realm": "r"});
    let (stage, mapper) = mapped(&answer, HEADERS);
    let token = person();
    for _ in 0..3 {
        let seen = stage.accepts(&token);
        assert_eq!(seen.field("x-auth-subject"), Some("a.smith"));
        assert_eq!(seen.field("x-auth-groups"), Some("g1,g2"));
        assert_eq!(seen.field("x-auth-unique-name"), Some("u"));
        assert_eq!(seen.field("x-auth-realm"), Some("r"));
        assert_eq!(seen.field("x-email"), Some("a@example.com"));
    }
    assert_eq!(mapper.count(), 1);
    let asked = mapper.wait_for(0);
    assert_eq!((&*asked.method, &*asked.target), ("POST", "/map?v=1"));
    assert_eq!(asked.field("content-type"), Some("application/json"));
    assert_eq!(asked.field("authorization"), None);
    let claims: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        claims,
        serde_json::from_str::<Value>(&token.payload_text()).unwrap()
    );
}

#[test]
fn null_is_whom_the_token_names_and_an_account_without_groups_has_none() {
    let (stage, mapper) = mapped(&Value::Null, "");
    let seen = stage.accepts(&person());
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert_eq!(seen.field("x-auth-groups"), Some("admins"));
    mapper.replies_with("200 OK", "", r#"{"user":"x"}"#);
    let seen = stage.accepts(&person().claim("jti", "2"));
    assert_eq!(seen.field("x-auth-subject"), Some("x"));
    assert_eq!(seen.field("x-auth-groups"), None);
    let off = "[issuer_defaults.identity]\nmapper = false\n";
    let (stage, mapper) = mapped(&json!({"user": "x"}), off);
    assert_eq!(
        stage.accepts(&person()).field("x-auth-subject"),
        Some("alice")
    );
    mapper.saw_nothing();
}

#[test]
fn a_mapper_that_fails_refuses_and_is_asked_again() {
    let (stage, mapper) = mapped(&Value::Null, "[identity.mapper]\ntimeout = \"1s\"\n");
    let token = person().sign();
    let large = format!("{{\"user\":\"{}\"}}", "x".repeat(70_000));
    for (status, fields, body) in [
        ("500 Oops", "", "null"),
        ("204 No Content", "", ""),
        ("302 Found", "Location: /other\r\n", "null"),
        ("200 OK", "", "<html>"),
        ("200 OK", "", "{}"),
        ("200 OK", "", r#"{"user":"a\r\nx-auth-groups: admins"}"#),
        ("200 OK", "", r#"{"user":"a","groups":["a,admins"]}"#),
        ("200 OK", "", r#"{"user":"a","user":"b"}"#),
        ("200 OK", "", &large),
    ] {
        mapper.replies_with(status, fields, body);
        let before = mapper.count();
        stage.rejects_text(&token, "mapping_failed");
        assert_eq!(mapper.count(), before + 1, "{status} {body:.40}");
    }
    mapper.replies(Reply::Silence);
    stage.rejects_text(&token, "mapping_failed");
    stage.upstream.saw_nothing();
    mapper.replies_with("200 OK", "", "null");
    stage.allows(&get("/").bearer(&token));
}

#[test]
fn an_answer_of_the_mapper_counts_for_its_time_and_not_longer() {
    let (stage, mapper) = mapped(
        &json!({"user": "one"}),
        "[identity.mapper]\ncache = \"30s\"\n",
    );
    let token = get("/").bearer(person().sign());
    assert_eq!(stage.allows(&token).field("x-auth-subject"), Some("one"));
    mapper.replies_with("200 OK", "", r#"{"user":"two"}"#);
    stage.clock.advance(29);
    assert_eq!(stage.allows(&token).field("x-auth-subject"), Some("one"));
    stage.clock.advance(1);
    assert_eq!(stage.allows(&token).field("x-auth-subject"), Some("two"));
    // What counted does not make up for a mapper that fails.
    mapper.replies_with("500 Oops", "", "");
    stage.clock.advance(30);
    stage.refuses(&token, 401, "mapping_failed");
    assert_eq!(mapper.count(), 3);
}

#[test]
fn one_question_for_all_who_wait() {
    let (builder, mapper) = with_mapper("");
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"user\":\"many\"}";
    mapper.replies(Reply::Held(answer.into()));
    let stage = builder.start();
    let token = person().sign();
    let address = stage.address();
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let request = get("/").bearer(&token);
            let mut connection = Connection::open(address);
            connection.send(request.bytes());
            connection
        })
        .collect();
    mapper.wait_for_heads(1);
    let answers: Vec<_> = waiting
        .into_iter()
        .map(|mut connection| thread::spawn(move || connection.read(false).status))
        .collect();
    mapper.release();
    for answer in answers {
        assert_eq!(answer.join().unwrap(), 200);
    }
    assert_eq!(mapper.count(), 1);
}

#[test]
fn whom_the_mapper_names_must_be_registered() {
    let (builder, mapper) = with_mapper(FILE);
    std::fs::write(builder.directory().join("users.toml"), USERS).unwrap();
    let stage = builder.start();
    mapper.replies_with(
        "200 OK",
        "",
        r#"{"user":"alice","groups":["admins"],"realm":"r"}"#,
    );
    let seen = stage.accepts(&person().claim("sub", "4"));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert_eq!(seen.field("x-auth-groups"), Some("staff,order clerks"));
    assert_eq!(seen.field("x-auth-realm"), Some("r"));
    mapper.replies_with("200 OK", "", r#"{"user":"mallory","groups":["staff"]}"#);
    let token = person().claim("sub", "5").sign();
    stage.refuses(&get("/").bearer(token), 403, "user_unknown");
}

#[test]
fn a_directory_that_cannot_be_asked_is_an_outage() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [silent.local_addr().unwrap(), nobody()] {
        let stage = Stage::with(&format!(
            "[user_registry]\nurl = \"ldap://{address}\"\nbase_dn = \"dc=x\"\ntimeout = \"100ms\"\n"
        ));
        for _ in 0..2 {
            let token = person().sign();
            stage.refuses(&get("/").bearer(token), 503, "registry_unavailable");
        }
        stage.upstream.saw_nothing();
    }
}
