//! Rate limits of routes: so many pass and no more, by what is proved, with the clock of the test.

use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

use http::Request as Http;
use portcullis::{
    clock::{Clock, Moment, UnixTime},
    config,
    gateway::{Code, Gateway, Record, Silent, Trace},
    store::{Answer, Ask, Buckets, Level, LocalBuckets, OnFailure, StoreError},
    telemetry::Metrics,
};

use super::harness::{
    self, H2Upstream, ISSUER, NOW, Response, Signer, Stage, Token, get, http2::Http2, mint, refused,
};

const PARTNER: &str = "https://partner.example";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn limited(limit: &str) -> Stage {
    Stage::with(&format!(
        "[[routes]]\npath = \"/{{*rest}}\"\nlimit = {limit}\n"
    ))
}

fn of(subject: &str) -> String {
    mint::token().claim("sub", subject).sign()
}

/// What a response says is left.
fn left(response: &Response) -> (Option<&str>, Option<&str>) {
    (
        response.field("ratelimit-policy"),
        response.field("ratelimit"),
    )
}

#[track_caller]
fn exceeds(stage: &Stage, token: &str, wait: &str) -> Response {
    let response = stage.refuses(&get("/").bearer(token), 429, "rate_limited");
    assert_eq!(response.field("retry-after"), Some(wait));
    assert_eq!(response.field("www-authenticate"), None);
    response
}

#[test]
fn a_subject_has_a_burst_and_then_its_rate() {
    let stage = limited("{ by = \"subject\", rate = \"2/s\", burst = 3 }");
    let (ann, bob) = (of("ann"), of("bob"));
    for remaining in [2, 1, 0] {
        let response = stage.send(&get("/").bearer(&ann));
        assert_eq!(response.status, 200);
        let policy = "\"subject\";q=3;w=2";
        let reset = if remaining == 0 { 2 } else { 1 };
        let now = format!("\"subject\";r={remaining};t={reset}");
        assert_eq!(left(&response), (Some(policy), Some(&*now)));
    }
    let response = exceeds(&stage, &ann, "1");
    assert_eq!(left(&response).1, Some("\"subject\";r=0;t=1"));
    // Whoever is refused does not wait longer for it, and nobody else waits.
    exceeds(&stage, &ann, "1");
    stage.allows(&get("/").bearer(&bob));
    stage.clock.advance_by(Duration::from_millis(499));
    exceeds(&stage, &ann, "1");
    stage.clock.advance_by(Duration::from_millis(1));
    stage.allows(&get("/").bearer(&ann));
    exceeds(&stage, &ann, "1");
    // Another token of the same subject is no other subject.
    let again = mint::token().claim("sub", "ann").claim("n", 2).sign();
    exceeds(&stage, &again, "1");
    stage.clock.advance(60);
    for _ in 0..3 {
        stage.allows(&get("/").bearer(&ann));
    }
    exceeds(&stage, &ann, "1");
}

#[test]
fn a_route_without_a_limit_says_nothing_and_refuses_nobody() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/l\"\nlimit = { by = \"subject\", rate = \"1/h\" }\n\
         [[routes]]\npath = \"/{*rest}\"\n",
    );
    let ann = of("ann");
    for _ in 0..5 {
        let response = stage.send(&get("/").bearer(&ann));
        assert_eq!((response.status, left(&response)), (200, (None, None)));
    }
    stage.allows(&get("/l").bearer(&ann));
    stage.refuses(&get("/l").bearer(&ann), 429, "rate_limited");
    stage.allows(&get("/").bearer(&ann));
}

#[test]
fn only_what_is_proved_is_counted() {
    let stage = limited("{ by = \"subject\", rate = \"1/h\" }");
    let ann = of("ann");
    let forged = Token::of(mint::stranger()).claim("sub", "ann").sign();
    let late = mint::token()
        .claim("sub", "ann")
        .claim("exp", NOW - 1000)
        .sign();
    for _ in 0..3 {
        stage.rejects_text(&forged, "signature_invalid");
        stage.rejects_text(&late, "token_expired");
        stage.refuses(&get("/"), 401, "token_missing");
    }
    stage.allows(&get("/").bearer(&ann));
    exceeds(&stage, &ann, "3600");
    // Who is over the limit and has no good token is told about the token.
    stage.rejects_text(&late, "token_expired");
}

