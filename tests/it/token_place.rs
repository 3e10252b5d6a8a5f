//! Where a request carries its token, and where it does not.

use super::harness::{Connection, Stage, get, mint, post, refused, request};

fn token() -> String {
    mint::token().sign()
}

#[test]
fn without_a_token_the_challenge_names_no_error() {
    let stage = Stage::new();
    stage.allows(&get("/").bearer(token()));
    stage.refuses(&get("/"), 401, "token_missing");
    let public_url = Stage::with("[server]\npublic_url = \"https://api.example.com\"");
    let response = public_url.refuses(&get("/"), 401, "token_missing");
    assert_eq!(
        response.field("www-authenticate").unwrap(),
        "Bearer realm=\"api.example.com\", \
         resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\""
    );
}

#[test]
fn another_scheme_is_no_token() {
    let stage = Stage::new();
    for other in ["Basic YWxpY2U6c2VjcmV0", "Digest x", "Bearerx y", "token"] {
        let request = get("/").field("Authorization", other);
        stage.refuses(&request, 401, "token_missing");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn the_scheme_is_written_in_any_case() {
    let stage = Stage::new();
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer   "] {
        let request = get("/").field("aUtHoRiZaTiOn", format!("{scheme}{}", token()));
        assert_eq!(stage.allows(&request).field("authorization"), None);
    }
    let bare = get("/").field("Authorization", token());
    stage.refuses(&bare, 401, "token_missing");
}

#[test]
fn two_authorization_headers_are_ambiguous() {
    let stage = Stage::new();
    let request = get("/").bearer(token());
    stage.allows(&request);
    for second in [
        format!("Bearer {}", token()),
        "Basic YTpi".into(),
        String::new(),
    ] {
        let request = request.clone().field("Authorization", second);
        stage.refuses(&request, 400, "token_ambiguous");
    }
    let list = get("/").bearer(format!("{}, Bearer {}", token(), token()));
    assert_eq!(stage.send(&list).status, 400);
    assert_eq!(stage.upstream.count(), 1);
}

#[test]
fn an_empty_place_is_not_an_absent_one() {
    let stage = Stage::new();
    for nothing in ["Bearer", "Bearer ", "Bearer \t", "Bearer ,", "Bearer , ,"] {
        let request = get("/").field("Authorization", nothing);
        stage.refuses(&request, 400, "token_empty");
    }
    let stage = Stage::with("[token]\ncookie = \"t\"\nquery_parameter = \"q\"");
    stage.refuses(&get("/").field("Cookie", "t="), 400, "token_empty");
    stage.refuses(&get("/?q="), 400, "token_empty");
    stage.refuses(&post("/", "").form("access_token="), 400, "token_empty");
    stage.upstream.saw_nothing();
}

#[test]
fn a_token_with_a_blank_in_it_is_malformed() {
    let stage = Stage::new();
    let (front, back) = (&token()[..20], &token()[20..]);
    for blank in [" ", "\t"] {
        let request = get("/").bearer(format!("{front}{blank}{back}"));
        stage.refuses(&request, 400, "request_malformed");
    }
}

#[test]
fn a_form_may_carry_it_and_reaches_the_upstream_byte_for_byte() {
    let stage = Stage::new();
    let form = format!("a=1&b=%C3%A9+x&access_token={}&a=2&&", token());
    for method in ["POST", "PUT", "PATCH"] {
        for kind in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded;charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded ; charset=\"utf-8\"",
        ] {
            let request = request(method, "/")
                .field("Content-Type", kind)
                .body(&*form);
            let seen = stage.allows(&request);
            assert_eq!(seen.body, form.as_bytes());
            assert!(seen.complete);
            let chunked = stage.allows(&request.chunked());
            assert_eq!(chunked.body, form.as_bytes());
        }
    }
}

#[test]
fn a_form_counts_only_where_a_body_means_something() {
    let stage = Stage::new();
    let form = format!("access_token={}", token());
    stage.allows(&request("POST", "/").form(&*form));
    for method in ["GET", "DELETE", "OPTIONS"] {
        stage.refuses(&request(method, "/").form(&*form), 401, "token_missing");
    }
    for kind in [
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
    ] {
        let request = post("/", &*form).field("Content-Type", kind);
        stage.refuses(&request, 401, "token_missing");
    }
    stage.refuses(&post("/", &*form), 401, "token_missing");
    stage.refuses(&get(&format!("/?{form}")), 401, "token_missing");
}

