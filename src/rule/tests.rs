#![cfg(feature = "cel")]

use serde_json::{Value, json};

use super::*;

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append("x-plan", "gold".parse().unwrap());
    headers.append("x-plan", " silver ".parse().unwrap());
    headers.insert("x-raw", http::HeaderValue::from_bytes(b"\xff").unwrap());
    headers
}

fn evaluate(text: &str, claims: Option<&Value>) -> Result<(), Failure> {
    let claims = claims.map(Object::of);
    let headers = headers();
    let inputs = Inputs {
        claims: claims.as_ref(),
        identity: Who {
            subject: "alice",
            issuer: "https://idp.example.com",
            realm: "orders",
            groups: vec!["staff", "admin"],
            scopes: vec!["read"],
        },
        request: Asked {
            method: "GET",
            path: "/orders/42",
            host: "api.example.com".into(),
            headers: &headers,
            query: "a=1&a=2&b=%20",
            remote_address: Some("10.1.2.3".parse().unwrap()),
            params: vec![("id", "42".to_owned())],
        },
    };
    let rules = Rules::compile([text]).unwrap_or_else(|errors| panic!("{errors:?}"));
    rules.check(&inputs).map_err(|denied| denied.why)
}

fn ask(text: &str, claims: &Value) -> Result<(), Failure> {
    evaluate(text, Some(claims))
}

fn refused(text: &str) -> RuleError {
    match Rules::compile([text]) {
        Ok(_) => panic!("this is a rule: {text}"),
        Err(mut errors) => errors.remove(0).1,
    }
}

#[test]
fn a_rule_is_true_of_claims_or_not() {
    let mfa = json!({"amr": ["pwd", "mfa"], "level": 3, "ok": true, "big": 18446744073709551615u64,
                     "ratio": 0.5, "deep": {"a": [{"b": "c"}]}, "x-y": "z", "null": null});
    for rule in [
        "claims.amr.exists(m, m == 'mfa')",
        "'mfa' in claims.amr",
        "claims.amr.all(m, m != 'otp') && size(claims.amr) == 2",
        "claims.amr.exists_one(m, m.startsWith('m'))",
        "claims.amr.filter(m, m.contains('f')).size() == 1",
        "claims.amr.map(m, m + '!')[1] == 'mfa!'",
        "claims.level >= 3 && claims.level < 4.5",
        "claims.ok",
        "claims.big > 1u && claims.ratio == 0.5",
        "claims.deep.a[0].b == 'c'",
        "claims['x-y'] == 'z'",
        "claims['null'] == null",
        "has(claims.level) && !has(claims.other)",
        "'level' in claims && !('other' in claims)",
        "has(claims.other) ? claims.other : claims.ok",
        "type(claims.level) == int && type(claims.amr) == list",
        "claims.exists(name, name == 'level')",
        "string(claims.level) == '3' && int('3') == claims.level",
    ] {
        assert_eq!(ask(rule, &mfa), Ok(()), "{rule}");
    }
    for (rule, why) in [
        ("claims.amr.exists(m, m == 'otp')", Failure::False),
        ("'MFA' in claims.amr", Failure::False),
        ("claims.level > 3", Failure::False),
        ("claims.other == 'x'", Failure::Missing),
        ("claims.deep.a[7].b == 'c'", Failure::Missing),
        ("claims.level", Failure::NotBoolean),
        ("claims.amr", Failure::NotBoolean),
        ("claims.amr > 3", Failure::Type),
        ("claims.level.contains('3')", Failure::Type),
        ("claims.level.exists(m, m == 3)", Failure::Type),
        ("claims.level / 0 == 1", Failure::Other),
    ] {
        assert_eq!(ask(rule, &mfa), Err(why), "{rule}");
    }
}

