//! Where a token is found, where it is not, and what is left when it is taken out.

use http::{HeaderName, Request};

use super::*;

/// What [`extract`] says: the token, or `-` for none.
type Found = Result<String, ExtractError>;

const FORM: &str = "application/x-www-form-urlencoded";
const BLANK: ExtractError = ExtractError::Malformed("the token holds a blank");

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn found(head: &Parts, form: Option<&[u8]>, sources: &Sources) -> Found {
    extract(head, form, sources).map(|presented| match presented {
        Presented::Token(token) => String::from_utf8(token.expose().to_vec()).unwrap(),
        Presented::None(Absent(())) => "-".to_owned(),
    })
}

fn get(headers: &[(&str, &str)], sources: &Sources) -> Found {
    found(&head("GET", "/", headers), None, sources)
}

fn post(headers: &[(&str, &str)], body: &str, sources: &Sources) -> Found {
    let mut headers = headers.to_vec();
    headers.push(("content-type", FORM));
    found(&head("POST", "/", &headers), Some(body.as_bytes()), sources)
}

fn query(target: &str, sources: &Sources) -> Found {
    found(&head("GET", target, &[]), None, sources)
}

fn token(text: &str) -> Found {
    Ok(text.to_owned())
}

fn everywhere() -> Sources {
    Sources {
        cookie: Some("session".into()),
        query_parameter: Some("access_token".into()),
        ..Sources::default()
    }
}

fn own_header() -> Sources {
    Sources {
        header: Some(HeaderName::from_static("x-jwt")),
        ..everywhere()
    }
}

fn stripped(mut head: Parts, sources: &Sources) -> (String, Vec<(String, String)>) {
    strip(&mut head, sources).unwrap();
    let text = |v: &http::HeaderValue| String::from_utf8(v.as_bytes().to_vec()).unwrap();
    let mut left: Vec<_> = head
        .headers
        .iter()
        .map(|(n, v)| (n.to_string(), text(v)))
        .collect();
    left.sort();
    (head.uri.to_string(), left)
}

fn left(headers: &[(&str, &str)], sources: &Sources) -> Vec<(String, String)> {
    stripped(head("GET", "/", headers), sources).1
}

fn own(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn authorization_holds_a_bearer_token_in_any_case() {
    let ask = |value| get(&[("authorization", value)], &Sources::default());
    for value in [
        "Bearer a.b.c",
        "bearer a.b.c",
        "BEARER   a.b.c",
        " Bearer a.b.c ",
    ] {
        assert_eq!(ask(value), token("a.b.c"), "{value:?}");
    }
    for value in [
        "Basic YTpi",
        "Bearera.b.c",
        "DPoP a.b.c",
        "",
        "a.b.c",
        "Bear",
        "Bearer:a.b.c",
    ] {
        assert_eq!(ask(value), token("-"), "{value:?}");
    }
}

#[test]
fn the_plain_token_is_not_copied() {
    let head = head("GET", "/", &[("authorization", "Bearer a.b.c")]);
    let Ok(Presented::Token(token)) = extract(&head, None, &Sources::default()) else {
        panic!()
    };
    let value = head.headers["authorization"].as_bytes();
    assert_eq!(token.expose().as_ptr_range().end, value.as_ptr_range().end);
}

#[test]
fn an_authorization_that_is_not_one_token_is_refused() {
    let ask = |value| get(&[("authorization", value)], &Sources::default());
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "Bearer \t",
        "Bearer ,",
        "Bearer , ,",
        "Bearer\t",
    ] {
        assert_eq!(ask(value), Err(ExtractError::Empty), "{value:?}");
    }
    for value in [
        "Bearer a,b",
        "Bearer a, Bearer b",
        "Bearer a,",
        "Bearer ,a",
        "Bearer,a",
    ] {
        assert_eq!(ask(value), Err(ExtractError::Ambiguous), "{value:?}");
    }
    for value in [
        "Bearer a b",
        "Bearer a\tb",
        "Bearer\ta",
        "Bearer \ta",
        "Bearer Bearer a",
    ] {
        assert_eq!(ask(value), Err(BLANK), "{value:?}");
    }
}

#[test]
fn two_authorizations_are_refused_whatever_they_are() {
    for (a, b) in [
        ("Bearer a", "Bearer a"),
        ("Basic x", "Bearer a"),
        ("Basic x", "Basic x"),
    ] {
        for multiple in [Multiple::Reject, Multiple::First] {
            let sources = Sources {
                multiple,
                ..everywhere()
            };
            let result = get(&[("authorization", a), ("Authorization", b)], &sources);
            assert_eq!(result, Err(ExtractError::Ambiguous), "{a} {b}");
        }
    }
}