#[test]
fn a_form_names_it_once() {
    let stage = Stage::new();
    let good = format!("access_token={}", token());
    let post = |form: &str| request("POST", "/").form(form);
    stage.allows(&post(&good));
    stage.refuses(&post(&format!("{good}&{good}")), 400, "token_ambiguous");
    // The same name, spelt otherwise.
    stage.refuses(
        &post(&format!("{good}&access%5ftoken=x")),
        400,
        "token_ambiguous",
    );
    stage.refuses(&post(&good).bearer(token()), 400, "token_ambiguous");
    stage.refuses(&post("access_token="), 400, "token_empty");
}

#[test]
fn two_places_at_once_are_ambiguous_unless_the_first_counts() {
    let places = "[token]\ncookie = \"session\"\nquery_parameter = \"t\"\n";
    let good = token();
    let form = |token: &str| format!("access_token={token}");
    let twice = [
        post("/", "").form(form(&good)).bearer(&good),
        get("/")
            .field("Cookie", format!("session={good}"))
            .bearer(&good),
        get(&format!("/?t={good}")).bearer(&good),
        get(&format!("/?t={good}")).field("Cookie", format!("session={good}")),
        get("/").field("Cookie", format!("session={good}; session={good}")),
        get(&format!("/?t={good}&t={good}")),
    ];
    let stage = Stage::with(places);
    for request in &twice {
        stage.refuses(request, 400, "token_ambiguous");
    }
    let stage = Stage::with(&format!("{places}multiple = \"first\""));
    for request in &twice[..4] {
        stage.allows(request);
    }
    // Authorization is the first place; what it holds is not made up for by another.
    let stranger = mint::Token::of(mint::stranger()).sign();
    let bad_first = post("/", "").form(form(&good)).bearer(&stranger);
    stage.refuses(&bad_first, 401, "signature_invalid");
    let bad_second = post("/", "").form(form(&stranger)).bearer(&good);
    stage.allows(&bad_second);
    for request in &twice[4..] {
        stage.refuses(request, 400, "token_ambiguous");
    }
}

#[test]
fn a_cookie_carries_it_when_it_is_named() {
    let stage = Stage::with("[token]\ncookie = \"session\"");
    let request = get("/").field("Cookie", format!("a=1; session={}; b=2", token()));
    let seen = stage.allows(&request);
    let cookie = seen.field("cookie").unwrap();
    assert!(cookie.contains("a=1") && cookie.contains("b=2"), "{cookie}");
    assert!(
        !cookie.contains("session") && !cookie.contains("ey"),
        "{cookie}"
    );
    let other = get("/").field("Cookie", format!("Session={}", token()));
    stage.refuses(&other, 401, "token_missing");
    let off = Stage::new();
    off.refuses(&request, 401, "token_missing");
}

#[test]
fn a_query_carries_it_when_it_is_named_and_loses_it_on_the_way() {
    let stage = Stage::with("[token]\nquery_parameter = \"t\"");
    let seen = stage.allows(&get(&format!("/x?a=%20b&t={}&c", token())));
    assert_eq!(seen.target, "/x?a=%20b&c");
    let seen = stage.allows(&get(&format!("/x?t={}", token())));
    assert_eq!(seen.target, "/x");
    stage.refuses(&get(&format!("/x?T={}", token())), 401, "token_missing");
    let off = Stage::new();
    off.refuses(&get(&format!("/x?t={}", token())), 401, "token_missing");
}

#[test]
fn a_header_of_its_own_is_the_only_place() {
    let stage = Stage::with("[token]\nheader = \"JWT\"");
    for name in ["JWT", "jwt", "Jwt"] {
        for value in [
            token(),
            format!("Bearer {}", token()),
            format!("bearer {}", token()),
        ] {
            let seen = stage.allows(&get("/").field(name, value));
            assert_eq!(seen.field("jwt"), None);
        }
    }
    stage.refuses(&get("/").bearer(token()), 401, "token_missing");
    stage.refuses(&get("/").field("X-JWT", token()), 401, "token_missing");
    let form = format!("access_token={}", token());
    stage.refuses(&post("/", "").form(form), 401, "token_missing");
    let twice = get("/").field("JWT", token()).field("jwt", token());
    stage.refuses(&twice, 400, "token_ambiguous");
    let nowhere = Stage::new();
    nowhere.refuses(&get("/").field("JWT", token()), 401, "token_missing");
}