#[test]
fn a_rule_looks_at_the_request_and_the_identity() {
    for rule in [
        "request.method == 'GET' && request.path.startsWith('/orders/')",
        "request.host == 'api.example.com'",
        "request.headers['x-plan'] == ['gold', 'silver']",
        "request.headers['x-plan'].exists(v, v == 'gold')",
        "!('x-other' in request.headers)",
        "type(request.headers['x-raw'][0]) == bytes",
        "request.query.a == ['1', '2'] && request.query.b == [' ']",
        "request.remote_address == '10.1.2.3'",
        "request.params.id == '42'",
        "request['method'] == 'GET'",
        "identity.subject == 'alice' && identity.realm == 'orders'",
        "'admin' in identity.groups && 'read' in identity.scopes",
        "identity.issuer.endsWith('.com')",
        "size(request) == 7 && size(identity) == 5",
    ] {
        assert_eq!(ask(rule, &json!({})), Ok(()), "{rule}");
    }
    for rule in [
        "request.headers['X-Plan'] == ['gold']",
        "request.query.c == ['1']",
        "request.params.other == '42'",
        "'root' in identity.groups",
        "request.headers['x-raw'][0] == 'ÿ'",
    ] {
        assert!(ask(rule, &json!({})).is_err(), "{rule}");
    }
}

#[test]
fn nobody_has_no_claims() {
    assert_eq!(evaluate("!has(claims.sub)", None), Ok(()));
    assert_eq!(evaluate("size(claims) == 0", None), Ok(()));
    let missing = evaluate("claims.amr.exists(m, m == 'mfa')", None);
    assert_eq!(missing, Err(Failure::Missing));
}

#[test]
fn what_is_no_rule_is_told_with_its_place() {
    for (text, line, column, says) in [
        ("clams.sub == 'a'", 1, 1, "unknown variable \"clams\""),
        ("true &&\n  foo", 2, 3, "unknown variable \"foo\""),
        ("request.methd == 'GET'", 1, 8, "request has no \"methd\""),
        ("identity['sub'] == 'a'", 1, 9, "identity has no \"sub\""),
        ("claims.a.matches('a+')", 1, 17, "no function \"matches\""),
        ("matches(claims.a, 'a+')", 1, 8, "no function \"matches\""),
        ("foo(claims.a)", 1, 4, "no function \"foo\""),
        (
            "duration('1h') > claims.a",
            1,
            9,
            "no function \"duration\"",
        ),
        ("claims.a.size(1) == 1", 1, 14, "no function \"size\""),
        ("size() == 1", 1, 5, "no function \"size\""),
        (
            "claims.l.exists(a, claims.m.exists(b, a == b))",
            1,
            35,
            "do not nest",
        ),
        (
            "claims.l.exists(a, a == 1) && a",
            1,
            31,
            "unknown variable \"a\"",
        ),
        ("1 + 1", 1, 3, "true or false"),
        ("'true'", 1, 1, "true or false"),
        ("claims", 1, 1, "true or false"),
        ("size(claims.a)", 1, 5, "true or false"),
        ("[true]", 1, 1, "true or false"),
        ("claims.l.map(a, true)", 1, 13, "true or false"),
        ("request.method", 1, 8, "true or false"),
        ("claims.a ? 1 : true", 1, 10, "true or false"),
        ("Foo{a: 1} == 1", 1, 4, "messages"),
    ] {
        let error = refused(text);
        let RuleError::Wrong {
            line: at_line,
            column: at_column,
            message,
        } = &error
        else {
            panic!("{text}: {error:?}");
        };
        assert!(message.contains(says), "{text}: {message}");
        assert_eq!((*at_line, *at_column), (line, column), "{text}: {message}");
    }
    for (text, line) in [
        ("", 1),
        ("claims.", 1),
        ("a ==\n== b", 2),
        ("'open", 1),
        ("a[?b]", 1),
    ] {
        let error = refused(text);
        let RuleError::Syntax { line: at, .. } = &error else {
            panic!("{text}: {error:?}");
        };
        assert_eq!(*at, line, "{text}: {error}");
    }
}

