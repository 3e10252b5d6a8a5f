//! Envoy asks over gRPC.

use http::Request as Http;
use prost::{Message, Oneof};

use super::{
    super::harness::{Response, Stage, http2::Http2, mint},
    ROUTES, authorizers,
};

const CHECK: &str = "http://portcullis/envoy.service.auth.v3.Authorization/Check";

/// What Envoy's own types write, by hand: of `CheckRequest` and `CheckResponse`, as far as it is looked at.
#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(message, optional, tag = "1")]
    attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, Message)]
struct Attributes {
    #[prost(message, optional, tag = "4")]
    request: Option<Of>,
}

#[derive(Clone, PartialEq, Message)]
struct Of {
    #[prost(message, optional, tag = "2")]
    http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
struct HttpRequest {
    #[prost(string, tag = "2")]
    method: String,
    #[prost(map = "string, string", tag = "3")]
    headers: std::collections::HashMap<String, String>,
    #[prost(string, tag = "4")]
    path: String,
    #[prost(string, tag = "5")]
    host: String,
}

#[derive(Clone, PartialEq, Message)]
struct Told {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
    #[prost(oneof = "Verdict", tags = "2, 3")]
    verdict: Option<Verdict>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
}

#[derive(Clone, PartialEq, Oneof)]
enum Verdict {
    #[prost(message, tag = "2")]
    Denied(Denied),
    #[prost(message, tag = "3")]
    Allowed(Allowed),
}

#[derive(Clone, PartialEq, Message)]
struct Denied {
    #[prost(message, optional, tag = "1")]
    status: Option<Status>,
    #[prost(string, tag = "3")]
    body: String,
}

#[derive(Clone, PartialEq, Message)]
struct Allowed {
    #[prost(message, repeated, tag = "2")]
    headers: Vec<Field>,
    #[prost(string, repeated, tag = "5")]
    headers_to_remove: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Field {
    #[prost(message, optional, tag = "1")]
    header: Option<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn stage() -> Stage {
    Stage::with(&format!(
        "[[authorizers]]\nkind = \"ext_authz_grpc\"\nlisten = \"127.0.0.1:0\"\n{ROUTES}"
    ))
}

fn message(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    let http = Some(HttpRequest {
        method: "GET".into(),
        headers: fields.collect(),
        path: path.into(),
        host: "api.example.com".into(),
    });
    let attributes = Some(Attributes {
        request: Some(Of { http }),
    });
    framed(&Asked { attributes }.encode_to_vec())
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

fn call(stage: &Stage, url: &str, body: &[u8]) -> Response {
    let request = Http::post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    Http2::open(authorizers(stage)[0]).exchange(request.body(()).unwrap(), body)
}

#[track_caller]
fn told(response: &Response) -> Told {
    assert_eq!(response.status, 200);
    assert_eq!(response.field("content-type"), Some("application/grpc"));
    assert_eq!(
        response.trailers,
        [("grpc-status".to_owned(), "0".to_owned())]
    );
    Told::decode(&response.body[5..]).unwrap()
}

#[track_caller]
fn denied(response: &Response) -> (i32, i32, String) {
    let told = told(response);
    let Some(Verdict::Denied(denied)) = told.verdict else {
        panic!("it is allowed");
    };
    let problem: serde_json::Value = serde_json::from_str(&denied.body).unwrap();
    let code = problem["code"].as_str().unwrap().to_owned();
    (told.status.unwrap().code, denied.status.unwrap().code, code)
}

#[test]
fn a_good_token_passes_and_a_bad_one_does_not() {
    let stage = stage();
    let bearer = format!("Bearer {}", mint::token().sign());
    let fields = [
        ("authorization", &*bearer),
        (":path", "/orders/1?a=b"),
        ("x-auth-groups", "admin"),
        ("x_auth_subject", "root"),
        ("accept", "*/*"),
    ];
    let response = call(&stage, CHECK, &message("/orders/1?a=b", &fields));
    let told = told(&response);
    assert_eq!(told.status.unwrap().code, 0);
    let Some(Verdict::Allowed(allowed)) = told.verdict else {
        panic!("it is denied");
    };
    let mut gone = allowed.headers_to_remove;
    gone.sort_unstable();
    assert_eq!(gone, ["authorization", "x-auth-groups", "x_auth_subject"]);
    let said = |name: &str| {
        let fields = allowed
            .headers
            .iter()
            .filter_map(|field| field.header.as_ref());
        let mut found = fields.filter(|pair| pair.key == name);
        found.next().map(|pair| pair.value.clone())
    };
    assert_eq!(said("x-auth-subject").as_deref(), Some("alice"));
    assert!(said("x-request-id").is_some());

    let wrong = [("authorization", "Bearer forged")];
    let response = call(&stage, CHECK, &message("/orders/1", &wrong));
    assert_eq!(denied(&response), (16, 401, "token_malformed".into()));
    let response = call(&stage, CHECK, &message("/elsewhere", &[]));
    assert_eq!(denied(&response), (12, 404, "route_not_found".into()));
    stage.upstream.saw_nothing();
}

/// None of it is an error of the call, which an Envoy with `failure_mode_allow` takes for leave to go on.
#[test]
fn what_cannot_be_read_is_denied() {
    let stage = stage();
    let good = message("/public", &[]);
    let mut compressed = good.clone();
    compressed[0] = 1;
    let large = message("/public", &[("a", &"b".repeat(100_000))]);
    for (body, status, code) in [
        (&good[..good.len() - 1], 400, "request_malformed"),
        (&compressed, 400, "request_malformed"),
        (&framed(b"no protobuf"), 400, "request_malformed"),
        (&framed(b""), 400, "request_malformed"),
        (
            &message("/public/../orders/1", &[]),
            400,
            "request_malformed",
        ),
        (
            &message("/public", &[(":path", "/orders/1")]),
            400,
            "request_malformed",
        ),
        (&large, 413, "body_too_large"),
    ] {
        let (_, said, name) = denied(&call(&stage, CHECK, body));
        assert_eq!((said, &*name), (status, code));
    }
    let (_, status, code) = denied(&call(&stage, CHECK, b""));
    assert_eq!((status, &*code), (400, "request_malformed"));
    let Some(Verdict::Allowed(_)) = told(&call(&stage, CHECK, &good)).verdict else {
        panic!("it is denied");
    };
    stage.upstream.saw_nothing();
}

#[test]
fn there_is_one_method_and_it_is_a_call() {
    let stage = stage();
    let other = "http://portcullis/grpc.health.v1.Health/Check";
    let response = call(&stage, other, &framed(b""));
    assert_eq!(response.field("grpc-status"), Some("12"));
    assert_eq!(response.body, b"");
    // Not a call at all.
    let request = super::super::harness::post("/envoy.service.auth.v3.Authorization/Check", "x");
    let response = request.send(authorizers(&stage)[0]);
    assert_eq!(
        (response.status, response.code().as_deref()),
        (400, Some("request_malformed"))
    );
    let request = Http::post(CHECK).body(()).unwrap();
    let response = Http2::open(authorizers(&stage)[0]).exchange(request, &message("/public", &[]));
    assert_eq!(
        (response.status, response.code().as_deref()),
        (400, Some("request_malformed"))
    );
}

#[test]
fn only_who_is_trusted_may_call() {
    let stage = Stage::with(&format!(
        "[[authorizers]]\nkind = \"ext_authz_grpc\"\nlisten = \"127.0.0.1:0\"\ntrusted = [\"192.0.2.1\"]\n{ROUTES}"
    ));
    let response = call(&stage, CHECK, &message("/public", &[]));
    assert_eq!(denied(&response), (3, 400, "request_malformed".into()));
}
