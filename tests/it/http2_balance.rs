//! Upstreams at several addresses that speak HTTP/2: what is tried elsewhere, and what never is.

use h2::Reason;
use serde_json::Value;

use super::harness::{
    Connection, H2Upstream, Request, Stage, get, h2_upstream::Call, nobody, post, refused, request,
};

/// A stage whose requests go to all of `urls`; `more` are keys of the upstream, and sections of it.
fn stage(urls: &[String], more: &str) -> Stage {
    Stage::with(&format!(
        "[[routes]]\npath = \"/{{*rest}}\"\naccess = \"public\"\nupstream = \"many\"\n\
         [upstreams.many]\nurls = {urls:?}\n{more}"
    ))
}

fn good() -> H2Upstream {
    H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        call.answer(200, &[]);
    })
}

/// One that reads each request and then resets it for this reason.
fn resetting(reason: Reason) -> H2Upstream {
    H2Upstream::doing(move |mut call: Call| async move {
        if reason != Reason::REFUSED_STREAM {
            call.read().await;
        }
        call.respond.send_reset(reason);
    })
}

fn send(stage: &Stage, count: usize, request: &Request) -> Vec<u16> {
    let mut connection = Connection::open(stage.address());
    let mut status = || connection.exchange(request).status;
    (0..count).map(|_| status()).collect()
}

/// What `/status` says of address number `number`.
fn address(stage: &Stage, number: usize) -> Value {
    let status = get("/status").send(stage.gateway.admin()).json();
    let all = status["upstreams"].as_array().unwrap();
    let own = all.iter().find(|one| one["upstream"] == "many").unwrap();
    own["servers"][number]["addresses"][0].clone()
}