#[test]
fn a_token_in_any_other_place_is_none() {
    let sources = Sources::default();
    let strangers = [
        ("x-jwt", "a"),
        ("proxy-authorization", "Bearer a"),
        ("cookie", "access_token=a"),
    ];
    for header in strangers {
        assert_eq!(get(&[header], &sources), token("-"), "{header:?}");
    }
    assert_eq!(
        query("/?access_token=a&access_token=b", &sources),
        token("-")
    );
    let with_query = head("GET", "/?access_token=b", &[("authorization", "Bearer a")]);
    assert_eq!(found(&with_query, None, &sources), token("a"));
}

#[test]
fn a_form_holds_it_once() {
    let ask = |body| post(&[], body, &Sources::default());
    for body in [
        "access_token=a.b",
        "x=1&access_token=a.b&y=",
        "access%5ftoken=a%2eb",
    ] {
        assert_eq!(ask(body), token("a.b"), "{body}");
    }
    for body in [
        "",
        "x=1",
        "Access_Token=a",
        "access_token%20=a",
        "xaccess_token=a",
    ] {
        assert_eq!(ask(body), token("-"), "{body}");
    }
    for body in [
        "access_token=",
        "access_token",
        "access_token=+",
        "access_token=%09,&x=1",
    ] {
        assert_eq!(ask(body), Err(ExtractError::Empty), "{body}");
    }
    for body in [
        "access_token=a&access_token=a",
        "access_token=a&access%5Ftoken=",
        "access_token=a,b",
    ] {
        assert_eq!(ask(body), Err(ExtractError::Ambiguous), "{body}");
    }
    assert_eq!(ask("access_token=a+b"), Err(BLANK));
    let off = Sources {
        form_parameter: None,
        ..Sources::default()
    };
    assert_eq!(post(&[], "access_token=a", &off), token("-"));
}

#[test]
fn only_a_form_with_a_body_that_means_something_is_read() {
    let body = Some(&b"access_token=a"[..]);
    let sources = Sources::default();
    let ask = |method, content_type| {
        let head = head(method, "/", &[("content-type", content_type)]);
        let wanted = wants_form(&head, &sources);
        let result = found(&head, body, &sources);
        assert_eq!(
            result,
            token(if wanted { "a" } else { "-" }),
            "{method} {content_type}"
        );
        wanted
    };
    for method in ["POST", "PUT", "PATCH"] {
        assert!(ask(method, FORM));
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "post"] {
        assert!(!ask(method, FORM), "{method}");
    }
    for good in [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=utf-8",
        "Application/X-WWW-Form-URLEncoded ; a=b",
    ] {
        assert!(ask("POST", good), "{good}");
    }
    for bad in [
        "multipart/form-data",
        "application/json",
        "application/x-www-form-urlencodedx",
        "",
        "text/plain; application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded, a/b",
    ] {
        assert!(!ask("POST", bad), "{bad}");
    }
    assert!(!wants_form(&head("POST", "/", &[]), &sources));
    assert!(wants_form(
        &head(
            "POST",
            "/",
            &[("content-type", "a/b"), ("content-type", FORM)]
        ),
        &sources
    ));
}

#[test]
fn a_form_that_was_not_read_is_no_evidence_of_absence() {
    let form = head("POST", "/", &[("content-type", FORM)]);
    let unread = Err(ExtractError::Malformed("the form body was not read"));
    assert_eq!(found(&form, None, &Sources::default()), unread);
    assert_eq!(found(&form, Some(b""), &Sources::default()), token("-"));
}

#[test]
fn a_form_is_wanted_only_while_it_matters() {
    let ask = |authorization, sources: &Sources| {
        let headers = [("content-type", FORM), ("authorization", authorization)];
        wants_form(&head("POST", "/", &headers), sources)
    };
    let first = Sources {
        multiple: Multiple::First,
        ..Sources::default()
    };
    assert!(ask("Bearer a", &Sources::default()));
    assert!(!ask("Bearer a", &first));
    assert!(ask("Basic a", &first));
    assert!(!ask("Bearer", &Sources::default()));
    assert!(!ask("Basic a", &own_header()));
    assert!(!ask(
        "Basic a",
        &Sources {
            form_parameter: None,
            ..Sources::default()
        }
    ));
}

