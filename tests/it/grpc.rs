//! Calls of gRPC: HTTP/2 from end to end, with deadlines, trailers and refusals that their clients understand.

use bytes::Bytes;
use http::{HeaderMap, Request};

use super::harness::{
    H2Upstream, Stage, get,
    h2_upstream::{Call, send},
    http2::Http2,
    mint, refused,
};

/// A stage in front of `upstream`, whose clients speak HTTP/2.
fn stage(upstream: &H2Upstream) -> Stage {
    Stage::with(&format!(
        "[server]\nhttp2_cleartext = true\n[upstream]\nurl = \"{}\"\n",
        upstream.url()
    ))
}

/// A call with a good token.
fn call() -> http::request::Builder {
    unproven().header("authorization", format!("Bearer {}", mint::token().sign()))
}

fn unproven() -> http::request::Builder {
    Request::post("http://api.example.com/shop.Orders/Cancel")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// Answers each piece of the request with the same, and ends with a status.
async fn echo(mut call: Call) {
    let te = call
        .head
        .headers
        .get("te")
        .is_some_and(|te| te == "trailers");
    assert!(te, "some servers insist on it");
    let mut stream = call.begin(200, &[("content-type", "application/grpc")]);
    while let Some(Ok(data)) = call.body.data().await {
        let _ = call.body.flow_control().release_capacity(data.len());
        send(&mut stream, &data).await;
    }
    let details = (
        "grpc-status-details-bin".parse().unwrap(),
        "CAUSBG9r".parse().unwrap(),
    );
    let status = ("grpc-status".parse().unwrap(), "0".parse().unwrap());
    let _ = stream.send_trailers(HeaderMap::from_iter([status, details]));
}

fn trailer(trailers: &[(String, String)], name: &str) -> Option<String> {
    let mut found = trailers.iter().filter(|(own, _)| own == name);
    found.next().map(|(_, value)| value.clone())
}

#[test]
fn a_call_comes_back_with_its_status_and_details() {
    let upstream = H2Upstream::doing(echo);
    let stage = stage(&upstream);
    let response = Http2::open(stage.address()).exchange(call().body(()).unwrap(), b"hello");
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    assert_eq!(
        trailer(&response.trailers, "grpc-status").as_deref(),
        Some("0")
    );
    let details = trailer(&response.trailers, "grpc-status-details-bin");
    assert_eq!(details.as_deref(), Some("CAUSBG9r"));
}

#[test]
fn a_refused_call_hears_it_as_grpc_says_it_and_others_as_ever() {
    let upstream = H2Upstream::doing(echo);
    let stage = stage(&upstream);
    let mut client = Http2::open(stage.address());
    let response = client.exchange(unproven().body(()).unwrap(), &[]);
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(response.field("content-type"), Some("application/grpc"));
    assert_eq!(response.field("grpc-status"), Some("16"));
    assert_eq!(
        response.field("grpc-message"),
        Some("The request carries no token.")
    );
    assert!(response.field("x-request-id").is_some());
    assert!(
        response
            .field("www-authenticate")
            .unwrap()
            .starts_with("Bearer ")
    );
    let other =
        Request::post("http://api.example.com/").header("content-type", "application/grpc-web");
    refused(
        &client.exchange(other.body(()).unwrap(), &[]),
        401,
        "token_missing",
    );
    let over_http_1 = get("/").field("Content-Type", "application/grpc");
    refused(&stage.send(&over_http_1), 401, "token_missing");
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_route_with_rules_passes_a_calls_wish_for_trailers_on() {
    let upstream = H2Upstream::doing(echo);
    let stage = Stage::with(&format!(
        "[server]\nhttp2_cleartext = true\n[upstream]\nurl = \"{}\"\n\
         [[routes]]\npath = \"/shop.Orders/Cancel\"\nrules = [\"claims.sub == 'alice'\"]\n\
         [[routes]]\npath = \"/shop.Orders/Delete\"\nrules = [\"claims.sub == 'bob'\"]\n",
        upstream.url()
    ));
    let mut client = Http2::open(stage.address());
    let response = client.exchange(call().body(()).unwrap(), b"hello");
    assert_eq!(
        trailer(&response.trailers, "grpc-status").as_deref(),
        Some("0")
    );
    let other = call().uri("http://api.example.com/shop.Orders/Delete");
    let refused = client.exchange(other.body(()).unwrap(), &[]);
    assert_eq!(refused.field("grpc-status"), Some("7"));
    assert_eq!(upstream.count(), 1);
}

#[test]
fn messages_go_both_ways_at_once() {
    let upstream = H2Upstream::doing(echo);
    let stage = stage(&upstream);
    let mut client = Http2::open(stage.address());
    let mut half = client.begin(call().body(()).unwrap());
    let mut body = client
        .runtime
        .block_on(async { half.response.await.unwrap().into_body() });
    for number in 0..10_u8 {
        half.body
            .send_data(Bytes::from(vec![number]), false)
            .unwrap();
        let data = client.runtime.block_on(body.data()).unwrap().unwrap();
        assert_eq!(data.as_ref(), [number]);
    }
    half.body.send_data(Bytes::new(), true).unwrap();
    let trailers = client.runtime.block_on(async {
        assert!(body.data().await.is_none());
        body.trailers().await.unwrap().unwrap()
    });
    assert_eq!(trailers["grpc-status"], "0");
}

#[test]
fn a_deadline_ends_a_call_before_and_in_the_middle_of_its_response() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        let mut stream = None;
        if call.head.uri.path() == "/begins" {
            let mut begun = call.begin(200, &[("content-type", "application/grpc")]);
            send(&mut begun, b"begun").await;
            stream = Some(begun);
        }
        let reason = match &mut stream {
            Some(stream) => std::future::poll_fn(|context| stream.poll_reset(context)).await,
            None => std::future::poll_fn(|context| call.respond.poll_reset(context)).await,
        };
        call.upstream.note(format!("{reason:?}"));
    });
    let stage = stage(&upstream);
    let mut client = Http2::open(stage.address());
    let timed = |path: &str| {
        let request = call().uri(format!("http://api.example.com{path}"));
        request.header("grpc-timeout", "50m").body(()).unwrap()
    };
    let late = client.exchange(timed("/silent"), &[]);
    assert_eq!((late.status, late.field("grpc-status")), (200, Some("4")));
    let cut = client.exchange(timed("/begins"), &[]);
    assert_eq!((cut.status, cut.text().as_str()), (200, "begun"));
    assert_eq!(trailer(&cut.trailers, "grpc-status").as_deref(), Some("4"));
    upstream.wait_for_note("Ok(CANCEL)");
}
