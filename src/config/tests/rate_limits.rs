//! `limit` of a route.

use std::time::Duration;

use super::*;
use crate::rate::{By, RateLimit};

fn is_warned(config: &Config) -> bool {
    let mut warnings = config.warnings.iter();
    warnings.any(|warning| warning.contains("shared = true does nothing"))
}

fn limits(keys: &str) -> Vec<RateLimit> {
    let config = accept_with(&format!("[[routes]]\n{keys}\n"));
    assert!(!is_warned(&config), "{:?}", config.warnings);
    config.policy.routes.all()[0]
        .limits
        .iter()
        .cloned()
        .collect()
}

/// One error in the line behind `[[routes]]`.
#[track_caller]
fn refused(line: &str, column: usize, says: &[&str]) {
    let text = format!("{UPSTREAM}[[routes]]\n{line}\n");
    refuse_at(&text, &format!("4:{column}"), says);
}

#[test]
fn one_limit_or_several() {
    assert!(limits("").is_empty());
    assert!(limits("limit = []").is_empty());
    let [one] = &limits("limit = { by = \"subject\", rate = \"100/s\" }")[..] else {
        panic!()
    };
    assert_eq!(
        (&*one.name, &one.by, one.rate.burst()),
        ("subject", &By::Subject, 100)
    );
    assert_eq!(one.rate.interval(), Duration::from_millis(10));
    assert!(one.told && !one.shared);
    let several = limits(
        "limit = [{ by = { claim = \"/account/id\" }, rate = \"60/m\", burst = 5, headers = false },\n\
         { by = \"issuer\", rate = \"1000000/d\" }, { by = \"address\", rate = \"3600/h\", name = \"all\" }]",
    );
    let said = several.iter().map(|one| {
        let by = one.by.to_string();
        (by, one.rate.burst(), one.rate.interval(), one.told)
    });
    let second = Duration::from_secs(1);
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            ("claim /account/id".to_owned(), 5, second, false),
            (
                "issuer".to_owned(),
                1_000_000,
                Duration::from_micros(86_400),
                true
            ),
            ("address".to_owned(), 3600, second, true),
        ]
    );
    assert_eq!(&*several[2].name, "all");
}

#[test]
fn a_routes_buckets_are_its_own_unless_the_limit_has_a_name() {
    let scopes = |name: &str, other: &str| {
        let limit = |name| format!("limit = {{ by = \"subject\", rate = \"1/s\"{name} }}\n");
        let (one, two) = (limit(name), limit(other));
        let text = format!(
            "[[routes]]\npath = \"/a\"\n{one}[[routes]]\npath = \"/b\"\n{two}\
             [[routes]]\npath = \"/c\"\nmethods = [\"GET\"]\n{two}"
        );
        let config = accept_with(&text);
        let all = config.policy.routes.all().iter();
        all.flat_map(|route| route.limits.iter().map(|limit| limit.scope))
            .collect::<Vec<_>>()
    };
    let own = scopes("", "");
    assert!(own[0] != own[1] && own[1] != own[2]);
    // The same text is the same scope, whatever stands before it.
    assert_eq!(own, scopes("", ""));
    let named = scopes(", name = \"x\"", ", name = \"x\"");
    assert!(named[0] == named[1] && named[1] == named[2]);
    assert_ne!(named[0], scopes(", name = \"y\"", "")[0]);
}

#[test]
fn wrong_limits_are_pointed_at() {
    for (line, column, says) in [
        (
            "limit = \"100/s\"",
            9,
            "write limit = [{ by = \"subject\", rate = \"100/s\" }]",
        ),
        (
            "limit = { rate = \"1/s\" }",
            9,
            "does not say whom it counts",
        ),
        (
            "limit = { by = \"user\", rate = \"1/s\" }",
            16,
            "write \"subject\", \"issuer\", \"address\"",
        ),
        (
            "limit = { by = 1, rate = \"1/s\" }",
            16,
            "nothing that requests can be counted by",
        ),
        (
            "limit = { by = {}, rate = \"1/s\" }",
            16,
            "no claim is named",
        ),
        (
            "limit = { by = { claim = \"/~\" }, rate = \"1/s\" }",
            26,
            "~ is written ~0",
        ),
        (
            "limit = { by = { header = \"x\" }, rate = \"1/s\" }",
            18,
            "unknown key \"header\"",
        ),
        (
            "limit = { by = \"issuer\" }",
            9,
            "the limit has no \"rate\"",
        ),
        (
            "limit = { by = \"issuer\", rate = 100 }",
            33,
            "\"rate\" must be a string",
        ),
        (
            "limit = { by = \"issuer\", rate = \"100\" }",
            33,
            "write \"100/s\", \"1000/m\"",
        ),
        (
            "limit = { by = \"issuer\", rate = \"100/week\" }",
            33,
            "not a rate",
        ),
        (
            "limit = { by = \"issuer\", rate = \"0/s\" }",
            33,
            "not a rate",
        ),
        (
            "limit = { by = \"issuer\", rate = \"-1/s\" }",
            33,
            "not a rate",
        ),
        (
            "limit = { by = \"issuer\", rate = \"1.5/s\" }",
            33,
            "not a rate",
        ),
        (
            "limit = { by = \"issuer\", rate = \"1000001/s\" }",
            33,
            "up to 1000000",
        ),
        (
            "limit = { by = \"issuer\", rate = \"1/s\", burst = 0 }",
            48,
            "from 1 to 1000000",
        ),
        (
            "limit = { by = \"issuer\", rate = \"1/h\", burst = 745 }",
            48,
            "more than 31 days",
        ),
        (
            "limit = { by = \"issuer\", rate = \"1/s\", name = \"a b\" }",
            47,
            "not a name for a limit",
        ),
        (
            "limit = { by = \"issuer\", rate = \"1/s\", name = \"\" }",
            47,
            "up to 64 letters",
        ),
        (
            "limit = { by = \"issuer\", rat = \"1/s\" }",
            26,
            "did you mean \"rate\"?",
        ),
        (
            "limit = [{ by = \"issuer\", rate = \"1/s\" }, { by = \"issuer\", rate = \"9/m\" }]",
            43,
            "two limits of this route are called \"issuer\"",
        ),
        (
            "limit = [{ by = \"issuer\", rate = \"1/s\", name = \"a\" }, { by = \"subject\", rate = \"1/s\", name = \"a\" }]",
            95,
            "another limit is called \"a\", and they differ",
        ),
    ] {
        let first = line.split(", { by").count() == 2 && says.starts_with("another");
        if first {
            // It is also the second of its name on one route.
            let text = format!("{UPSTREAM}[[routes]]\n{line}\n");
            assert!(refuse(&text).contains(says), "{line}");
        } else {
            refused(line, column, &[says]);
        }
    }
}

#[test]
fn a_public_route_can_only_count_addresses() {
    for by in ["\"subject\"", "\"issuer\"", "{ claim = \"azp\" }"] {
        let line = format!("limit = {{ by = {by}, rate = \"1/s\" }}\naccess = \"public\"");
        refused(&line, 16, &["write by = \"address\""]);
    }
    let open = "limit = { by = \"address\", rate = \"1/s\" }\naccess = \"public\"";
    assert_eq!(limits(open).len(), 1);
}

#[test]
fn a_shared_limit_without_a_shared_store_is_worth_a_warning() {
    let shared = "[[routes]]\nlimit = { by = \"subject\", rate = \"1/s\", shared = true }\n";
    let config = accept_with(shared);
    assert!(is_warned(&config));
}
