//! The access log: one line for each request, whatever became of it, and nothing in it that is secret or forged.

use std::{
    io::{Read, Write},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};

use super::harness::{
    Connection, FILE, H2Upstream, ISSUER, PATIENCE, Program, Reply, Stage, TlsClient, Token,
    Upstream, get, http2::Http2, listen, mint, post, request,
};

const JSON: &str = "[access_log]\nfile = \"access.log\"\n";

/// Every line, once all are written.
fn lines(stage: Stage) -> Vec<String> {
    let directory = stage.drained();
    read(&directory.path().join("access.log"))
}

fn read(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn events(stage: Stage) -> Vec<Value> {
    let lines = lines(stage);
    let parsed = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

/// The one event of this path.
#[track_caller]
fn of<'e>(events: &'e [Value], path: &str) -> &'e Value {
    let mut found = events.iter().filter(|event| event["path"] == path);
    let event = found
        .next()
        .unwrap_or_else(|| panic!("no {path} in {events:#?}"));
    assert!(found.next().is_none(), "{path} twice");
    event
}

#[track_caller]
fn says(event: &Value, wanted: Value) {
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&event[name], value, "{name} of {event}");
    }
}

#[test]
fn every_request_has_one_line_whatever_became_of_it() {
    let stage = Stage::with(&format!(
        "{JSON}[server]\npublic_url = \"https://api.example.com\"\n\
         [[routes]]\npath = \"/orders/{{*rest}}\"\n"
    ));
    let token = mint::token().sign();
    let upstream = stage.upstream.address().to_string();
    stage.upstream.replies_with("200 OK", "", "hello");
    let asked = post("/orders/1?access_token=no", "12345678").bearer(&token);
    let id = stage
        .send(&asked.field("User-Agent", "test/1"))
        .field("x-request-id")
        .unwrap()
        .to_owned();
    let traced = request("HEAD", "/orders/head").field(
        "Traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    );
    stage.send(&traced.bearer(&token));
    let expired = mint::token().claim("exp", 1).sign();
    stage.refuses(&get("/orders/2?q=1").bearer(expired), 401, "token_expired");
    stage.refuses(&get("/nowhere"), 404, "route_not_found");
    let mut connection = Connection::open(stage.address());
    connection.send("NONSENSE\r\n\r\n");
    assert_eq!(connection.read(false).status, 400);
    stage.send(&get("/.well-known/oauth-protected-resource"));
    stage.upstream.replies(Reply::Last(b"no http".to_vec()));
    assert_eq!(stage.send(&get("/orders/bad").bearer(&token)).status, 502);
    stage.upstream.replies(Reply::Last(
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.".to_vec(),
    ));
    let mut connection = Connection::open(stage.address());
    connection.send(get("/orders/cut").bearer(&token).bytes());
    connection.read_head();
    assert_eq!(connection.read_bytes(10), b"ten bytes.");
    assert!(connection.is_closed());
    stage.upstream.replies(Reply::Silence);
    let heads = stage.upstream.count() + 1;
    let mut connection = Connection::open(stage.address());
    connection.send(get("/orders/left").bearer(&token).bytes());
    stage.upstream.wait_for_heads(heads);
    drop(connection);

    let events = events(stage);
    assert_eq!(events.len(), 9, "{events:#?}");
    let common =
        json!({"client": "127.0.0.1", "tls": null, "protocol": "HTTP/1.1", "subject": null});
    for event in events.iter().filter(|event| event["method"] != Value::Null) {
        says(event, common.clone());
        assert!(event["duration_ms"].as_f64().unwrap() >= 0.0);
    }
    let first = of(&events, "/orders/1");
    says(
        first,
        json!({"request_id": id, "trace_id": null, "method": "POST", "outcome": "allow", "status": 200, "code": null,
            "route": "/orders/{*rest}", "issuer": ISSUER, "upstream": upstream, "user_agent": "test/1",
            "bytes_received": 8, "bytes_sent": 5, "time": "2027-01-15T08:00:00.000Z"}),
    );
    assert!(first["upstream_ms"].as_f64().unwrap() <= first["duration_ms"].as_f64().unwrap());
    says(
        of(&events, "/orders/head"),
        json!({"method": "HEAD", "outcome": "allow", "bytes_sent": 0,
            "trace_id": "0af7651916cd43dd8448eb211c80319c"}),
    );
    says(
        of(&events, "/orders/2"),
        json!({"outcome": "refuse", "status": 401, "code": "token_expired", "route": "/orders/{*rest}",
            "issuer": ISSUER, "upstream": null, "upstream_ms": null}),
    );
    let none =
        json!({"outcome": "refuse", "status": 404, "code": "route_not_found", "route": null});
    says(of(&events, "/nowhere"), none);
    let unread = events
        .iter()
        .find(|event| event["method"] == Value::Null)
        .unwrap();
    says(
        unread,
        json!({"path": null, "status": 400, "code": "request_malformed", "client": "127.0.0.1"}),
    );
    says(
        of(&events, "/.well-known/oauth-protected-resource"),
        json!({"outcome": "allow", "status": 200}),
    );
    let bad = json!({"outcome": "fail", "status": 502, "code": "upstream_malformed", "upstream": upstream});
    says(of(&events, "/orders/bad"), bad);
    let cut = json!({"outcome": "cut_off", "status": 200, "bytes_sent": 10, "code": "upstream_unreachable"});
    says(of(&events, "/orders/cut"), cut);
    says(
        of(&events, "/orders/left"),
        json!({"outcome": "left", "status": null, "code": null}),
    );
}

#[test]
fn requests_over_http_2_have_lines_of_their_own() {
    let upstream = H2Upstream::echo();
    let stage = Stage::with(&format!(
        "{JSON}[server]\nhttp2_cleartext = true\n[upstream]\nurl = \"{}\"\n",
        upstream.url()
    ));
    let asks = |path: &str, token: Option<&str>| {
        let request = http::Request::post(format!("http://api.example.com{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let token = token.map(|token| format!("Bearer {token}"));
        let request = token
            .into_iter()
            .fold(request, |r, t| r.header("authorization", t));
        request.body(()).unwrap()
    };
    let token = mint::token().sign();
    let mut client = Http2::open(stage.address());
    client.exchange(asks("/shop.Orders/Get", Some(&token)), b"1234");
    client.exchange(asks("/shop.Orders/No", None), b"");
    assert!(client.ends());
    let events = events(stage);
    assert_eq!(events.len(), 2, "{events:#?}");
    says(
        of(&events, "/shop.Orders/Get"),
        json!({"protocol": "HTTP/2.0", "outcome": "allow", "status": 200, "bytes_received": 4}),
    );
    says(
        of(&events, "/shop.Orders/No"),
        json!({"protocol": "HTTP/2.0", "outcome": "refuse", "code": "token_missing"}),
    );
}

#[test]
fn a_tunnel_has_one_line_at_its_end() {
    let listener = listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stage = Stage::with(&format!("{JSON}[upstream]\nurl = \"{url}\"\n"));
    let mut client = Connection::open(stage.address());
    client.send(format!(
        "GET /chat?secret=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Authorization: Bearer {}\r\n\r\n",
        mint::token().sign()
    ));
    let (mut upstream, _) = listener.accept().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        upstream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    upstream
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello",
        )
        .unwrap();
    client.read_head();
    assert_eq!(client.read_bytes(5), b"hello");
    client.send("abc");
    upstream.read_exact(&mut [0; 3]).unwrap();
    drop(upstream);
    client.finish();
    assert!(client.is_closed());
    let events = events(stage);
    assert_eq!(events.len(), 1, "{events:#?}");
    says(
        of(&events, "/chat"),
        json!({"status": 101, "outcome": "allow", "bytes_sent": 5, "bytes_received": 3}),
    );
}

#[test]
fn the_common_forms_cannot_be_forged() {
    for (format, end) in [("common", ""), ("combined", " \"-\" \"x\\x22 [31m\\xff\"")] {
        let stage = Stage::with(&format!(
            "{JSON}format = \"{format}\"\nsubject = \"plain\"\n"
        ));
        let mut connection = Connection::open(stage.address());
        let token = mint::token().claim("sub", "a b\"c").sign();
        let mut bytes = format!("GET /a%22b?t={token} HTTP/1.1\r\nHost: a\r\n").into_bytes();
        bytes
            .extend_from_slice(b"Referer: https://x/?token=secret\r\nUser-Agent: x\" [31m\xff\r\n");
        bytes.extend_from_slice(format!("Authorization: Bearer {token}\r\n\r\n").as_bytes());
        connection.send(bytes);
        let status = connection.read(false).status;
        let lines = lines(stage);
        let sent = lines[0]
            .split("HTTP/1.1\" ")
            .nth(1)
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap();
        let line = format!(
            "127.0.0.1 - a\\x20b\\x22c [15/Jan/2027:08:00:00 +0000] \"GET /a%22b HTTP/1.1\" {status} {sent}{end}"
        );
        assert_eq!(lines, [line]);
    }
}

#[test]
fn a_subject_is_told_by_choice_and_only_when_it_is_proven() {
    let told = |keys: &str| {
        let stage = Stage::with(&format!("{JSON}{keys}"));
        stage.accepts(&mint::token());
        stage.rejects(&Token::of(mint::stranger()), "signature_invalid");
        let events = events(stage);
        assert_eq!(events.len(), 2);
        assert_eq!(events[1]["subject"], Value::Null, "nobody has proven it");
        events[0]["subject"].clone()
    };
    assert_eq!(told(""), Value::Null);
    assert_eq!(told("subject = \"plain\"\n"), "alice");
    let hashed = "subject = \"hash\"\nsubject_key = \"0123456789abcdef\"\n";
    let one = told(hashed);
    assert_eq!(one, told(hashed));
    assert_ne!(one, told("subject = \"hash\"\n"));
    assert_eq!(one.as_str().unwrap().len(), 32);
}

#[test]
fn allowed_requests_can_be_left_out_and_the_log_too() {
    let stage = Stage::with(&format!("{JSON}sample = 0.0\n"));
    stage.accepts(&mint::token());
    stage.refuses(&get("/"), 401, "token_missing");
    let events = events(stage);
    assert_eq!(events.len(), 1);
    says(&events[0], json!({"code": "token_missing"}));
    let stage = Stage::with("[access_log]\nfile = \"\"\n");
    stage.accepts(&mint::token());
    assert!(stage.gateway.running().gateway().access_log().is_none());
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_no_request_is_kept() {
    let stage = Stage::with("[access_log]\nfile = \"/dev/full\"\n");
    for _ in 0..3 {
        stage.accepts(&mint::token());
    }
    // A line is counted a moment after its response.
    let begun = std::time::Instant::now();
    let wanted = "portcullis_access_log_dropped_total{reason=\"write_failed\"} 3";
    let is_counted = || {
        let metrics = get("/metrics").send(stage.gateway.admin()).text();
        metrics.lines().any(|line| line == wanted)
    };
    while !is_counted() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    assert!(metrics.contains("\nportcullis_access_log_lines_total 0\n"));
}

#[test]
fn the_version_of_tls_is_told() {
    let authority = super::harness::Authority::new();
    let [certificate, key] = authority.issue(&["api.example.com"]);
    let builder = Stage::builder();
    std::fs::write(builder.directory().join("api.pem"), certificate).unwrap();
    std::fs::write(builder.directory().join("api.key"), key).unwrap();
    let stage = builder
        .with(&format!(
            "{JSON}[server.tls]\ncertificate_file = \"api.pem\"\nprivate_key_file = \"api.key\"\n"
        ))
        .start();
    let asked = get("/").bearer(mint::token().sign());
    let client = TlsClient::trusting(&authority);
    client
        .send(stage.address(), "api.example.com", &asked)
        .unwrap();
    let events = events(stage);
    says(of(&events, "/"), json!({"tls": "1.3", "status": 200}));
}

/// A configuration of one public route.
fn write(folder: &Path, upstream: &Upstream, log: &str) -> std::path::PathBuf {
    let file = folder.join(FILE);
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"\"\n[upstream]\nurl = \"{}\"\n\
         [access_log]\n{log}\n[[routes]]\npath = \"/{{*rest}}\"\naccess = \"public\"\n",
        upstream.url()
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_log_that_was_moved_away_is_opened_again_on_both_signals() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    let file = write(folder.path(), &upstream, "file = \"access.log\"");
    let mut program = Program::start(&file);
    let address = program.next_address("listening");
    let log = folder.path().join("access.log");
    for (signal, old) in [("USR1", "one"), ("HUP", "two")] {
        // The line is written before the file is opened again, for it was queued before.
        assert_eq!(get(&format!("/{old}")).send(address).status, 200);
        std::fs::rename(&log, folder.path().join(old)).unwrap();
        program.signal(signal);
        program.next("access log opened again");
    }
    assert_eq!(get("/three").send(address).status, 200);
    program.signal("TERM");
    program.next("every request finished");
    assert_eq!(program.wait(), Some(0));
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let all = [text("one"), text("two"), text("access.log")].concat();
    assert_eq!(all.lines().count(), 3);
    assert!(text("access.log").contains("\"/three\""));
}

#[test]
fn standard_output_has_every_line_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    let file = write(
        folder.path(),
        &upstream,
        "file = \"stdout\"\nformat = \"common\"",
    );
    let out = folder.path().join("out");
    let stdout = std::fs::File::create(&out).unwrap();
    let mut program = Program::start_with(&file, |command| command.stdout(Stdio::from(stdout)));
    let address = program.next_address("listening");
    for _ in 0..100 {
        assert_eq!(get("/a?b=c").send(address).status, 200);
    }
    program.signal("TERM");
    program.next("every request finished");
    assert_eq!(program.wait(), Some(0));
    let text = std::fs::read_to_string(&out).unwrap();
    let is_line = |line: &str| line.contains("\"GET /a HTTP/1.1\" 200 ");
    assert_eq!(text.lines().filter(|line| is_line(line)).count(), 100);
}

#[test]
fn a_log_that_cannot_be_opened_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    let file = write(folder.path(), &upstream, "file = \"nowhere/access.log\"");
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    for command in ["check", "run"] {
        let mut program = std::process::Command::new(program.get_program());
        let ended = program.args([command, "-c"]).arg(&file).output().unwrap();
        assert_eq!(ended.status.code(), Some(2));
        let text = String::from_utf8(ended.stderr).unwrap();
        assert!(
            text.contains("nowhere/access.log") && text.contains("make its folder"),
            "{text}"
        );
    }
}
