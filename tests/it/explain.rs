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

fn line<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut steps = report["steps"].as_array().unwrap().iter();
    steps.find(|line| line["step"] == name).unwrap()
}

fn outcome(report: &Value, name: &str) -> String {
    line(report, name)["outcome"].as_str().unwrap().to_owned()
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

/// What was compared at the step that failed: both sides, and the note.
fn compared(report: &Value) -> (String, Value, Value, String) {
    let steps = report["steps"].as_array().unwrap().iter();
    let failed: Vec<_> = steps.filter(|line| line["outcome"] == "fail").collect();
    let [failed] = failed.as_slice() else {
        panic!("{report}")
    };
    assert!(
        failed["remedy"].as_str().unwrap().ends_with('.'),
        "{failed}"
    );
    let compared = &failed["compared"];
    let what = compared["what"]
        .as_str()
        .unwrap_or_else(|| panic!("{failed}"))
        .to_owned();
    let note = compared["note"].as_str().unwrap_or_default().to_owned();
    (
        what,
        compared["token"].clone(),
        compared["configured"].clone(),
        note,
    )
}

#[test]
fn each_step_says_what_was_compared() {
    let stage = Stage::builder()
        .issuer("types = [\"at+jwt\", \"jwt\"]\nmax_age = \"1h\"\n[issuers.\"https://idp.example.com/realms/orders\".claims]\nazp = [\"web\", \"app\"]\n")
        .with("[[routes]]\npath = \"/scoped\"\nscopes = [\"orders:read\", \"orders:write\"]\n\
               [[routes]]\npath = \"/bound/{tenant}\"\nbind = [{ claim = \"tenant\", path = \"tenant\" }]\n\
               [[routes]]\npath = \"/ruled\"\nrules = [\"claims.level > 3\"]\n\
               [[routes]]\npath = \"/{*rest}\"\n")
        .start();
    let good = || mint::token().claim("azp", "web").claim("iat", NOW);
    let check = |url: &str, token: &mint::Token<'_>, code: &str| {
        let report = ask(&stage, &json!({"token": token.sign(), "url": url}));
        assert_eq!(report["code"], code, "{report}");
        compared(&report)
    };
    assert_eq!(
        ask(&stage, &json!({"token": good().sign()}))["verdict"],
        "allow"
    );
    let (what, token, configured, note) = check(
        "/",
        &good().claim("iss", format!("{ISSUER}/")),
        "issuer_unknown",
    );
    assert_eq!(
        (&*what, token, configured),
        ("iss", json!([format!("{ISSUER}/")]), json!([ISSUER]))
    );
    assert_eq!(
        note,
        format!("did you mean {ISSUER}? It differs by a slash at its end")
    );
    let (what, token, configured, _) =
        check("/", &good().header("typ", "logout+jwt"), "type_not_allowed");
    assert_eq!(
        (&*what, token, configured),
        ("typ", json!(["logout+jwt"]), json!(["at+jwt", "jwt"]))
    );
    let (what, token, configured, note) =
        check("/", &good().header("kid", "other"), "key_not_found");
    assert_eq!((&*what, token), ("kid", json!(["other (ES256)"])));
    assert!(
        configured[0]
            .as_str()
            .unwrap()
            .starts_with("es256-1 (EC for ES256"),
        "{configured}"
    );
    assert_eq!(configured.as_array().unwrap().len(), 2);
    assert!(
        note.starts_with("the keys are from jwks_uri, read at ") && note.ends_with(" s old"),
        "{note}"
    );
    let (what, _, configured, note) = check("/", &good().claim("exp", NOW - 3600), "token_expired");
    assert_eq!(what, "exp");
    assert_eq!(configured[1], "clock_skew 60 s");
    assert_eq!(note, "it expired 3600 s ago, and the skew is 60 s");
    let (what, _, _, note) = check("/", &good().claim("iat", NOW - 7200), "token_too_old");
    assert_eq!(
        (&*what, &*note),
        (
            "iat",
            "it is 7200 s old, max_age is 3600 s and the skew 60 s"
        )
    );
    let (what, token, configured, _) = check(
        "/",
        &good().claim("aud", json!(["a", "b"])),
        "audience_not_allowed",
    );
    assert_eq!(
        (&*what, token, configured),
        ("aud", json!(["a", "b"]), json!([AUDIENCE]))
    );
    let (what, token, configured, _) =
        check("/", &good().claim("azp", "evil"), "claim_not_allowed");
    assert_eq!(
        (&*what, token, configured),
        ("azp", json!(["evil"]), json!(["web", "app"]))
    );
    let scoped = good().claim("scope", "orders:read x");
    let (what, token, configured, note) = check("/scoped", &scoped, "scope_insufficient");
    assert_eq!((&*what, token), ("scope", json!(["orders:read", "x"])));
    assert_eq!(
        (configured, &*note),
        (
            json!(["orders:read", "orders:write"]),
            "missing: orders:write"
        )
    );
    let bound = good().claim("tenant", "acme");
    let (what, token, configured, _) = check("/bound/evil", &bound, "binding_mismatch");
    assert_eq!(
        (&*what, token, configured),
        (
            "tenant",
            json!(["acme"]),
            json!(["the path parameter \"tenant\""])
        )
    );
    let ruled = good().claim("level", 2);
    let (what, token, configured, _) = check("/ruled", &ruled, "rule_denied");
    assert_eq!(
        (&*what, token, configured),
        ("rule", json!(["level: 2"]), json!(["claims.level > 3"]))
    );
    for (url, token) in [
        ("/scoped", good().claim("scope", "orders:read orders:write")),
        ("/bound/acme", bound),
        ("/ruled", good().claim("level", 4)),
    ] {
        assert_eq!(
            ask(&stage, &json!({"token": token.sign(), "url": url}))["verdict"],
            "allow"
        );
    }
    assert_eq!(stage.upstream.count(), 0);
}