#[test]
fn issuers_and_values_of_claims_count_apart() {
    let with = |by: &str| {
        Stage::builder()
            .with(&format!(
                "[[routes]]\nlimit = {{ by = {by}, rate = \"2/h\" }}\n\
                 [issuers.\"{PARTNER}\"]\nshared_secret = \"{SECRET}\"\n\
                 algorithms = [\"HS256\"]\naudiences = [\"ALL_AUDIENCES\"]\n"
            ))
            .start()
    };
    let secret = Signer::secret("s", SECRET);
    let partner = Token::of(&secret).claim("iss", PARTNER).claim("azp", "app");
    let stage = with("\"issuer\"");
    stage.allows(&get("/").bearer(of("ann")));
    stage.allows(&get("/").bearer(of("bob")));
    exceeds(&stage, &of("cyd"), "1800");
    stage.allows(&get("/").bearer(partner.sign()));
    let stage = with("{ claim = \"azp\" }");
    let by = |azp: &str| mint::token().claim("azp", azp).sign();
    stage.allows(&get("/").bearer(by("app")));
    stage.allows(&get("/").bearer(by("app")));
    exceeds(&stage, &by("app"), "1800");
    stage.allows(&get("/").bearer(by("other")));
    stage.allows(&get("/").bearer(partner.sign()));
    // Nobody gets round it with a token that does not say.
    stage.rejects(&mint::token(), "claim_missing");
    let odd = mint::token().claim("azp", serde_json::json!(["app"]));
    stage.rejects(&odd, "claim_malformed");
    stage.rejects(
        &mint::token().claim("azp", serde_json::json!(null)),
        "claim_missing",
    );
}

#[test]
fn an_address_is_the_clients_behind_trusted_proxies() {
    let public = |trusted: &str| {
        Stage::with(&format!(
            "[server]\ntrusted_proxies = [{trusted}]\n[[routes]]\npath = \"/{{*rest}}\"\n\
             access = \"public\"\nlimit = {{ by = \"address\", rate = \"1/h\" }}\n"
        ))
    };
    let from = |address: &str| get("/").field("X-Forwarded-For", address);
    let stage = public("\"127.0.0.1\"");
    stage.allows(&from("192.0.2.1"));
    stage.refuses(&from("192.0.2.1"), 429, "rate_limited");
    stage.allows(&from("192.0.2.2"));
    // A client cannot choose: what it writes stands before what the proxy adds.
    stage.refuses(&from("198.51.100.9, 192.0.2.2"), 429, "rate_limited");
    stage.allows(&from("2001:db8::1"));
    stage.refuses(&from("2001:db8::2"), 429, "rate_limited");
    stage.allows(&from("2001:db8:0:1::1"));
    // Whose address is not known is counted with all others of whom that is so.
    stage.allows(&from("not an address"));
    stage.refuses(&from("nor this"), 429, "rate_limited");
    // Whom nobody trusts says nothing about its address.
    let stage = public("");
    stage.allows(&from("192.0.2.1"));
    stage.refuses(&from("192.0.2.2"), 429, "rate_limited");
}

#[test]
fn where_the_token_is_optional_nobody_counts_by_address() {
    let stage = Stage::with(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[[routes]]\npath = \"/{*rest}\"\n\
         access = \"optional\"\nlimit = { by = \"subject\", rate = \"1/h\" }\n",
    );
    let from = |address: &str| get("/").field("X-Forwarded-For", address);
    stage.allows(&from("192.0.2.1"));
    stage.refuses(&from("192.0.2.1"), 429, "rate_limited");
    stage.allows(&from("192.0.2.2"));
    stage.allows(&from("192.0.2.1").bearer(of("ann")));
    stage.refuses(&from("192.0.2.3").bearer(of("ann")), 429, "rate_limited");
}

