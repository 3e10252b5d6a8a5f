//! The page of the admin listener, and what a browser may be made to ask of that listener.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::harness::{Request, Response, Stage, get, mint, post, request};

const SECRET: &str = "[admin]\ntoken = \"a-secret-of-the-operators\"";

fn admin(stage: &Stage, request: &Request) -> Response {
    request.send(stage.gateway.admin())
}

/// What stands between `open` and `close`, once.
fn between<'t>(text: &'t str, open: &str, close: &str) -> &'t str {
    let (_, rest) = text.split_once(open).unwrap();
    let (inside, rest) = rest.split_once(close).unwrap();
    assert!(!rest.contains(open), "{open} stands there once");
    inside
}

fn hash(text: &str) -> String {
    let digest = STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!("'sha256-{digest}'")
}

#[test]
fn the_page_may_run_what_stands_in_it_and_ask_its_own_origin() {
    let stage = Stage::new();
    let page = admin(&stage, &get("/"));
    assert_eq!(page.status, 200);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.field(name), Some(value), "{name}");
    }
    let text = page.text();
    let style = hash(between(&text, "<style>", "</style>"));
    let script = hash(between(&text, "<script type=\"module\">", "</script>"));
    let policy = page.field("content-security-policy").unwrap();
    let directives: Vec<&str> = policy.split("; ").collect();
    assert_eq!(
        directives,
        [
            "default-src 'none'",
            &format!("script-src {script}"),
            &format!("style-src {style}"),
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    );
    // On the port of the API there is no such page.
    stage.refuses(&get("/"), 401, "token_missing");
}

#[test]
fn the_page_is_read_and_nothing_else() {
    let stage = Stage::new();
    let page = admin(&stage, &get("/"));
    let head = admin(&stage, &request("HEAD", "/"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    let length = page.body.len().to_string();
    assert_eq!(head.field("content-length"), Some(&*length));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = admin(&stage, &request(method, "/"));
        assert_eq!(
            (answer.status, answer.field("allow")),
            (405, Some("GET, HEAD"))
        );
    }
    for path in ["//", "/index.html", "/page.js", "/?x=/"] {
        let expected = if path.starts_with("/?") { 200 } else { 404 };
        assert_eq!(admin(&stage, &get(path)).status, expected, "{path}");
    }
}

#[test]
fn with_a_secret_the_page_is_the_same_and_what_it_asks_for_is_not_told() {
    let open = admin(&Stage::new(), &get("/"));
    let stage = Stage::with(SECRET);
    let page = admin(&stage, &get("/"));
    assert_eq!((page.status, &page.body), (200, &open.body));
    assert!(
        !page.text().contains("idp.example.com"),
        "no data stand in it"
    );
    for asked in [
        get("/status"),
        get("/refusals"),
        post("/explain", "{}"),
        get("/nothing"),
    ] {
        assert_eq!(admin(&stage, &asked).status, 401, "{asked:?}");
        assert_eq!(
            admin(&stage, &asked.bearer("a-secret-of-the-operator")).status,
            401
        );
    }
    let knows = |asked: Request| asked.bearer("a-secret-of-the-operators");
    assert_eq!(admin(&stage, &knows(get("/status"))).status, 200);
    assert_eq!(admin(&stage, &knows(post("/explain", "{}"))).status, 200);
}

#[test]
fn without_a_secret_a_name_of_somebody_else_is_told_nothing() {
    let stage = Stage::new();
    let open = Stage::with(SECRET);
    for name in [
        "rebound.example",
        "rebound.example:9090",
        "localhost.rebound.example",
        "10.0.0.1",
    ] {
        for path in ["/", "/status", "/refusals", "/nothing"] {
            let answer = admin(&stage, &get(path).host(name));
            assert_eq!(answer.status, 421, "{name} {path}");
            assert!(
                answer.text().starts_with("without an admin secret"),
                "{name} {path}"
            );
        }
        let reload = request("POST", "/reload").body("").host(name);
        assert_eq!(admin(&stage, &reload).status, 421);
        let explain = post("/explain", "{}").host(name);
        assert_eq!(admin(&stage, &explain).status, 421);
        // Probes and Prometheus call it what they like; and who knows the secret may do so too.
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(
                admin(&stage, &get(path).host(name)).status,
                200,
                "{name} {path}"
            );
        }
        let knows = get("/status")
            .bearer("a-secret-of-the-operators")
            .host(name);
        assert_eq!(admin(&open, &knows).status, 200);
    }
    for name in [
        "localhost",
        "localhost:9090",
        "127.0.0.1:9090",
        "[::1]:9090",
    ] {
        assert_eq!(
            admin(&stage, &get("/status").host(name)).status,
            200,
            "{name}"
        );
    }
}