#[test]
fn it_says_why_each_route_is_not_for_the_request() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/orders/{id}\"\nmethods = [\"GET\"]\n\
         [[routes]]\npath = \"/orders/{id}\"\nmethods = [\"PUT\"]\nwhen = [{ remote_address = \"10.*.*.*\" }]\n\
         [[routes]]\nhost = \"other.example\"\npath = \"/orders/{id}\"\n\
         [[routes]]\npath = \"/else\"\n",
    );
    let ask = |method: &str, url: &str| {
        let token = mint::token().sign();
        ask(
            &stage,
            &json!({"token": token, "method": method, "url": url, "from": "8.8.8.8"}),
        )
    };
    let report = ask("POST", "http://api.example/orders/1");
    assert_eq!(report["code"], "method_not_allowed");
    let (what, token, configured, _) = compared(&report);
    assert_eq!(
        (&*what, token),
        ("route", json!(["POST api.example/orders/1"]))
    );
    let expected = json!([
        "number 1, /orders/{id}: it is for GET only",
        "number 2, /orders/{id}: only when remote_address matches 10.*.*.*",
        "number 3, other.example/orders/{id}: it is for the host other.example, not api.example",
        "number 4, /else: its path is another",
    ]);
    assert_eq!(configured, expected);
    assert_eq!(ask("GET", "/nothing")["code"], "route_not_found");
    let allowed = ask("GET", "/orders/1");
    assert_eq!(allowed["verdict"], "allow");
    let considered = &line(&allowed, "route")["compared"]["configured"];
    assert_eq!(
        considered[0],
        "number 1, /orders/{id}: it is for this request"
    );
}

#[test]
fn it_says_where_a_route_looks_for_a_token() {
    let stage = Stage::new();
    let report = ask(&stage, &json!({"headers": {"X-Token": "a"}}));
    assert_eq!(report["code"], "token_missing");
    let (what, token, configured, _) = compared(&report);
    assert_eq!((&*what, token), ("token", json!(["the header x-token"])));
    let places = json!([
        "the header Authorization, as Bearer",
        "the parameter access_token of a form body"
    ]);
    assert_eq!(configured, places);
}

fn remembered(stage: &Stage, id: &str) -> Response {
    get(&format!("/refusals/{id}")).send(stage.gateway.admin())
}