#[test]
fn of_several_limits_each_holds_and_a_refused_request_takes_from_none() {
    let stage = limited(
        "[{ by = \"subject\", rate = \"2/h\" }, { by = \"address\", rate = \"3/h\" },\
         { by = \"issuer\", rate = \"100/h\", headers = false }]",
    );
    let (ann, bob, cyd) = (of("ann"), of("bob"), of("cyd"));
    stage.allows(&get("/").bearer(&ann));
    stage.allows(&get("/").bearer(&ann));
    for _ in 0..5 {
        let response = exceeds(&stage, &ann, "1800");
        let said = "\"subject\";r=0;t=1800, \"address\";r=1;t=2400";
        assert_eq!(left(&response).1, Some(said));
        let policy = "\"subject\";q=2;w=3600, \"address\";q=3;w=3600";
        assert_eq!(left(&response).0, Some(policy));
    }
    stage.allows(&get("/").bearer(&bob));
    // Bob has one more, and the address that all have has none.
    exceeds(&stage, &bob, "1200");
    exceeds(&stage, &cyd, "1200");
}

#[test]
fn a_request_beyond_the_limit_uses_no_jti_up() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with("[[routes]]\nlimit = { by = \"subject\", rate = \"1/h\" }\n")
        .start();
    let token = |jti: &str| mint::token().claim("jti", jti).sign();
    stage.allows(&get("/").bearer(token("1")));
    exceeds(&stage, &token("2"), "3600");
    stage.clock.advance(3600);
    let token = |jti: &str| {
        mint::token()
            .claim("jti", jti)
            .claim("exp", NOW + 9000)
            .sign()
    };
    stage.allows(&get("/").bearer(token("2")));
    stage.clock.advance(3600);
    stage.rejects_text(&token("2"), "token_replayed");
}

#[test]
fn limits_of_one_name_count_together_and_others_do_not() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/a\"\nlimit = { by = \"subject\", rate = \"2/h\", name = \"api\" }\n\
         [[routes]]\npath = \"/b\"\nlimit = { by = \"subject\", rate = \"2/h\", name = \"api\" }\n\
         [[routes]]\npath = \"/c\"\nlimit = { by = \"subject\", rate = \"2/h\" }\n",
    );
    let ann = of("ann");
    let response = stage.send(&get("/a").bearer(&ann));
    assert_eq!(left(&response).1, Some("\"api\";r=1;t=1800"));
    stage.allows(&get("/b").bearer(&ann));
    stage.refuses(&get("/a").bearer(&ann), 429, "rate_limited");
    stage.refuses(&get("/b").bearer(&ann), 429, "rate_limited");
    stage.allows(&get("/c").bearer(&ann));
}

#[test]
fn a_reload_keeps_what_was_counted() {
    let mut stage = Stage::builder()
        .with("[[routes]]\npath = \"/{*rest}\"\nlimit = { by = \"subject\", rate = \"2/h\" }\n")
        .in_a_file()
        .start();
    let ann = of("ann");
    stage.allows(&get("/").bearer(&ann));
    stage.allows(&get("/").bearer(&ann));
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nclock_skew = \"30s\"\n"));
    stage.applies();
    exceeds(&stage, &ann, "1800");
    // Another rate counts from where the old one ended, and owes nobody more than one bucket.
    stage.rewrites(
        "[[routes]]\npath = \"/{*rest}\"\nlimit = { by = \"subject\", rate = \"1/s\", burst = 2 }\n",
    );
    stage.applies();
    exceeds(&stage, &ann, "1");
    stage.clock.advance(1);
    stage.allows(&get("/").bearer(&ann));
    exceeds(&stage, &ann, "1");
}