#[test]
fn a_page_of_somebody_else_can_make_nobody_post() {
    let stage = Stage::builder().in_a_file().start();
    let last = || stage.gateway.running().reloads().unwrap().last();
    let posts = || [request("POST", "/reload").body(""), post("/explain", "{}")];
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for asked in posts() {
            let answer = admin(&stage, &asked.field(name, value));
            assert_eq!(answer.status, 403, "{name}: {value}");
            assert!(!answer.text().contains("verdict"));
        }
    }
    assert_eq!(last(), None, "nothing was reloaded");
    for asked in posts() {
        let own = asked
            .field("Sec-Fetch-Site", "same-origin")
            .field("Origin", "http://localhost");
        assert_eq!(admin(&stage, &own).status, 200);
    }
    assert!(last().is_some());
}

#[test]
fn a_question_that_a_form_could_send_is_not_answered() {
    let stage = Stage::new();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let answer = admin(&stage, &post("/explain", "{}").field("Content-Type", kind));
        assert_eq!(answer.status, 415, "{kind}");
    }
    let kind = "application/json; charset=utf-8";
    let answer = admin(&stage, &post("/explain", "{}").field("Content-Type", kind));
    assert_eq!(
        (answer.status, &answer.json()["verdict"]),
        (200, &json!("refuse"))
    );
}

#[test]
fn the_status_says_what_the_page_shows() {
    let stage = Stage::with(
        "[[routes]]\nhost = \"a.example\"\npath = \"/orders/{id}\"\nmethods = [\"GET\"]\nscopes = [\"read\"]\n\
         any_scopes = [\"x\", \"y\"]\nwhen = [{ remote_address = \"10.*.*.*\" }]\n\
         [[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n",
    );
    stage.allows(&get("/"));
    let status = admin(&stage, &get("/status")).json();
    assert_eq!(status["ready"], true);
    assert_eq!(status["issuers"][0]["ready"], true);
    assert_eq!(status["issuers"][0]["keys"][0]["in_time"], true);
    let [first, second] = status["routes"].as_array().unwrap().as_slice() else {
        panic!("{status}");
    };
    for (name, value) in [
        ("host", json!("a.example")),
        ("path", json!("/orders/{id}")),
        ("methods", json!(["GET"])),
        ("filters", json!(1)),
        ("access", json!("required")),
        ("issuers", Value::Null),
        ("scopes", json!(["read"])),
        ("any_scopes", json!(["x", "y"])),
        ("upstream", json!("default")),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!(
        (&second["host"], &second["methods"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(second["access"], "public");
    // An issuer that is gone and was never there leaves nothing ready.
    let builder = Stage::builder();
    builder.issuer_itself().dies();
    let stage = builder.start();
    let status = admin(&stage, &get("/status")).json();
    assert_eq!(
        (&status["ready"], &status["issuers"][0]["ready"]),
        (&json!(false), &json!(false))
    );
    stage.refuses(
        &get("/").bearer(mint::token().sign()),
        503,
        "keys_unavailable",
    );
}