#[test]
fn a_refusal_is_remembered_by_its_identifier() {
    let stage = Stage::new();
    let token = mint::token()
        .claim("aud", "other")
        .claim("secret_claim", "marked-value");
    let response = stage.refuses(
        &get("/orders/1?access_token=marked-query").bearer(token.sign()),
        401,
        "audience_not_allowed",
    );
    let id = response.field("x-request-id").unwrap().to_owned();
    stage.clock.advance(12);
    let found = remembered(&stage, &id);
    assert_eq!(found.status, 200);
    let found = found.json();
    assert_eq!(
        (&found["request_id"], &found["age_seconds"]),
        (&json!(id), &json!(12))
    );
    assert_eq!(
        (&found["status"], &found["code"]),
        (&json!(401), &json!("audience_not_allowed"))
    );
    assert_eq!(
        (&found["method"], &found["path"]),
        (&json!("GET"), &json!("/orders/1"))
    );
    assert_eq!(
        (&found["route"], &found["issuer"]),
        (&json!("/{*rest}"), &json!(ISSUER))
    );
    assert_eq!(
        (&found["client"], &found["header"]["kid"]),
        (&json!("127.0.0.1"), &json!("es256-1"))
    );
    let names = found["claims"].as_array().unwrap();
    assert!(names.contains(&json!("secret_claim")) && names.contains(&json!("aud")));
    assert_eq!(outcome(&found, "signature"), "pass");
    assert_eq!(outcome(&found, "claims"), "skip");
    let (what, token, configured, _) = compared(&found);
    assert_eq!(
        (&*what, token, configured),
        ("aud", json!(["other"]), json!([AUDIENCE]))
    );
    assert!(!found.to_string().contains("marked"), "{found}");
    // What was let through is not there, nor what nobody asked.
    let allowed = stage.send(&get("/").bearer(mint::token().sign()));
    for id in [allowed.field("x-request-id").unwrap(), "nobody", ""] {
        let answer = remembered(&stage, id);
        assert_eq!(answer.status, 404, "{id}");
        assert!(
            answer.json()["error"]
                .as_str()
                .unwrap()
                .contains("let through")
        );
    }
}

#[test]
fn the_memory_of_refusals_holds_no_token() {
    let stage = Stage::new();
    let good = mint::token()
        .claim("jti", "marked-jti")
        .claim("sub", "marked-sub");
    let stranger = mint::Token::of(mint::stranger())
        .claim("sub", "marked-sub")
        .sign();
    let expired = good.clone().claim("exp", NOW - 900).sign();
    let other = good.clone().claim("iss", "https://evil.example").sign();
    let two = request("POST", "/a")
        .bearer(good.sign())
        .form(format!("access_token={}", good.sign()));
    let in_path = format!("/reset/{expired}");
    let requests = [
        (
            get("/a?access_token=marked-query").bearer(&stranger),
            "signature_invalid",
        ),
        (get("/b").bearer(&expired), "token_expired"),
        (get("/c").bearer(&other), "issuer_unknown"),
        (get(&in_path).bearer(&expired), "token_expired"),
        (get("/e").bearer("marked.opaque-token"), "token_malformed"),
        (two, "token_ambiguous"),
        (
            get("/f").field("Cookie", "portcullis=marked-cookie"),
            "token_missing",
        ),
    ];
    for (request, code) in &requests {
        let response = stage.send(request);
        assert_eq!(response.code().as_deref(), Some(*code));
    }
    assert_eq!(stage.upstream.count(), 0);
    let answer = get("/refusals").send(stage.gateway.admin());
    let (text, all) = (answer.text(), answer.json());
    assert_eq!(
        (&all["capacity"], &all["total"], &all["minutes"]),
        (&json!(200), &json!(7), &json!(15))
    );
    assert_eq!(all["refusals"].as_array().unwrap().len(), requests.len());
    assert_eq!(all["refusals"][0]["code"], "token_missing");
    let expired_count =
        json!({"code": "token_expired", "status": 401, "last_minute": 2, "last_15_minutes": 2});
    assert_eq!(all["by_code"][0], expired_count);
    assert!(!text.contains("marked"), "{text}");
    for token in [&stranger, &expired, &other, &good.sign()] {
        for part in token.split('.') {
            assert!(!text.contains(part), "{part}");
        }
    }
}