#[test]
fn all_workers_count_together() {
    let stage = Stage::with(
        "[server]\nworkers = 4\n[[routes]]\nlimit = { by = \"subject\", rate = \"10/h\" }\n",
    );
    let (ann, start) = (of("ann"), Barrier::new(8));
    let before = stage.upstream.count();
    let passed: usize = std::thread::scope(|scope| {
        let work = || {
            start.wait();
            let sent = (0..5).map(|_| stage.send(&get("/").bearer(&ann)).status);
            let sent: Vec<u16> = sent.collect();
            assert!(
                sent.iter().all(|status| [200, 429].contains(status)),
                "{sent:?}"
            );
            sent.into_iter().filter(|status| *status == 200).count()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(passed, 10);
    assert_eq!(stage.upstream.count(), before + 10);
}

#[test]
fn a_call_of_grpc_hears_that_the_resource_is_exhausted() {
    let upstream = H2Upstream::echo();
    let stage = Stage::with(&format!(
        "[server]\nhttp2_cleartext = true\n[upstream]\nurl = \"{}\"\n\
         [[routes]]\nlimit = {{ by = \"subject\", rate = \"1/h\" }}\n",
        upstream.url()
    ));
    let call = || {
        let call = Http::post("http://api.example.com/shop.Orders/Cancel");
        let call = call.header("content-type", "application/grpc");
        let call = call.header("authorization", format!("Bearer {}", of("ann")));
        call.body(()).unwrap()
    };
    let mut client = Http2::open(stage.address());
    assert_eq!(client.exchange(call(), b"").field("grpc-status"), None);
    let seen = upstream.count();
    let response = client.exchange(call(), b"");
    assert_eq!(response.status, 200);
    assert_eq!(response.field("grpc-status"), Some("8"));
    assert_eq!(response.field("retry-after"), Some("3600"));
    assert_eq!(response.field("ratelimit"), Some("\"subject\";r=0;t=3600"));
    assert_eq!(upstream.count(), seen);
    // What is no call hears it as ever.
    let plain = Http::get("http://api.example.com/");
    let plain = plain.header("authorization", format!("Bearer {}", of("ann")));
    let response = client.exchange(plain.body(()).unwrap(), b"");
    refused(&response, 429, "rate_limited");
}

#[test]
fn what_the_upstream_says_of_its_own_limits_stays() {
    let stage = limited("{ by = \"subject\", rate = \"9/h\" }");
    stage.upstream.replies(super::harness::Reply::Bytes(
        b"HTTP/1.1 200 OK\r\nratelimit: \"theirs\";r=1;t=1\r\ncontent-length: 0\r\n\r\n".to_vec(),
    ));
    let response = stage.send(&get("/").bearer(of("ann")));
    let all: Vec<_> = response.head.all("ratelimit").into_iter().collect();
    assert_eq!(all, ["\"theirs\";r=1;t=1", "\"subject\";r=8;t=400"]);
}

/// A gateway without sockets whose one route has `limit`.
fn bare(limit: &str) -> (Gateway, Clock) {
    let text = format!(
        "[upstream]\nurl = \"http://127.0.0.1:1\"\n[[routes]]\nlimit = {limit}\n\
         [issuers.\"{PARTNER}\"]\nshared_secret = \"{SECRET}\"\nalgorithms = [\"HS256\"]\n\
         audiences = [\"ALL_AUDIENCES\"]\n"
    );
    let clock = Clock::standing_at(UnixTime(NOW));
    let base = std::path::Path::new("");
    let config = config::parse("test.toml", &text, base, &|_| None, &clock).unwrap();
    let metrics = Metrics::default().into();
    let gateway = Gateway::new(config.policy, config.server.limits, clock.clone(), metrics);
    (gateway, clock)
}

fn decide(gateway: &Gateway, subject: &str, trace: &mut impl Trace) -> Option<Code> {
    let secret = Signer::secret("s", SECRET);
    let token = Token::of(&secret)
        .claim("iss", PARTNER)
        .claim("sub", subject);
    let bearer = format!("Bearer {}", token.sign());
    harness::decide(gateway, ("authorization", &bearer), trace).0
}

#[test]
fn explain_takes_nothing_and_says_what_is_left() {
    let (gateway, _) = bare("{ by = \"subject\", rate = \"2/h\" }");
    let explain = || {
        let mut record = Record::default();
        let code = decide(&gateway, "ann", &mut record);
        let passed = record.passed.into_iter();
        let said = passed.filter(|(step, _)| step.name() == "rate_limit");
        (code, said.map(|(_, said)| said).next())
    };
    for _ in 0..3 {
        let said = "\"subject\" (2/h by subject) has 1 of 2 left after this one";
        assert_eq!(explain(), (None, Some(said.to_owned())));
    }
    assert_eq!(decide(&gateway, "ann", &mut Silent), None);
    assert!(explain().1.unwrap().contains("has 0 of 2 left"));
    assert_eq!(decide(&gateway, "ann", &mut Silent), None);
    assert_eq!(explain(), (Some(Code::RateLimited), None));
    assert_eq!(
        decide(&gateway, "ann", &mut Silent),
        Some(Code::RateLimited)
    );
    assert_eq!(gateway.buckets(), 1);
}

/// Buckets that somebody else keeps: these, or none that answer.
struct Elsewhere(Option<Arc<LocalBuckets>>);

impl Buckets for Elsewhere {
    fn take(&self, asks: Vec<Ask>, now: Moment) -> Answer<'_, Vec<Level>> {
        Box::pin(async move {
            let held = self.0.as_ref().ok_or(StoreError::Unavailable)?;
            held.take(asks, now).await
        })
    }

    fn look(&self, asks: Vec<Ask>, now: Moment) -> Answer<'_, Vec<Level>> {
        Box::pin(async move {
            let held = self.0.as_ref().ok_or(StoreError::Unavailable)?;
            held.look(asks, now).await
        })
    }
}

#[test]
fn gateways_of_one_store_count_together_where_the_limit_is_shared() {
    let held = Arc::new(LocalBuckets::new(100));
    let replica = |limit: &str| {
        let store: Arc<dyn Buckets> = Arc::new(Elsewhere(Some(Arc::clone(&held))));
        bare(limit).0.with_buckets(Some(store))
    };
    let shared = "[{ by = \"subject\", rate = \"3/h\", shared = true }, { by = \"issuer\", rate = \"3/h\" }]";
    let (one, other) = (replica(shared), replica(shared));
    assert_eq!(decide(&one, "ann", &mut Silent), None);
    assert_eq!(decide(&other, "ann", &mut Silent), None);
    assert_eq!(decide(&one, "ann", &mut Silent), None);
    for _ in 0..5 {
        for gateway in [&one, &other] {
            assert_eq!(decide(gateway, "ann", &mut Silent), Some(Code::RateLimited));
        }
    }
    // Those who were refused took nothing of what each gateway counts for itself.
    assert_eq!(decide(&one, "bob", &mut Silent), None);
    assert_eq!(decide(&one, "bob", &mut Silent), Some(Code::RateLimited));
    assert_eq!(decide(&other, "bob", &mut Silent), None);
    assert_eq!(decide(&other, "bob", &mut Silent), None);
    // By default each counts for itself.
    let own = "{ by = \"subject\", rate = \"1/h\" }";
    let (one, other) = (replica(own), replica(own));
    for gateway in [&one, &other] {
        assert_eq!(decide(gateway, "cyd", &mut Silent), None);
        assert_eq!(decide(gateway, "cyd", &mut Silent), Some(Code::RateLimited));
    }
}

#[test]
fn where_it_is_to_refuse_a_shared_store_without_an_answer_lets_nothing_through() {
    let limit = "[{ by = \"subject\", rate = \"3/h\", shared = true }, { by = \"issuer\", rate = \"1/h\" }]";
    let refuse = OnFailure {
        allow_uncounted: false,
        ..OnFailure::default()
    };
    let gateway = bare(limit).0.with_store_failures(refuse);
    let gateway = gateway.with_buckets(Some(Arc::new(Elsewhere(None))));
    for _ in 0..3 {
        assert_eq!(
            decide(&gateway, "ann", &mut Silent),
            Some(Code::StoreUnavailable)
        );
        let explained = decide(&gateway, "ann", &mut Record::default());
        assert_eq!(explained, Some(Code::StoreUnavailable));
    }
    // And takes nothing either.
    let held = Arc::new(LocalBuckets::new(100));
    let gateway = gateway.with_buckets(Some(Arc::new(Elsewhere(Some(held)))));
    assert_eq!(decide(&gateway, "ann", &mut Silent), None);
    assert_eq!(
        decide(&gateway, "ann", &mut Silent),
        Some(Code::RateLimited)
    );
}

#[test]
fn by_default_a_gateway_counts_for_itself_when_the_shared_store_does_not_answer() {
    let limit = "{ by = \"subject\", rate = \"2/h\", shared = true }";
    let gateway = bare(limit).0;
    let gateway = gateway.with_buckets(Some(Arc::new(Elsewhere(None))));
    for _ in 0..2 {
        let explained = decide(&gateway, "ann", &mut Record::default());
        assert_eq!(explained, None, "explain takes none");
        assert_eq!(decide(&gateway, "ann", &mut Silent), None);
    }
    for _ in 0..2 {
        let refused = decide(&gateway, "ann", &mut Silent);
        assert_eq!(refused, Some(Code::RateLimited), "no open door");
    }
    assert_eq!(decide(&gateway, "bob", &mut Silent), None);
}
