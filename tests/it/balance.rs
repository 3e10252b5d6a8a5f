//! An upstream at several addresses: who gets which request, who is left alone, and what is tried again.

use std::{sync::mpsc, thread};

use serde_json::Value;

use super::harness::{
    Builder, Connection, Nobody, Reply, Request, Response, Stage, Upstream, get, nobody, post,
    refused,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A stage whose requests go to all of `urls`; `more` are keys of the upstream, and sections of it.
fn builder(urls: &[String], more: &str) -> Builder {
    Stage::builder().with(&config(urls, more))
}

fn config(urls: &[String], more: &str) -> String {
    format!(
        "[[routes]]\npath = \"/{{*rest}}\"\naccess = \"public\"\nupstream = \"many\"\n\
         [upstreams.many]\nurls = {urls:?}\n{more}"
    )
}

fn stage(upstreams: &[&Upstream], more: &str) -> Stage {
    let urls: Vec<_> = upstreams.iter().map(|upstream| upstream.url()).collect();
    builder(&urls, more).start()
}

/// The statuses of so many requests, one after the other.
fn send(stage: &Stage, count: usize, request: &Request) -> Vec<u16> {
    let mut connection = Connection::open(stage.address());
    let mut status = || connection.exchange(request).status;
    (0..count).map(|_| status()).collect()
}

fn admin(stage: &Stage, path: &str) -> Response {
    get(path).send(stage.gateway.admin())
}

/// What `/status` says of the upstream.
fn status(stage: &Stage) -> Value {
    let status = admin(stage, "/status").json();
    let all = status["upstreams"].as_array().unwrap();
    let own = all.iter().find(|one| one["upstream"] == "many");
    own.unwrap().clone()
}

fn metric(stage: &Stage, line: &str) -> u64 {
    let text = admin(stage, "/metrics").text();
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    let value = found.unwrap_or_else(|| panic!("{line} is not in {text}"));
    value.trim().parse().unwrap()
}

#[test]
fn all_of_them_get_requests_and_each_request_goes_to_one() {
    let all = [Upstream::start(), Upstream::start(), Upstream::start()];
    let stage = stage(&all.each_ref(), "");
    assert_eq!(send(&stage, 60, &get("/")), [200; 60]);
    let counts = all.each_ref().map(Upstream::count);
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    // Each gets its own Host, and connections are used again.
    for upstream in &all {
        let host = upstream.url().replace("http://", "");
        assert_eq!(upstream.wait_for(0).field("host"), Some(&*host));
        assert_eq!(upstream.connections(), 1);
    }
    stage.upstream.saw_nothing();
    let counted = status(&stage);
    assert_eq!(counted["servers"].as_array().unwrap().len(), 3);
    for server in counted["servers"].as_array().unwrap() {
        assert_eq!(server["requests_under_way"], 0);
        assert_eq!(server["addresses"][0]["state"], "healthy");
        assert_eq!(server["addresses"][0]["requests_under_way"], 0);
    }
    let line = |upstream: &Upstream| {
        let labels = format!("upstream=\"many\",endpoint=\"{}\"", upstream.url());
        format!("portcullis_upstream_requests_total{{{labels},outcome=\"answered\"}}")
    };
    let counted = all.each_ref().map(|one| metric(&stage, &line(one)));
    assert_eq!(counted.map(|count| count as usize), counts);
}

#[test]
fn the_host_may_be_another_one() {
    let upstream = Upstream::start();
    let stage = stage(&[&upstream], "host = \"api.internal\"");
    assert_eq!(send(&stage, 1, &get("/")), [200]);
    let host = upstream.wait_for(0);
    assert_eq!(host.field("host"), Some("api.internal"));
}

#[test]
fn a_closed_door_is_passed_by_whatever_the_method() {
    let upstream = Upstream::start();
    let nobody = Nobody::new();
    let closed = nobody.address();
    let urls = [format!("http://{closed}"), upstream.url()];
    let stage = builder(&urls, "").start();
    assert_eq!(send(&stage, 60, &post("/", "x")), [200; 60]);
    assert_eq!(upstream.count(), 60);
    // It was left alone soon.
    let server = status(&stage)["servers"][0].clone();
    assert_eq!(server["addresses"][0]["state"], "ejected");
    let error = server["addresses"][0]["last_error"].as_str().unwrap();
    assert!(error.contains("cannot connect"), "{error}");
    let labels = format!("{{upstream=\"many\",endpoint=\"http://{closed}\"");
    let unreachable =
        format!("portcullis_upstream_requests_total{labels},outcome=\"unreachable\"}}");
    assert_eq!(metric(&stage, &unreachable), 5);
    let healthy = format!("portcullis_upstream_healthy{labels}}}");
    assert_eq!(metric(&stage, &healthy), 0);
    let ejections = format!("portcullis_upstream_ejections_total{labels}}}");
    assert_eq!(metric(&stage, &ejections), 1);
    let retries = "portcullis_upstream_retries_total{upstream=\"many\",outcome=\"tried\"}";
    assert_eq!(metric(&stage, retries), 5);
    // It comes back when its time is over, and is asked again.
    let back = Upstream::start_on(nobody.listens());
    stage.clock.advance(10);
    assert_eq!(send(&stage, 60, &post("/", "x")), [200; 60]);
    assert!(back.count() > 0);
    assert_eq!(back.count() + upstream.count(), 120);
}

#[test]
fn a_closed_door_is_an_answer_where_that_is_not_to_be_tried_again() {
    let upstream = Upstream::start();
    let urls = [format!("http://{}", nobody()), upstream.url()];
    let more = "[upstreams.many.retry]\non = []\n[upstreams.many.ejection]\nfailures = 0";
    let stage = builder(&urls, more).start();
    let statuses = send(&stage, 60, &get("/"));
    let good = statuses.iter().filter(|status| **status == 200).count();
    let bad = statuses.iter().filter(|status| **status == 502).count();
    assert!(good > 0 && bad > 0 && good + bad == 60, "{statuses:?}");
    assert_eq!(upstream.count(), good);
}

#[test]
fn when_all_doors_are_closed_it_is_unreachable() {
    let urls = [(); 3].map(|()| format!("http://{}", nobody()));
    let stage = builder(&urls, "").start();
    for _ in 0..10 {
        refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    }
}

#[test]
fn who_fails_in_a_row_is_left_alone_for_a_while() {
    let (good, bad) = (Upstream::start(), Upstream::start());
    let stage = stage(&[&good, &bad], "[upstreams.many.ejection]\nfailures = 2");
    bad.replies_with("503 Service Unavailable", "", "no");
    let _ = send(&stage, 60, &get("/"));
    assert_eq!(bad.count(), 2);
    assert_eq!(
        status(&stage)["servers"][1]["addresses"][0]["state"],
        "ejected"
    );
    stage.clock.advance(9);
    assert_eq!(send(&stage, 20, &get("/")), [200; 20]);
    stage.clock.advance(1);
    let _ = send(&stage, 60, &get("/"));
    assert_eq!(bad.count(), 4);
    // The second time takes twice as long.
    stage.clock.advance(19);
    assert_eq!(send(&stage, 20, &get("/")), [200; 20]);
    stage.clock.advance(1);
    bad.replies(Reply::Bytes(OK.into()));
    assert_eq!(send(&stage, 60, &get("/")), [200; 60]);
    assert!(bad.count() > 6);
}

#[test]
fn an_answer_that_is_only_bad_for_the_client_ejects_nobody() {
    for answer in ["500 Internal Server Error", "429 Too Many Requests"] {
        let (good, bad) = (Upstream::start(), Upstream::start());
        let stage = stage(&[&good, &bad], "[upstreams.many.ejection]\nfailures = 2");
        bad.replies_with(answer, "", "no");
        let _ = send(&stage, 60, &get("/"));
        assert!(bad.count() > 6, "{answer}");
    }
}

#[test]
fn when_all_have_failed_all_are_asked() {
    let all = [Upstream::start(), Upstream::start()];
    let more = "[upstreams.many.ejection]\nfailures = 1\nmax_percent = 100";
    let stage = stage(&all.each_ref(), more);
    for upstream in &all {
        upstream.replies_with("503 Service Unavailable", "", "no");
    }
    assert_eq!(send(&stage, 60, &get("/")), [503; 60]);
    for upstream in &all {
        assert!(upstream.count() > 6);
        upstream.replies(Reply::Bytes(OK.into()));
    }
    assert_eq!(send(&stage, 20, &get("/")), [200; 20]);
}

#[test]
fn a_request_that_may_have_been_seen_goes_out_again_only_if_that_is_harmless() {
    let (good, bad) = (Upstream::start(), Upstream::start());
    let stage = stage(&[&good, &bad], "[upstreams.many.ejection]\nfailures = 0");
    bad.replies(Reply::Last(Vec::new()));
    assert_eq!(send(&stage, 40, &get("/")), [200; 40]);
    assert_eq!(good.count(), 40);
    assert!(bad.count() > 0);
    // The twin: none of these is sent twice.
    let before = good.count() + bad.count();
    let statuses: Vec<_> = (0..40)
        .map(|_| stage.send(&post("/", "x")).status)
        .collect();
    assert_eq!(good.count() + bad.count(), before + 40);
    let lost = statuses.iter().filter(|status| **status == 502).count();
    assert!(lost > 0 && lost < 40, "{statuses:?}");
    // Nor one whose body is not at hand any more.
    let before = good.count() + bad.count();
    let put = super::harness::request("PUT", "/").body("x");
    let _: Vec<_> = (0..20).map(|_| stage.send(&put).status).collect();
    assert_eq!(good.count() + bad.count(), before + 20);
}

#[test]
fn no_request_goes_out_more_often_than_it_may() {
    for attempts in [1, 2, 5] {
        let all = [Upstream::start(), Upstream::start()];
        let stage = stage(
            &all.each_ref(),
            &format!("[upstreams.many.retry]\nattempts = {attempts}"),
        );
        for upstream in &all {
            upstream.replies(Reply::Last(Vec::new()));
        }
        refused(&stage.send(&get("/")), 502, "upstream_unreachable");
        assert_eq!(all[0].count() + all[1].count(), attempts);
    }
}

#[test]
fn an_answer_is_asked_for_again_where_that_is_configured() {
    let sections = "[upstreams.many.ejection]\nfailures = 0\n[upstreams.many.retry]\n";
    for (on, request, tried_again) in [
        ("[\"503\"]", get("/"), true),
        ("[\"503\"]", post("/", "x"), false),
        ("[\"502\"]", get("/"), false),
        ("[\"closed\"]", get("/"), false),
    ] {
        let (good, bad) = (Upstream::start(), Upstream::start());
        let stage = stage(&[&good, &bad], &format!("{sections}on = {on}"));
        bad.replies_with("503 Service Unavailable", "", "no");
        let statuses = send(&stage, 40, &request);
        assert!(bad.count() > 0);
        assert_eq!(!statuses.contains(&503), tried_again, "{on}");
        let sent = good.count() + bad.count();
        assert_eq!(sent > 40, tried_again, "{on}");
    }
}

#[test]
fn who_hangs_is_not_asked_twice() {
    let all = [Upstream::start(), Upstream::start()];
    let stage = stage(&all.each_ref(), "response_timeout = \"500ms\"");
    for upstream in &all {
        upstream.replies(Reply::Silence);
    }
    refused(&stage.send(&get("/")), 504, "upstream_timeout");
    assert_eq!(all[0].count() + all[1].count(), 1);
}

#[test]
fn an_answer_that_breaks_off_is_broken_for_the_client() {
    let all = [Upstream::start(), Upstream::start()];
    let stage = stage(&all.each_ref(), "");
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.";
    for upstream in &all {
        upstream.replies(Reply::Last(half.to_vec()));
    }
    assert!(!stage.send(&get("/")).complete);
    assert_eq!(all[0].count() + all[1].count(), 1);
}

/// Sends `count` requests at once; what came back, as it comes.
fn crowd(stage: &Stage, count: usize) -> mpsc::Receiver<Response> {
    let (sender, answers) = mpsc::channel();
    for _ in 0..count {
        let (sender, address) = (sender.clone(), stage.address());
        thread::spawn(move || sender.send(get("/").send(address)));
    }
    answers
}

#[test]
fn at_the_limit_some_wait_and_the_others_are_refused() {
    let upstream = Upstream::start();
    let limits = "[upstreams.many.limits]\nrequests = 1\nqueue = 2\nqueue_timeout = \"1m\"";
    let stage = stage(&[&upstream], limits);
    upstream.replies(Reply::Held(OK.to_vec()));
    let answers = crowd(&stage, 5);
    for _ in 0..2 {
        refused(&answers.recv().unwrap(), 503, "overloaded");
    }
    upstream.wait_for_heads(1);
    assert_eq!(upstream.count(), 1);
    assert_eq!(status(&stage)["waiting"], 2);
    assert_eq!(status(&stage)["servers"][0]["requests_under_way"], 1);
    upstream.release();
    for _ in 0..3 {
        assert_eq!(answers.recv().unwrap().status, 200);
    }
    assert_eq!(upstream.count(), 3);
    assert_eq!(status(&stage)["waiting"], 0);
}

#[test]
fn nobody_waits_for_longer_than_they_may() {
    let upstream = Upstream::start();
    let limits = "[upstreams.many.limits]\nrequests = 1\nqueue_timeout = \"50ms\"";
    let stage = stage(&[&upstream], limits);
    upstream.replies(Reply::Held(OK.to_vec()));
    let answers = crowd(&stage, 3);
    for _ in 0..2 {
        refused(&answers.recv().unwrap(), 503, "overloaded");
    }
    upstream.release();
    assert_eq!(answers.recv().unwrap().status, 200);
    assert_eq!(upstream.count(), 1);
}

#[test]
fn without_a_limit_all_go_at_once() {
    let upstream = Upstream::start();
    let stage = stage(&[&upstream], "");
    upstream.replies(Reply::Held(OK.to_vec()));
    let answers = crowd(&stage, 5);
    upstream.wait_for_heads(5);
    upstream.release();
    for _ in 0..5 {
        assert_eq!(answers.recv().unwrap().status, 200);
    }
}

#[test]
fn a_limit_holds_for_each_address_and_for_all_workers() {
    let all = [Upstream::start(), Upstream::start()];
    let urls = all.each_ref().map(Upstream::url);
    let limits = "[upstreams.many.limits]\nrequests = 2\nqueue = 0\n[server]\nworkers = 2";
    let stage = builder(&urls, limits).start();
    // Unused connections of one worker are in nobody's way.
    for _ in 0..20 {
        assert_eq!(stage.send(&get("/")).status, 200);
    }
    let before = all.each_ref().map(Upstream::count);
    for upstream in &all {
        upstream.replies(Reply::Held(OK.to_vec()));
    }
    let answers = crowd(&stage, 7);
    for _ in 0..3 {
        refused(&answers.recv().unwrap(), 503, "overloaded");
    }
    for (upstream, before) in all.iter().zip(before) {
        upstream.wait_for_heads(before + 2);
        assert_eq!(upstream.count(), before + 2);
        upstream.release();
    }
    for _ in 0..4 {
        assert_eq!(answers.recv().unwrap().status, 200);
    }
}

#[test]
fn checks_take_out_who_does_not_serve_and_bring_it_back() {
    let (good, bad) = (Upstream::start(), Upstream::start());
    bad.replies_with("500 Internal Server Error", "", "no");
    let health = "[upstreams.many.health]\npath = \"/health?now\"\ninterval = \"10ms\"\n\
                  timeout = \"10s\"\nhealthy = 2\nunhealthy = 2";
    let stage = stage(&[&good, &bad], health);
    // The third one begins when the second one has been judged.
    bad.wait_for(2);
    assert_eq!(send(&stage, 40, &get("/asked")), [200; 40]);
    let asked = |upstream: &Upstream| {
        let seen = upstream.seen();
        seen.iter().filter(|seen| seen.target == "/asked").count()
    };
    assert_eq!((asked(&good), asked(&bad)), (40, 0));
    let check = bad.wait_for(0);
    assert_eq!((&*check.method, &*check.target), ("GET", "/health?now"));
    assert!(check.identity().is_empty() && check.field("authorization").is_none());
    let addresses = &status(&stage)["servers"][1]["addresses"];
    assert_eq!(addresses[0]["state"], "unhealthy");
    let error = addresses[0]["last_error"].as_str().unwrap();
    assert!(error.contains("500"), "{error}");
    bad.replies(Reply::Bytes(OK.into()));
    let count = bad.seen().len();
    bad.wait_for(count + 4);
    assert_eq!(send(&stage, 40, &get("/asked")), [200; 40]);
    assert!(asked(&bad) > 0);
}

#[test]
fn a_reload_that_changes_the_addresses_costs_no_request() {
    let all = [Upstream::start(), Upstream::start(), Upstream::start()];
    let urls = all.each_ref().map(Upstream::url);
    let mut stage = builder(&urls[..2], "").in_a_file().start();
    let (stop, stopped) = mpsc::channel::<()>();
    let address = stage.address();
    let load = thread::spawn(move || {
        let mut connection = Connection::open(address);
        let mut count = 0_usize;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            assert_eq!(connection.exchange(&post("/load", "x")).status, 200);
            count += 1;
            if count.is_multiple_of(500) {
                connection = Connection::open(address);
            }
        }
        count
    });
    all[0].wait_for_heads(5);
    stage.rewrites(&format!("[upstreams.many]\nurls = {:?}", &urls[1..]));
    stage.applies();
    all[2].wait_for_heads(5);
    let gone = all[0].count();
    let kept = all[1].connections();
    assert_eq!(send(&stage, 40, &get("/")), [200; 40]);
    stop.send(()).unwrap();
    let count = load.join().unwrap() + 40;
    let counts = all.each_ref().map(Upstream::count);
    assert_eq!(counts.iter().sum::<usize>(), count);
    assert_eq!(counts[0], gone);
    assert!(kept <= 4, "{kept}");
    // What is known of an address that stays is kept.
    let labels = format!("upstream=\"many\",endpoint=\"{}\"", urls[1]);
    let line = format!("portcullis_upstream_requests_total{{{labels},outcome=\"answered\"}}");
    assert_eq!(metric(&stage, &line) as usize, counts[1]);
}

#[test]
fn a_reload_keeps_the_connections_of_the_upstreams_that_stay() {
    let other = Upstream::start();
    let mut stage = builder(&[other.url()], "").in_a_file().start();
    assert_eq!(send(&stage, 3, &get("/")), [200; 3]);
    let new = Upstream::start();
    stage.rewrites(&format!("[upstreams.new]\nurl = \"{}\"", new.url()));
    stage.applies();
    assert_eq!(send(&stage, 3, &get("/")), [200; 3]);
    assert_eq!(other.connections(), 1);
    // The twin: another setting of its own is another upstream.
    stage.rewrites("[upstreams.many]\nresponse_timeout = \"29s\"");
    stage.applies();
    assert_eq!(send(&stage, 3, &get("/")), [200; 3]);
    assert_eq!(other.connections(), 2);
}