#[test]
fn a_header_may_come_in_segments() {
    let stage = Stage::with("[token]\nheader = \"JWT\"");
    let token = token();
    let (front, back) = token.split_at(token.len() / 2);
    let both = get("/").field("JWT-1", front).field("jwt-2", back);
    let seen = stage.allows(&both.clone().field("JWT-segments", "2"));
    assert!(
        seen.head
            .fields
            .iter()
            .all(|(name, _)| !name.starts_with("jwt"))
    );
    for count in ["1", "3", "0", "17", "x", "+2", ""] {
        let request = both.clone().field("JWT-segments", count);
        stage.refuses(&request, 400, "request_malformed");
    }
    let whole_too = both.field("JWT-segments", "2").field("JWT", &*token);
    stage.refuses(&whole_too, 400, "token_ambiguous");
}

#[test]
fn a_trailer_carries_none_and_goes_nowhere() {
    let stage = Stage::new();
    let trailer = format!(
        "Authorization: Bearer {}\r\nX-Auth-Subject: root\r\n",
        token()
    );
    let send = |fields: &str| {
        let mut connection = Connection::open(stage.address());
        connection.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Trailer: Authorization\r\n{fields}\r\n2\r\nhi\r\n0\r\n{trailer}\r\n"
        ));
        connection.read(false)
    };
    refused(&send(""), 401, "token_missing");
    stage.upstream.saw_nothing();
    let response = send(&format!("Authorization: Bearer {}\r\n", token()));
    assert_eq!(response.status, 200);
    let seen = stage.upstream.wait_for(0);
    assert_eq!(seen.body, b"hi");
    assert!(seen.trailers.is_empty(), "{:?}", seen.trailers);
    assert_eq!(seen.field("trailer"), None);
}

#[test]
fn a_long_token_is_refused_before_it_is_decoded() {
    let stage = Stage::new();
    let long = |bytes: usize| mint::token().claim("x", "a".repeat(bytes)).sign();
    let (most, over) = (long(5_600), long(6_000));
    assert!(most.len() <= 8192 && over.len() > 8192);
    stage.allows(&get("/").bearer(most));
    stage.rejects_text(&over, "token_too_large");
    stage.rejects_text(&".".repeat(8_193), "token_too_large");
    stage.rejects_text(&".".repeat(8_000), "token_malformed");
    let small = Stage::with("[token]\nmax_bytes = 100");
    small.rejects(&mint::token(), "token_too_large");
}

#[test]
fn a_form_that_is_too_long_to_be_looked_at_is_refused() {
    let stage = Stage::new();
    let form = |bytes: usize| format!("access_token={}&x={}", token(), "a".repeat(bytes));
    let fits = 8 * 1024 - form(0).len();
    stage.allows(&request("POST", "/").form(form(fits)));
    let over = request("POST", "/").form(form(fits + 1));
    stage.refuses(&over, 413, "body_too_large");
    stage.refuses(&over.clone().chunked(), 413, "body_too_large");
    // With a token where the body need not be asked, it is just a body.
    let long = "x=".to_owned() + &"a".repeat(100_000);
    for request in [
        request("POST", "/").form(&*long).bearer(token()),
        request("POST", "/").form(&*long).bearer(token()).chunked(),
    ] {
        assert_eq!(stage.allows(&request).body, long.as_bytes());
    }
}

#[test]
fn a_form_that_does_not_come_is_timed_out() {
    let stage = Stage::with("[server.limits]\nheader_timeout = \"1s\"");
    let mut connection = Connection::open(stage.address());
    connection.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 100\r\n\r\naccess_token=",
    );
    refused(&connection.read(false), 408, "request_timeout");
    assert!(connection.is_closed());
    stage.upstream.saw_nothing();
}

#[test]
fn the_upstream_gets_it_only_when_it_is_to() {
    let token = token();
    let keep = Stage::with("[token]\nforward = true\ncookie = \"session\"");
    let seen = keep.allows(&get("/").bearer(&token));
    assert_eq!(
        seen.field("authorization").unwrap(),
        format!("Bearer {token}")
    );
    let cookie = format!("session={token}");
    let seen = keep.allows(&get("/").field("Cookie", &*cookie));
    assert_eq!(seen.field("cookie"), Some(&*cookie));
    let strip = Stage::with("[token]\ncookie = \"session\"");
    assert_eq!(
        strip
            .allows(&get("/").bearer(&token))
            .field("authorization"),
        None
    );
    assert_eq!(
        strip
            .allows(&get("/").field("Cookie", &*cookie))
            .field("cookie"),
        None
    );
}
