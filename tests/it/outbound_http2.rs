//! What upstreams over HTTP/2 are shown: the gateway's own credential, and no client's, neither in a head
//! nor in trailers.

use http::HeaderMap;
use serde_json::json;

use super::harness::{
    Connection, H2Upstream, Response, Stage, Upstream, get, h2_upstream::Call, mint, post, refused,
};

const PUBLIC: &str = "routes = [{ access = \"public\" }]\n";

/// An authorization server that gives this token for five minutes.
fn gives(server: &Upstream, token: &str) {
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
    let fields = "content-type: application/json\r\n";
    server.replies_with("200 OK", fields, answer.to_string());
}

/// A stage in front of `upstream` that shows it what `server` gives, as `keys` say.
fn stage(upstream: &H2Upstream, server: &Upstream, keys: &str, more: &str) -> Stage {
    let (url, endpoint) = (upstream.url(), server.url());
    Stage::with(&format!(
        "{more}[upstream]\nurl = \"{url}\"\n[upstream.credential]\nkind = \"client_credentials\"\n\
         token_endpoint = \"{endpoint}\"\nclient_id = \"gw\"\nclient_secret = \"secret\"\n{keys}\n"
    ))
}

/// Sends this head and these trailers around a body.
fn with_trailers(stage: &Stage, head: &str, trailers: &str) -> Response {
    let mut connection = Connection::open(stage.address());
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{head}\r\n\
         5\r\nhello\r\n0\r\n{trailers}\r\n"
    ));
    connection.read(false)
}

fn all<'m>(head: &'m HeaderMap, name: &str) -> Vec<&'m str> {
    let values = head.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

const FORGED: &str =
    "X-Api-Token: forged\r\nx_api_token: forged\r\nX.Api.Token: forged\r\nX-Stays: 1\r\n";

#[test]
fn the_credential_arrives_once_and_a_clients_copy_of_it_never() {
    let (upstream, server) = (H2Upstream::echo(), Upstream::start());
    gives(&server, "own");
    let keys = "header = \"X-Api-Token\"\nscheme = \"\"";
    let token = format!("Authorization: Bearer {}\r\n", mint::token().sign());
    for (number, (more, token)) in [("", token.as_str()), (PUBLIC, "")].into_iter().enumerate() {
        let stage = stage(&upstream, &server, keys, more);
        let response = with_trailers(&stage, &format!("{token}{FORGED}"), FORGED);
        assert_eq!((response.status, response.text().as_str()), (200, "hello"));
        let came = upstream.wait_for(number);
        assert_eq!(all(&came.head, "x-api-token"), ["own"]);
        assert_eq!(all(&came.head, "x-stays"), ["1"]);
        assert!(!format!("{:?}", came.head).contains("forged"));
        assert_eq!(all(&came.head, "authorization"), [""; 0]);
        let stays = HeaderMap::from_iter([("x-stays".parse().unwrap(), "1".parse().unwrap())]);
        assert_eq!(came.trailers, stays);
    }
    // The twins: without a token nothing is fetched and nothing goes on, and without a credential the field is
    // one like others.
    let guarded = stage(&upstream, &server, keys, "");
    refused(&guarded.send(&get("/")), 401, "token_missing");
    assert_eq!((upstream.count(), server.count()), (2, 2));
    let url = upstream.url();
    let plain = Stage::with(&format!("{PUBLIC}[upstream]\nurl = \"{url}\"\n"));
    assert_eq!(with_trailers(&plain, FORGED, FORGED).status, 200);
    let came = upstream.wait_for(2);
    assert_eq!(all(&came.head, "x-api-token"), ["forged"]);
    assert_eq!(all(&came.trailers, "x-api-token"), ["forged"]);
}

#[test]
fn a_bearer_of_the_client_gives_way_to_the_gateways_own() {
    let (upstream, server) = (H2Upstream::echo(), Upstream::start());
    gives(&server, "own");
    let public = stage(&upstream, &server, "", PUBLIC);
    let forged = "Authorization: Bearer forged\r\n";
    assert_eq!(with_trailers(&public, forged, forged).status, 200);
    let came = upstream.wait_for(0);
    assert_eq!(all(&came.head, "authorization"), ["Bearer own"]);
    assert!(came.trailers.is_empty());
    // The twin: where the server gives nothing, the upstream hears nothing.
    server.replies_with("500 Oops", "", "");
    let down = stage(&upstream, &server, "", PUBLIC);
    refused(&down.send(&get("/")), 503, "credential_unavailable");
    assert_eq!(upstream.count(), 1);
}

/// An upstream that takes this credential only.
fn taking(good: &'static str) -> H2Upstream {
    H2Upstream::doing(move |mut call: Call| async move {
        let shown = all(&call.head.headers, "authorization").join(",");
        let status = if shown == good { 200 } else { 401 };
        call.upstream.note(shown);
        call.read().await;
        call.answer(status, &[]);
    })
}

#[test]
fn a_token_that_the_upstream_refuses_is_replaced_once() {
    let (upstream, server) = (taking("Bearer new"), Upstream::start());
    gives(&server, "old");
    let stage = stage(&upstream, &server, "", "");
    let request = || get("/").bearer(mint::token().sign());
    // It is as new as another one would be.
    assert_eq!(stage.send(&request()).status, 401);
    assert_eq!((server.count(), upstream.count()), (1, 1));
    gives(&server, "new");
    stage.clock.advance(5);
    // A body that streams is not there a second time.
    let streamed = post("/", "body").bearer(mint::token().sign());
    assert_eq!(stage.send(&streamed).status, 401);
    assert_eq!((server.count(), upstream.count()), (1, 2));
    assert_eq!(stage.send(&request()).status, 200);
    assert_eq!((server.count(), upstream.count()), (2, 4));
    upstream.wait_for_note("Bearer new");
    assert_eq!(stage.send(&request()).status, 200);
    assert_eq!((server.count(), upstream.count()), (2, 5));
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_new_token_that_is_refused_too_is_the_clients_to_know() {
    let (upstream, server) = (taking("Bearer other"), Upstream::start());
    gives(&server, "old");
    let stage = stage(&upstream, &server, "", "");
    let request = || get("/").bearer(mint::token().sign());
    assert_eq!(stage.send(&request()).status, 401);
    stage.clock.advance(5);
    gives(&server, "new");
    assert_eq!(stage.send(&request()).status, 401);
    assert_eq!((server.count(), upstream.count()), (2, 3));
}