#[test]
fn a_cookie_holds_it_once() {
    let ask = |values: &[&str]| {
        let headers: Vec<_> = values.iter().map(|v| ("cookie", *v)).collect();
        get(&headers, &everywhere())
    };
    for values in [
        &["session=a.b"][..],
        &["x=1; session=a.b;y=2"],
        &["x=1", "session = a.b "],
    ] {
        assert_eq!(ask(values), token("a.b"), "{values:?}");
    }
    for values in [
        &["x=1"][..],
        &["Session=a"],
        &["xsession=a"],
        &["x=session=a"],
        &["", ";;"],
    ] {
        assert_eq!(ask(values), token("-"), "{values:?}");
    }
    for values in [
        &["session=a; session=a"][..],
        &["session=a", "x=1; session="],
        &["session=a,b"],
    ] {
        assert_eq!(ask(values), Err(ExtractError::Ambiguous), "{values:?}");
    }
    for values in [&["session="][..], &["x=1; session"], &["session= ,"]] {
        assert_eq!(ask(values), Err(ExtractError::Empty), "{values:?}");
    }
    assert_eq!(
        get(&[("cookie", "session=a")], &Sources::default()),
        token("-")
    );
}

#[test]
fn a_query_holds_it_once() {
    let ask = |target| query(target, &everywhere());
    assert_eq!(ask("/?x=1&access_token=a.b"), token("a.b"));
    assert_eq!(ask("/?access%5ftoken=a%2Eb"), token("a.b"));
    for target in [
        "/",
        "/?",
        "/?x=access_token=a",
        "/access_token=a",
        "/?ACCESS_TOKEN=a",
    ] {
        assert_eq!(ask(target), token("-"), "{target}");
    }
    assert_eq!(
        ask("/?access_token=a&access%5Ftoken=a"),
        Err(ExtractError::Ambiguous)
    );
    for target in ["/?access_token=", "/?access_token", "/?access_token=%20"] {
        assert_eq!(ask(target), Err(ExtractError::Empty), "{target}");
    }
}

#[test]
fn two_places_are_refused_or_the_first_counts() {
    let first = Sources {
        multiple: Multiple::First,
        ..everywhere()
    };
    let places = [
        ("authorization", "Bearer 0"),
        ("", ""),
        ("cookie", "session=2"),
        ("", ""),
    ];
    for a in 0..4 {
        for b in a + 1..4 {
            let mut headers = vec![("content-type", FORM)];
            headers.extend(
                [a, b]
                    .map(|at| places[at])
                    .iter()
                    .filter(|(name, _)| !name.is_empty()),
            );
            let target = if b == 3 { "/?access_token=3" } else { "/?x" };
            let body: &[u8] = if a == 1 || b == 1 {
                b"access_token=1"
            } else {
                b"x"
            };
            let head = head("POST", target, &headers);
            let reject = found(&head, Some(body), &everywhere());
            assert_eq!(reject, Err(ExtractError::Ambiguous), "{a} {b}");
            assert_eq!(
                found(&head, Some(body), &first),
                token(&a.to_string()),
                "{a} {b}"
            );
        }
    }
}

#[test]
fn the_first_place_has_to_be_clear_in_itself() {
    let first = Sources {
        multiple: Multiple::First,
        ..everywhere()
    };
    let twice = post(&[], "access_token=a&access_token=b", &first);
    assert_eq!(twice, Err(ExtractError::Ambiguous));
    let empty = get(
        &[("authorization", "Bearer"), ("cookie", "session=a")],
        &first,
    );
    assert_eq!(empty, Err(ExtractError::Empty));
}

#[test]
fn an_own_header_is_the_only_place() {
    let ask = |headers: &[(&str, &str)]| get(headers, &own_header());
    for value in ["a.b", "Bearer a.b", "bearer  a.b"] {
        assert_eq!(ask(&[("X-JWT", value)]), token("a.b"), "{value}");
    }
    assert_eq!(
        ask(&[
            ("x-jwt", "a"),
            ("authorization", "Bearer b"),
            ("cookie", "session=c")
        ]),
        token("a")
    );
    assert_eq!(
        ask(&[("authorization", "Bearer b"), ("cookie", "session=c")]),
        token("-")
    );
    assert_eq!(
        ask(&[("x_jwt", "a"), ("x-jwts", "a"), ("x-jwt-x", "a")]),
        token("-")
    );
    assert_eq!(query("/?access_token=a", &own_header()), token("-"));
    assert_eq!(post(&[], "access_token=a", &own_header()), token("-"));
    assert_eq!(
        ask(&[("x-jwt", "a"), ("x-jwt", "a")]),
        Err(ExtractError::Ambiguous)
    );
    for value in ["", "Bearer", "Bearer ", ",", " "] {
        assert_eq!(
            ask(&[("x-jwt", value)]),
            Err(ExtractError::Empty),
            "{value:?}"
        );
    }
    assert_eq!(ask(&[("x-jwt", "a,b")]), Err(ExtractError::Ambiguous));
    assert_eq!(ask(&[("x-jwt", "Basic a")]), Err(BLANK));
}