#[test]
fn as_many_refusals_are_kept_as_the_configuration_says() {
    let stage = Stage::with("[admin]\nrefusals = 2\n");
    for path in ["/1", "/2", "/3"] {
        stage.refuses(&get(path), 401, "token_missing");
    }
    let all = get("/refusals").send(stage.gateway.admin()).json();
    let paths: Vec<_> = all["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].clone())
        .collect();
    assert_eq!(
        (paths, &all["total"]),
        (vec![json!("/3"), json!("/2")], &json!(3))
    );
    let stage = Stage::with("[admin]\nrefusals = 0\n");
    stage.refuses(&get("/1"), 401, "token_missing");
    let all = get("/refusals").send(stage.gateway.admin()).json();
    assert_eq!(
        (&all["refusals"], &all["total"], &all["by_code"]),
        (&json!([]), &json!(0), &json!([]))
    );
    let answer = remembered(&stage, "x");
    assert_eq!(answer.status, 404);
    assert!(
        answer.json()["error"]
            .as_str()
            .unwrap()
            .contains("admin.refusals is 0")
    );
}

/// The program's exit code, and what it says.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.arg("explain").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_command_asks_a_gateway_about_a_request_that_it_refused() {
    let stage = Stage::with("[admin]\ntoken = \"0123456789abcdef\"\n");
    let token = mint::token().claim("exp", NOW - 3600).sign();
    let response = stage.refuses(&get("/orders/1").bearer(&token), 401, "token_expired");
    let id = response.field("x-request-id").unwrap().to_owned();
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let secret = write("token", "0123456789abcdef\n");
    let admin = format!("http://{}", stage.gateway.admin());
    let ask = |id: &str, more: &[&str]| run(&[&["--request-id", id][..], more].concat());
    let (exit, said, _) = ask(&id, &["--admin", &admin, "--admin-token-file", &secret]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(
        said.contains("GET /orders/1 from 127.0.0.1, 0 s ago at "),
        "{said}"
    );
    assert!(
        said.contains("FAIL  time       the token expired at "),
        "{said}"
    );
    assert!(
        said.contains("exp        ") && said.contains("configured now "),
        "{said}"
    );
    assert!(
        said.contains("remedy     Get a new token.")
            && said.ends_with("refused: 401 token_expired\n"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    let config = write(
        "portcullis.toml",
        &format!(
            "[upstream]\nurl = \"http://127.0.0.1:9\"\n[[routes]]\npath = \"/\"\naccess = \"public\"\n\
                  [admin]\nlisten = \"{}\"\ntoken = \"0123456789abcdef\"\n",
            stage.gateway.admin()
        ),
    );
    let (exit, said, error) = ask(&id, &["-c", &config, "--format", "json"]);
    assert_eq!(exit, Some(3), "{error}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&report["code"], &report["route"]),
        (&json!("token_expired"), &json!("/{*rest}"))
    );
    let closed = "http://127.0.0.1:9";
    for (id, more, why) in [
        (
            &*id,
            &["--admin", &*admin][..],
            "lets nobody in without its admin token",
        ),
        (
            "nobody",
            &["-c", &config],
            "it was let through, or is too long ago",
        ),
        (&id, &["--admin", closed], "is the gateway running?"),
        (
            "a/../b",
            &["--admin", &admin],
            "is none: it stands in the response",
        ),
        (
            &id,
            &["--admin", &admin, "--admin-token-file", "/nowhere"],
            "cannot read /nowhere",
        ),
    ] {
        let (exit, said, error) = ask(id, more);
        assert_eq!((exit, &*said), (Some(2), ""), "{error}");
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_pasted_command_line_is_the_request() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    let jwk = mint::es256().jwk();
    let issuer = json!({ "audiences": [AUDIENCE], "jwks": { "keys": [jwk] } });
    let issuers = toml::Value::try_from(json!({ "issuers": { ISSUER: issuer } })).unwrap();
    let text = format!("{ROUTES}\n{}", toml::to_string(&issuers).unwrap());
    fs::write(&file, text).unwrap();
    let (config, now, token) = (
        file.to_str().unwrap(),
        NOW.to_string(),
        mint::token().sign(),
    );
    let explain = |line: &str| run(&["-c", config, "--at", &now, "--curl", line]);
    let line = format!("curl -sS 'http://api.example/else?a=b' -H 'Authorization: Bearer {token}'");
    let (exit, said, error) = explain(&line);
    assert_eq!(exit, Some(0), "{said}{error}");
    assert!(said.contains("GET /else at api.example"), "{said}");
    for (line, code) in [
        ("curl http://api.example/else".to_owned(), "token_missing"),
        (
            "curl http://api.example/else -H 'Authorization: Bearer '".to_owned(),
            "token_empty",
        ),
        (
            format!("{line} -H 'Authorization: Bearer {token}'"),
            "token_ambiguous",
        ),
        (format!("{line} -d access_token={token}"), "token_ambiguous"),
        (
            line.replace("api.example", "api.example/../a"),
            "request_malformed",
        ),
        (
            format!(
                "curl api.example/else --oauth2-bearer {}",
                mint::Token::of(mint::stranger()).sign()
            ),
            "signature_invalid",
        ),
        (
            "curl http://api.example/else --oauth2-bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.eA"
                .to_owned(),
            "issuer_unknown",
        ),
    ] {
        let (exit, said, error) = explain(&line);
        assert_eq!(exit, Some(3), "{line}: {said}{error}");
        assert!(said.ends_with(&format!(" {code}\n")), "{line}: {said}");
        assert!(!said.contains(&token), "{said}");
        if code == "issuer_unknown" {
            assert!(said.contains(&format!("configured {ISSUER}")), "{said}");
        }
    }
    for (line, why) in [
        ("curl -d @secret a", "no file is read"),
        ("curl --frobnicate a", "--frobnicate is not known"),
        ("curl 'http://a b/'", "is no target"),
    ] {
        let (exit, said, error) = explain(line);
        assert_eq!((exit, &*said), (Some(2), ""), "{line}");
        assert!(
            error.contains(why)
                || why.contains("no file is read") && error.contains("none is read"),
            "{error}"
        );
    }
    let (exit, _, error) = run(&["-c", config]);
    assert_eq!(exit, Some(2), "{error}");
}

#[test]
fn a_command_line_may_be_asked_of_the_gateway_that_serves() {
    let stage = Stage::new();
    let line = format!(
        "curl -X DELETE 'http://api.example/x' -H 'Authorization: Bearer {}'",
        mint::token().sign()
    );
    assert_eq!(ask(&stage, &json!({"curl": line}))["verdict"], "allow");
    assert_eq!(
        ask(&stage, &json!({"curl": "curl http://api.example/x"}))["code"],
        "token_missing"
    );
    let answer =
        post("/explain", json!({"curl": "curl $URL"}).to_string()).send(stage.gateway.admin());
    assert_eq!(answer.status, 400);
    assert!(
        answer.json()["error"]
            .as_str()
            .unwrap()
            .contains("the shell would put something")
    );
    assert_eq!(stage.upstream.count(), 0);
}

#[test]
fn what_the_gateway_answers_itself_is_no_routes() {
    let stage = Stage::with("[server]\npublic_url = \"http://api.example.com\"\n");
    let own = "/.well-known/oauth-protected-resource";
    let report = ask(&stage, &json!({"url": own}));
    assert_eq!(
        (&report["verdict"], &report["route"]),
        (&json!("allow"), &Value::Null)
    );
    let said = line(&report, "route")["detail"].as_str().unwrap();
    assert!(
        said.starts_with("none: the gateway answers this itself"),
        "{said}"
    );
    assert_eq!(outcome(&report, "token"), "skip");
    assert_eq!(
        ask(&stage, &json!({"url": "/.well-known/else"}))["code"],
        "token_missing"
    );
}