#[test]
fn the_size_of_a_rule_is_bounded() {
    assert_eq!(refused(&" ".repeat(MAX_BYTES + 1)), RuleError::TooLong);
    for part in [
        "(",
        "[",
        "{",
        "claims.a ? ",
        "!",
        "-",
        "[[",
        "claims.a[",
        "size(",
    ] {
        let text = part.repeat(MAX_BYTES / part.len());
        let _ = refused(&text);
    }
    let nested = |depth| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Rules::compile([&*nested(MAX_DEPTH)]).is_ok());
    assert_eq!(refused(&nested(MAX_DEPTH + 1)), RuleError::TooLarge);
    for chain in ["claims", "claims.a == 1", "1"] {
        for link in [
            ".a",
            " && claims.a",
            "+1",
            "[0]",
            " || true",
            ".size()",
            " == 1",
            " in []",
        ] {
            let many = link.repeat((MAX_BYTES - chain.len()) / link.len());
            let _ = Rules::compile([&*format!("{chain}{many}")]);
        }
    }
}

#[test]
fn the_deepest_rule_can_be_evaluated() {
    let deep = |open: &str, middle: &str, close: &str| {
        let depth = MAX_DEPTH - 2;
        format!("{}{middle}{}", open.repeat(depth), close.repeat(depth))
    };
    assert_eq!(
        ask(&deep("false ? false : ", "true", ""), &json!({})),
        Ok(())
    );
    let list = format!("{} == {}", deep("[", "1", "]"), deep("[", "1", "]"));
    assert_eq!(ask(&list, &json!({})), Ok(()));
    let other = format!("{} == {}", deep("[", "1", "]"), deep("[", "2", "]"));
    assert_eq!(ask(&other, &json!({})), Err(Failure::False));
}

#[test]
fn the_values_that_a_rule_looks_at_are_bounded() {
    let list = |length: usize| json!({"l": vec![1; length], "other": vec![1; 5000]});
    let rule = "claims.l.all(x, x == 1)";
    assert_eq!(ask(rule, &list(MAX_VALUES - 1)), Ok(()));
    assert_eq!(ask(rule, &list(MAX_VALUES)), Err(Failure::TooMuch));
    assert_eq!(ask("claims.all(x, true)", &list(1)), Err(Failure::TooMuch));
}

#[test]
fn a_refusal_names_the_rule_and_no_value() {
    let claims = Object::of(&json!({"tenant": "acme-secret", "l": ["acme-secret"]}));
    let headers = HeaderMap::new();
    let inputs = Inputs {
        claims: Some(&claims),
        identity: Who::default(),
        request: Asked {
            method: "GET",
            path: "/",
            host: "h".into(),
            headers: &headers,
            query: "",
            remote_address: None,
            params: Vec::new(),
        },
    };
    for text in [
        "claims.tenant == 'x'",
        "claims.tenant > 7",
        "claims[claims.tenant] == 1",
        "claims.l[claims.tenant] == 1",
        "{claims.tenant: 1, 'acme-' + 'secret': 2} == {}",
    ] {
        let rules = Rules::compile(["true", text]).unwrap();
        let told = rules.check(&inputs).unwrap_err();
        let told = format!("{told} {told:?}");
        assert!(told.starts_with(&format!("rule 2 ({text}) ")), "{told}");
        assert!(!told.contains("acme-secret"), "{told}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}") {
        let _ = Rules::compile([&*text]);
    }

    #[test]
    fn nothing_that_looks_like_a_rule_makes_it_panic(
        words in proptest::collection::vec(
            "claims|request|identity|\\.[a-z]{1,3}|\\(|\\)|\\[|\\]|==|&&|\\|\\||!|-|\\?|:|in|'a'|[0-9]{1,20}u?|1e9|size|exists\\(a,|,|\\{|\\}",
            0..20,
        ),
    ) {
        let text = words.join(" ");
        if let Ok(rules) = Rules::compile([&*text]) {
            let headers = headers();
            let claims = Object::of(&json!({"a": [1, "b", {"c": null}]}));
            let _ = rules.check(&Inputs {
                claims: Some(&claims),
                identity: Who::default(),
                request: Asked {
                    method: "GET",
                    path: "/",
                    host: "h".into(),
                    headers: &headers,
                    query: "a=b",
                    remote_address: None,
                    params: Vec::new(),
                },
            });
        }
    }
}