#[test]
fn an_own_header_may_come_in_segments() {
    let ask = |headers: &[(&str, &str)]| get(headers, &own_header());
    let two = [
        ("x-jwt-2", "c.d"),
        ("x-jwt-segments", "2"),
        ("x-jwt-1", "Bearer a.b"),
    ];
    assert_eq!(ask(&two), token("a.bc.d"));
    assert_eq!(
        ask(&[("x-jwt-segments", "1"), ("X-Jwt-1", "a")]),
        token("a")
    );
    let names: Vec<_> = (1..=16).map(|n| format!("x-jwt-{n}")).collect();
    let mut sixteen: Vec<_> = names.iter().map(|name| (name.as_str(), "s")).collect();
    sixteen.push(("x-jwt-segments", "16"));
    assert_eq!(ask(&sixteen), token(&"s".repeat(16)));
}

#[test]
fn broken_segments_are_refused() {
    let ask = |headers: &[(&str, &str)]| get(headers, &own_header());
    for count in [
        "0",
        "17",
        "-1",
        "+1",
        "01",
        "1.0",
        "",
        "one",
        "1,1",
        "99999999999999999999",
    ] {
        let result = ask(&[("x-jwt-segments", count), ("x-jwt-1", "a")]);
        assert!(
            matches!(result, Err(ExtractError::Malformed(_))),
            "{count:?}"
        );
    }
    for headers in [
        &[("x-jwt-segments", "1")][..],
        &[("x-jwt-1", "a")],
        &[("x-jwt-segments", "2"), ("x-jwt-1", "a")],
        &[("x-jwt-segments", "2"), ("x-jwt-2", "a")],
        &[("x-jwt-segments", "2"), ("x-jwt-1", "a"), ("x-jwt-2", "")],
        &[("x-jwt-segments", "1"), ("x-jwt-1", "a"), ("x-jwt-2", "b")],
        &[("x-jwt-segments", "1"), ("x-jwt-01", "a")],
        &[
            ("x-jwt-segments", "2"),
            ("x-jwt-1", "a"),
            ("x-jwt-2", "b c"),
        ],
    ] {
        assert!(
            matches!(ask(headers), Err(ExtractError::Malformed(_))),
            "{headers:?}"
        );
    }
    for headers in [
        &[("x-jwt-segments", "1"), ("x-jwt-1", "a"), ("x-jwt-1", "a")][..],
        &[
            ("x-jwt-segments", "1"),
            ("x-jwt-segments", "1"),
            ("x-jwt-1", "a"),
        ],
        &[("x-jwt-segments", "1"), ("x-jwt-1", "a"), ("x-jwt", "a")],
        &[("x-jwt-segments", "1"), ("x-jwt-1", "a,b")],
    ] {
        assert_eq!(ask(headers), Err(ExtractError::Ambiguous), "{headers:?}");
    }
    let bare = [("x-jwt-segments", "1"), ("x-jwt-1", "Bearer")];
    assert_eq!(ask(&bare), Err(ExtractError::Empty));
}

#[test]
fn strip_takes_the_bearer_token_and_leaves_other_credentials() {
    let sources = Sources::default();
    for value in [
        "Bearer a",
        "bearer a",
        "Bearer",
        " Bearer a",
        "Bearer\ta",
        "Bearer a,b",
    ] {
        assert_eq!(left(&[("authorization", value)], &sources), [], "{value:?}");
    }
    let basic = [("authorization", "Basic YTpi")];
    assert_eq!(left(&basic, &sources), own(&basic));
    let both = [
        ("authorization", "Basic YTpi"),
        ("authorization", "Bearer a"),
    ];
    assert_eq!(left(&both, &sources), own(&basic));
    let forward = Sources {
        forward: true,
        ..everywhere()
    };
    let kept = [("authorization", "Bearer a"), ("cookie", "session=a")];
    assert_eq!(left(&kept, &forward), own(&kept));
}

