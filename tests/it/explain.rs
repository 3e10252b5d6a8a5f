//! `portcullis explain` for what a route asks: the program itself, with a file.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::harness::{AUDIENCE, ISSUER, NOW, Response, Stage, get, mint, post, request};

const ROUTES: &str = "
    [upstream]
    url = \"http://127.0.0.1:9\"
    [[routes]]
    path = \"/t/{tenant}\"
    when = [{ remote_address = \"10.*.*.*\" }]
    bind = [{ claim = \"tenant\", path = \"tenant\" }, { claim = \"/account/id\", json = \"/id\", required = true }]
    rules = [\"claims.level > 3\"]
    [[routes]]
    path = \"/t/{tenant}\"
    when = [{ remote_address = \"192.168.[7-13].*\" }]
    token = { header = \"X-Token\" }
    [[routes]]
    path = \"/{*rest}\"
";

/// What it says of a request: the verdict's code, and each step with outcome and detail.
fn explain(arguments: &[&str]) -> (Value, Vec<(String, String, String)>) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    let jwk = mint::es256().jwk();
    let issuer = json!({ "audiences": [AUDIENCE], "jwks": { "keys": [jwk] } });
    let issuer = toml::Value::try_from(json!({ "issuers": { ISSUER: issuer } })).unwrap();
    let issuers = toml::to_string(&issuer).unwrap();
    fs::write(&file, format!("{ROUTES}\n{issuers}")).unwrap();
    let token = mint::token()
        .claim("tenant", "acme-claimed")
        .claim("account", json!({"id": 42}))
        .claim("level", 4)
        .sign();
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args([
            "explain",
            "--format",
            "json",
            "--at",
            &NOW.to_string(),
            "-c",
        ])
        .arg(&file)
        .args(arguments)
        .arg(token)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let steps = said["steps"].as_array().unwrap().iter();
    let steps = steps.map(|line| {
        (
            text(line, "step"),
            text(line, "outcome"),
            text(line, "detail"),
        )
    });
    let steps: Vec<_> = steps.collect();
    let conditions = ["binding", "rules"];
    for (step, _, detail) in &steps {
        let repeated = conditions.contains(&&**step) && detail.contains("acme");
        assert!(!repeated, "{step}: {detail}");
    }
    (said["code"].clone(), steps)
}

fn step(steps: &[(String, String, String)], name: &str) -> (String, String) {
    let found = steps.iter().find(|(step, _, _)| step == name).unwrap();
    (found.1.clone(), found.2.clone())
}

const INSIDE: [&str; 8] = [
    "--from",
    "10.1.2.3",
    "-H",
    "Content-Type: application/json",
    "--body",
    "{\"id\":42}",
    "--request",
    "POST /t/acme-claimed",
];

#[test]
fn it_says_why_this_route_and_what_was_compared() {
    let (code, steps) = explain(&INSIDE);
    assert_eq!(code, Value::Null, "{steps:?}");
    let (_, route) = step(&steps, "route");
    assert_eq!(
        route,
        "/t/{tenant} (number 1), access required: the most specific path, when remote_address matches 10.*.*.*"
    );
    let (outcome, binding) = step(&steps, "binding");
    assert_eq!(outcome, "pass");
    assert_eq!(
        binding,
        "\"tenant\" agrees with the path parameter \"tenant\", \"/account/id\" agrees with /id of the JSON body (required)"
    );
    let rules = ("pass".to_owned(), "true: claims.level > 3".to_owned());
    assert_eq!(step(&steps, "rules"), rules);
}

#[test]
fn it_says_what_did_not_agree() {
    let mut arguments = INSIDE;
    arguments[5] = "{\"id\":7}";
    let (code, steps) = explain(&arguments);
    assert_eq!(code, "binding_mismatch");
    assert_eq!(step(&steps, "scope").0, "pass");
    let (outcome, detail) = step(&steps, "binding");
    assert_eq!(outcome, "fail");
    assert_eq!(
        detail,
        "the claim \"/account/id\" and /id of the JSON body do not agree: they differ"
    );
    assert_eq!(step(&steps, "rules").0, "skip");
}

#[test]
fn it_says_which_filters_do_not_hold() {
    for from in [&["--from", "8.8.8.8"][..], &[]] {
        let mut arguments = vec!["--request", "GET /t/acme"];
        arguments.extend(from);
        let (code, steps) = explain(&arguments);
        assert_eq!(code, "route_not_found");
        let (outcome, detail) = step(&steps, "route");
        assert_eq!(outcome, "fail");
        assert_eq!(
            detail,
            "the \"when\" of no route for this host and path holds: number 1 when remote_address matches 10.*.*.*; \
             number 2 when remote_address matches 192.168.[7-13].*"
        );
    }
}

#[test]
fn it_puts_the_token_where_the_route_looks_for_it() {
    let second = ["--request", "GET /t/x", "--from", "192.168.7.1"];
    let (code, steps) = explain(&second);
    assert_eq!(code, Value::Null, "{steps:?}");
    let (_, route) = step(&steps, "route");
    assert!(
        route.ends_with(
            "; number 1 before it is for other methods, or not when remote_address matches 10.*.*.*"
        ),
        "{route}"
    );
    let (code, _) = explain(&["--request", "GET /else"]);
    assert_eq!(code, Value::Null);
}

/// What the gateway that serves says of a question.
fn ask(stage: &Stage, question: &Value) -> Value {
    let answer = post("/explain", question.to_string()).send(stage.gateway.admin());
    assert_eq!(answer.status, 200, "{:?}", answer.text());
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    answer.json()
}

fn outcome(report: &Value, name: &str) -> String {
    let mut steps = report["steps"].as_array().unwrap().iter();
    let step = steps.find(|line| line["step"] == name).unwrap();
    step["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn the_gateway_that_serves_says_what_would_become_of_a_request() {
    let stage = Stage::new();
    let good = mint::token();
    let report = ask(&stage, &json!({"token": good.sign(), "url": "/orders"}));
    assert_eq!(
        (&report["verdict"], &report["status"]),
        (&json!("allow"), &json!(200))
    );
    assert_eq!(
        (&report["code"], &report["route"]),
        (&Value::Null, &json!("/{*rest}"))
    );
    assert_eq!(outcome(&report, "signature"), "pass");
    let stranger = mint::Token::of(mint::stranger()).sign();
    let report = ask(&stage, &json!({"token": stranger}));
    assert_eq!(
        (&report["verdict"], &report["status"]),
        (&json!("refuse"), &json!(401))
    );
    assert_eq!(report["code"], "signature_invalid");
    assert_eq!(outcome(&report, "signature"), "fail");
    assert_eq!(stage.upstream.count(), 0);
}

#[test]
fn a_question_leaves_no_trace_in_the_gateway_that_serves() {
    let stage = Stage::with_issuer("replay = \"reject\"");
    let token = mint::token().claim("jti", "once").sign();
    let metrics = || {
        let text = get("/metrics").send(stage.gateway.admin()).text();
        let lines = text.lines().filter(|line| {
            ["token_cache", "requests_total", "store"]
                .iter()
                .any(|name| line.contains(name))
        });
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    stage.accepts(&mint::token().claim("jti", "another"));
    let before = metrics();
    let question = json!({"token": token});
    for _ in 0..2 {
        assert_eq!(ask(&stage, &question)["verdict"], "allow");
    }
    assert_eq!(metrics(), before);
    stage.allows(&get("/").bearer(&token));
    assert_eq!(ask(&stage, &question)["code"], "token_replayed");
    stage.refuses(&get("/").bearer(&token), 401, "token_replayed");
}

#[test]
fn a_question_may_be_about_another_time() {
    let stage = Stage::new();
    let token = mint::token().claim("exp", NOW + 600).sign();
    assert_eq!(ask(&stage, &json!({"token": token}))["verdict"], "allow");
    let later = json!({"token": token, "at": NOW + 3600});
    assert_eq!(ask(&stage, &later)["code"], "token_expired");
}

#[test]
fn what_is_no_question_is_said_to_be_none() {
    let stage = Stage::new();
    let send = |body: &str| post("/explain", body).send(stage.gateway.admin());
    let error = |answer: &Response| answer.json()["error"].as_str().unwrap().to_owned();
    for (body, said) in [
        ("", "EOF"),
        (r#"{"url":"orders"}"#, "is no target"),
        (r#"{"method":"G T"}"#, "is no method"),
        (
            r#"{"headers":{"A b":"c"}}"#,
            "the header \"A b\" cannot be sent",
        ),
        (r#"{"token":"a\nb"}"#, "no header can carry"),
        (
            r#"{"token":"a","headers":{"authorization":"b"}}"#,
            "leave that header out",
        ),
    ] {
        let answer = send(body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(error(&answer).contains(said), "{body}: {}", error(&answer));
    }
    let long = json!({"body": "x".repeat(256 * 1024)}).to_string();
    let answer = send(&long);
    assert_eq!(answer.status, 413);
    assert!(error(&answer).contains("262144 bytes"));
    let answer = request("GET", "/explain").send(stage.gateway.admin());
    assert_eq!((answer.status, answer.field("allow")), (405, Some("POST")));
}

#[test]
fn who_has_no_admin_token_may_not_ask() {
    let stage = Stage::with("[admin]\ntoken = \"0123456789abcdef\"\n");
    let question = post(
        "/explain",
        json!({"token": mint::token().sign()}).to_string(),
    );
    let refused = question.clone().send(stage.gateway.admin());
    assert_eq!(refused.status, 401);
    let refused = question
        .clone()
        .bearer("0123456789abcdeF")
        .send(stage.gateway.admin());
    assert_eq!(refused.status, 401);
    let allowed = question
        .bearer("0123456789abcdef")
        .send(stage.gateway.admin());
    assert_eq!(
        (allowed.status, &allowed.json()["verdict"]),
        (200, &json!("allow"))
    );
}