fn count_of(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

const NO_EJECTION: &str = "[upstreams.many.ejection]\nfailures = 0\n";

#[test]
fn a_closed_door_is_passed_by_whatever_the_method() {
    let upstream = good();
    let urls = [format!("h2c://{}", nobody()), upstream.url()];
    let stage_one = stage(&urls, "");
    assert_eq!(send(&stage_one, 40, &post("/", "x")), [200; 40]);
    assert_eq!(upstream.count(), 40);
    // It was left alone soon.
    let closed = address(&stage_one, 0);
    assert_eq!(closed["state"], "ejected");
    let error = closed["last_error"].as_str().unwrap();
    assert!(error.contains("cannot connect"), "{error}");
    let text = get("/metrics").send(stage_one.gateway.admin()).text();
    for (outcome, count) in [("unreachable", 5), ("answered", 0)] {
        let line = format!(
            "endpoint=\"{}\",outcome=\"{outcome}\"}} {count}\n",
            urls[0].replace("h2c", "http")
        );
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    let tried = "portcullis_upstream_retries_total{upstream=\"many\",outcome=\"tried\"} 5\n";
    assert!(text.contains(tried), "{text}");
    // However many are closed, one attempt is enough for the one that is open.
    let mut urls = vec![upstream.url()];
    urls.extend((0..5).map(|_| format!("h2c://{}", nobody())));
    let attempts = "[upstreams.many.retry]\nattempts = 2\n";
    let stage_two = stage(&urls, &format!("{attempts}{NO_EJECTION}"));
    assert_eq!(send(&stage_two, 20, &post("/", "x")), [200; 20]);
    // The twin: where it is not to be passed by, it is an answer.
    let urls = [format!("h2c://{}", nobody()), upstream.url()];
    let before = upstream.count();
    let stage = stage(
        &urls,
        &format!("[upstreams.many.retry]\non = []\n{NO_EJECTION}"),
    );
    let statuses = send(&stage, 40, &get("/"));
    assert_eq!(count_of(&statuses, 200) + count_of(&statuses, 502), 40);
    assert!(statuses.contains(&502), "{statuses:?}");
    assert_eq!(upstream.count() - before, count_of(&statuses, 200));
}

#[test]
fn when_all_doors_are_closed_it_is_unreachable() {
    let urls = [(); 3].map(|()| format!("h2c://{}", nobody()));
    let stage = stage(&urls, NO_EJECTION);
    for _ in 0..5 {
        refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    }
}

#[test]
fn what_was_refused_goes_elsewhere_whatever_the_method() {
    let (good, bad) = (good(), resetting(Reason::REFUSED_STREAM));
    let stage = stage(&[bad.url(), good.url()], "");
    for request in [get("/"), post("/", "")] {
        assert_eq!(send(&stage, 20, &request), [200; 20]);
    }
    assert_eq!(good.count(), 40);
    assert!(bad.count() > 0);
    assert_eq!(address(&stage, 0)["state"], "ejected");
}

#[test]
fn a_body_that_has_gone_out_is_not_sent_again() {
    let (good, bad) = (good(), resetting(Reason::REFUSED_STREAM));
    let stage = stage(&[bad.url(), good.url()], NO_EJECTION);
    let statuses: Vec<_> = (0..30)
        .map(|_| stage.send(&post("/", "x")).status)
        .collect();
    assert_eq!(good.count(), count_of(&statuses, 200));
    assert_eq!(count_of(&statuses, 200) + count_of(&statuses, 502), 30);
}

#[test]
fn what_may_have_been_seen_goes_out_again_only_if_that_is_harmless() {
    let (good, bad) = (good(), resetting(Reason::INTERNAL_ERROR));
    let stage = stage(&[bad.url(), good.url()], NO_EJECTION);
    assert_eq!(send(&stage, 30, &get("/")), [200; 30]);
    assert_eq!(good.count(), 30);
    assert!(bad.count() > 0);
    // The twins: with a body, without one, and with one that is not at hand any more.
    for request in [post("/", "x"), post("/", ""), request("PUT", "/").body("x")] {
        let before = good.count() + bad.count();
        let statuses: Vec<_> = (0..30).map(|_| stage.send(&request).status).collect();
        assert_eq!(good.count() + bad.count(), before + 30);
        let lost = count_of(&statuses, 502);
        assert!(lost > 0 && lost < 30, "{statuses:?}");
    }
}

#[test]
fn an_answer_is_asked_for_again_only_if_that_is_harmless() {
    let good = good();
    let bad = H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        call.answer(503, &[]);
    });
    let more = format!("{NO_EJECTION}[upstreams.many.retry]\non = [\"503\"]\n");
    let stage = stage(&[bad.url(), good.url()], &more);
    assert_eq!(send(&stage, 30, &get("/")), [200; 30]);
    for request in [post("/", ""), post("/", "x")] {
        let before = good.count() + bad.count();
        let statuses = send(&stage, 30, &request);
        assert_eq!(good.count() + bad.count(), before + 30);
        assert!(statuses.contains(&503), "{statuses:?}");
    }
}

#[test]
fn no_request_goes_out_more_often_than_it_may() {
    for attempts in [1, 2, 5] {
        let all = [
            resetting(Reason::INTERNAL_ERROR),
            resetting(Reason::INTERNAL_ERROR),
        ];
        let more = format!("{NO_EJECTION}[upstreams.many.retry]\nattempts = {attempts}");
        let stage = stage(&all.each_ref().map(H2Upstream::url), &more);
        refused(&stage.send(&get("/")), 502, "upstream_unreachable");
        assert_eq!(all[0].count() + all[1].count(), attempts);
    }
}

#[test]
fn a_request_is_under_way_until_its_response_has_ended() {
    let upstream = H2Upstream::doing(|mut call: Call| async move {
        call.read().await;
        let mut stream = call.begin(200, &[("content-length", "4")]);
        stream.send_data("half".into(), false).unwrap();
        call.released().await;
        let _ = stream.send_data(bytes::Bytes::new(), true);
    });
    let limits = "[upstreams.many.limits]\nrequests = 1\nqueue = 0\n";
    // The client has the whole body before it has ended.
    let stage = stage(&[upstream.url()], limits);
    let mut first = Connection::open(stage.address());
    first.send(get("/").bytes());
    first.read_head();
    refused(&stage.send(&get("/")), 503, "overloaded");
    assert_eq!(address(&stage, 0)["requests_under_way"], 1);
    assert_eq!(upstream.count(), 1);
    upstream.release();
    assert_eq!(first.read_bytes(4), b"half");
}