#[test]
fn strip_takes_one_cookie_and_leaves_the_others() {
    let ask = |value| left(&[("cookie", value)], &everywhere());
    for (before, after) in [
        ("a=1;  b=\"x y\" ; session=t; c", "a=1;  b=\"x y\" ; c"),
        ("session=t; a=1", "a=1"),
        ("a=1; session=t", "a=1"),
        ("session=t;session=u; a=session", "a=session"),
        ("a=1; session; Session=x", "a=1; Session=x"),
        ("a=1;b=2", "a=1;b=2"),
        (" a=1 ; ", " a=1 ; "),
    ] {
        assert_eq!(ask(before), own(&[("cookie", after)]), "{before}");
    }
    assert_eq!(ask("session=t"), []);
    assert_eq!(ask("session=t; "), []);
    let several = [
        ("cookie", "a=1"),
        ("cookie", "session=t"),
        ("cookie", "b=2"),
    ];
    assert_eq!(
        left(&several, &everywhere()),
        own(&[("cookie", "a=1"), ("cookie", "b=2")])
    );
    let off = [("cookie", "session=t")];
    assert_eq!(left(&off, &Sources::default()), own(&off));
}

#[test]
fn strip_takes_one_parameter_and_leaves_the_others() {
    let ask = |target, sources: &Sources| stripped(head("GET", target, &[]), sources).0;
    for (before, after) in [
        ("/o?access_token=t", "/o"),
        ("/o?access_token=t&a=%2f+%7E&&b", "/o?a=%2f+%7E&&b"),
        ("/o?a=1&access%5ftoken=t&b=2", "/o?a=1&b=2"),
        ("/o?a=1&access_token", "/o?a=1"),
        ("/o?access_token=t&access_token=u", "/o"),
        ("/o?a=access_token", "/o?a=access_token"),
        ("/o?", "/o?"),
        ("/o", "/o"),
        ("http://h:81/o?access_token=t&a", "http://h:81/o?a"),
    ] {
        assert_eq!(ask(before, &everywhere()), after);
    }
    assert_eq!(
        ask("/o?access_token=t", &Sources::default()),
        "/o?access_token=t"
    );
    let forward = Sources {
        forward: true,
        ..everywhere()
    };
    assert_eq!(ask("/o?access_token=t", &forward), "/o?access_token=t");
}

#[test]
fn strip_takes_an_own_header_its_segments_and_its_aliases() {
    let ours = [
        ("x-jwt", "a"),
        ("x-jwt-segments", "1"),
        ("x-jwt-1", "a"),
        ("x-jwt-17", "a"),
    ];
    let aliases = [
        ("x_jwt", "a"),
        ("x.jwt", "a"),
        ("x_jwt_segments", "1"),
        ("x-jwt_1", "a"),
    ];
    let others = [
        ("authorization", "Bearer b"),
        ("x-jw", "a"),
        ("x-jwt-", "a"),
        ("x-jwt-id", "a"),
        ("x-jwts", "a"),
    ];
    let all: Vec<_> = ours
        .iter()
        .chain(&aliases)
        .chain(&others)
        .copied()
        .collect();
    assert_eq!(left(&all, &own_header()), own(&others));
    let mut kept = own(&ours);
    kept.extend(own(&others));
    kept.sort();
    assert_eq!(
        left(
            &all,
            &Sources {
                forward: true,
                ..own_header()
            }
        ),
        kept
    );
}

#[test]
fn after_strip_there_is_nothing_to_extract() {
    let headers = [("authorization", "Bearer a"), ("cookie", "x=1; session=a")];
    let mut head = head("GET", "/?access_token=a&b", &headers);
    assert_eq!(
        found(&head, None, &everywhere()),
        Err(ExtractError::Ambiguous)
    );
    strip(&mut head, &everywhere()).unwrap();
    assert_eq!(found(&head, None, &everywhere()), token("-"));
}

#[test]
fn nothing_prints_a_token() {
    let head = head("GET", "/", &[("authorization", "Bearer s3cret")]);
    let presented = extract(&head, None, &Sources::default()).unwrap();
    assert_eq!(format!("{presented:?}"), "Token([redacted])");
    for error in [ExtractError::Ambiguous, ExtractError::Empty, BLANK] {
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
