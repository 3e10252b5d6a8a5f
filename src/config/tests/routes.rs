//! `when`, `bind`, `rules` and `token` of a route.

use super::*;
use crate::{
    bind::Place,
    route::{
        Route,
        when::{AddressTest, Condition, TextTest},
    },
};

fn route(keys: &str) -> Route {
    let config = accept_with(&format!("[[routes]]\n{keys}\n"));
    Route::clone(&config.policy.routes.all()[0])
}

/// One error in the line behind `[[routes]]`.
#[track_caller]
fn refused(line: &str, column: usize, says: &[&str]) {
    let text = format!("{UPSTREAM}[[routes]]\n{line}\n");
    refuse_at(&text, &format!("4:{column}"), says);
}

#[test]
fn filters_are_read_in_every_form() {
    let when = route(
        "when = [{ remote_address = \"10.*.*.* | 192.0.2.1\" }, { remote_address = { above = \"10.0.0.0\", not_contains = [\"10.1.0.0/16\"] } },\n\
         { host = \"Internal\", path = [\"/a\", \"/b\"] }, { user_agent = { not_contains = \"curl|wget\", contains = \"x\" } },\n\
         { header = { name = \"X-Plan\", equals = \"gold\" } }, { cookie = { name = \"plan\", equals = [\"gold\"] } }]",
    )
    .when;
    assert_eq!(
        when.to_string(),
        "remote_address matches 10.*.*.* | 192.0.2.1 and remote_address does not match 10.1.0.0/16 and above 10.0.0.0 \
         and host contains \"internal\" and path contains \"/a\" | \"/b\" \
         and user_agent contains \"x\" and not_contains \"curl\" | \"wget\" \
         and header x-plan equals \"gold\" and cookie plan equals \"gold\""
    );
    let Condition::Address(tests) = &when.0[1] else {
        panic!("{when:?}")
    };
    assert!(matches!(
        **tests,
        [AddressTest::NotMatches(_), AddressTest::Above(_)]
    ));
    let Condition::Text { tests, .. } = &when.0[4] else {
        panic!("{when:?}")
    };
    assert!(matches!(
        **tests,
        [TextTest::Contains(_), TextTest::NotContains(_)]
    ));
    assert!(route("").when.is_empty());
}

#[test]
fn wrong_filters_are_pointed_at() {
    for (line, column, says) in [
        ("when = { host = \"a\" }", 8, "must be a list of tables"),
        (
            "when = [\"a\"]",
            9,
            "\"when\" must be a table, not a string",
        ),
        ("when = [{}]", 9, "a filter with nothing in it"),
        (
            "when = [{ agent = \"a\" }]",
            11,
            "unknown key \"agent\" in \"when\"",
        ),
        (
            "when = [{ user_agnt = \"a\" }]",
            11,
            "did you mean \"user_agent\"?",
        ),
        (
            "when = [{ host = 1 }]",
            18,
            "\"host\" must be a list of strings",
        ),
        (
            "when = [{ host = \"\" }]",
            18,
            "cannot hold an empty string",
        ),
        (
            "when = [{ host = \"a|\" }]",
            18,
            "\"host\" cannot hold nothing",
        ),
        ("when = [{ host = [] }]", 18, "\"host\" cannot hold nothing"),
        ("when = [{ host = {} }]", 18, "a filter without a test"),
        (
            "when = [{ host = { above = \"a\" } }]",
            20,
            "unknown key \"above\"",
        ),
        ("when = [{ header = \"X-Plan\" }]", 20, "must be a table"),
        (
            "when = [{ header = { equals = \"a\" } }]",
            20,
            "which header?",
        ),
        (
            "when = [{ header = { name = \"X-Plan\" } }]",
            20,
            "a filter without a test",
        ),
        (
            "when = [{ header = { name = \"X_Auth.Groups\", equals = \"a\" } }]",
            29,
            "only the gateway sets",
        ),
        (
            "when = [{ header = { name = \"X Plan\", equals = \"a\" } }]",
            29,
            "not a header's name",
        ),
        ("when = [{ remote_address = \"10.*\" }]", 28, "\"10.*.*.*\""),
        (
            "when = [{ remote_address = [\"10.0.0.[9-7]\"] }]",
            29,
            "not an address",
        ),
        (
            "when = [{ remote_address = { above = \"10.*.*.*\" } }]",
            38,
            "write one address",
        ),
    ] {
        refused(line, column, &[says]);
    }
}

#[test]
fn bindings_name_one_place_each() {
    let bind = route(
        "path = \"/t/{tenant}/{*rest}\"\nbind = [{ claim = \"t\", header = \"X-Tenant\" }, { claim = \"/a/id\", json = \"/id\", required = true },\n\
         { claim = \"t\", query = \"t\" }, { claim = \"t\", path = \"tenant\" }]",
    )
    .bind;
    let bound: Vec<_> = bind.iter().collect();
    assert_eq!(bound.len(), 4);
    assert!(matches!(bound[0].place, Place::Header(_)) && !bound[0].required);
    assert!(matches!(bound[1].place, Place::Json(_)) && bound[1].required);
    assert!(matches!(&bound[3].place, Place::Path { segment, .. } if segment.place == 1));
    assert!(bind.want_body());
    assert!(
        !route("bind = [{ claim = \"t\", query = \"t\" }]")
            .bind
            .want_body()
    );
    for (line, column, says) in [
        (
            "bind = { claim = \"t\", query = \"t\" }",
            8,
            "must be a list of tables",
        ),
        (
            "bind = [{ query = \"t\" }]",
            9,
            "no \"claim\" is bound here",
        ),
        ("bind = [{ claim = \"t\" }]", 9, "exactly one place"),
        (
            "bind = [{ claim = \"t\", query = \"t\", header = \"T\" }]",
            9,
            "exactly one place",
        ),
        (
            "bind = [{ claim = \"t\", quary = \"t\" }]",
            24,
            "did you mean \"query\"?",
        ),
        (
            "bind = [{ claim = \"/a~2\", query = \"t\" }]",
            19,
            "~ is written ~0",
        ),
        (
            "bind = [{ claim = \"t\", query = \"\" }]",
            32,
            "cannot be empty",
        ),
        (
            "bind = [{ claim = \"t\", header = \"X T\" }]",
            33,
            "not a header's name",
        ),
        (
            "bind = [{ claim = \"t\", header = \"X-Auth-Subject\" }]",
            33,
            "does not go on",
        ),
        (
            "bind = [{ claim = \"t\", header = \"Connection\" }]",
            33,
            "does not go on",
        ),
        (
            "bind = [{ claim = \"t\", header = \"X_Forwarded_Host\" }]",
            33,
            "does not go on",
        ),
        (
            "bind = [{ claim = \"t\", path = \"tenant\" }]",
            31,
            "has no parameter {tenant}",
        ),
        (
            "bind = [{ claim = \"t\", json = \"id\" }]",
            31,
            "write \"/id\"",
        ),
        (
            "bind = [{ claim = \"t\", query = \"t\", required = 1 }]",
            48,
            "true or false",
        ),
        (
            "bind = [{ claim = \"t\", json = \"/t\" }, { claim = \"t\", form = \"t\" }]",
            8,
            "write two routes",
        ),
        (
            "bind = [{ claim = \"t\", query = \"t\" }]\naccess = \"public\"",
            8,
            "a public route looks at no token",
        ),
    ] {
        refused(line, column, &[says]);
    }
}

#[cfg(feature = "cel")]
#[test]
fn rules_are_compiled() {
    let rules = route("rules = [\"claims.a == 1\", \"true\"]").rules;
    assert_eq!(rules.texts().collect::<Vec<_>>(), ["claims.a == 1", "true"]);
    assert!(route("rules = []").rules.is_empty());
    for (line, column, says) in [
        ("rules = \"true\"", 9, "must be a list of strings"),
        ("rules = [\"\"]", 10, "cannot hold an empty string"),
        (
            "rules = [\"true\", \"clams.a == 1\"]",
            18,
            "unknown variable \"clams\": there are claims, identity and request, at line 1, column 1",
        ),
        (
            "rules = [\"claims.a ==\"]",
            10,
            "not an expression, at line 1, column",
        ),
        (
            "rules = [\"claims.a.matches('a')\"]",
            10,
            "no function \"matches\"",
        ),
        ("rules = [\"size(claims.a)\"]", 10, "true or false"),
        (
            "rules = [\"true\"]\naccess = \"public\"",
            9,
            "a public route looks at no token",
        ),
    ] {
        refused(line, column, &[says]);
    }
}

#[cfg(not(feature = "cel"))]
#[test]
fn rules_are_refused_by_a_program_without_them() {
    refused(
        "rules = [\"true\"]",
        10,
        &["this program was built without rules"],
    );
}

#[test]
fn a_routes_token_stands_over_that_of_all() {
    let config = accept_with(
        "[token]\ncookie = \"c\"\nmax_bytes = 4096\n[[routes]]\npath = \"/a\"\ntoken = { header = \"X-Token\", forward = true }\n\
         [[routes]]\npath = \"/b\"\ntoken = { cookie = \"\" }\n[[routes]]\n",
    );
    let [a, b, rest] = config.policy.routes.all() else {
        panic!("not three routes")
    };
    assert_eq!(a.token.header.as_ref().unwrap(), "x-token");
    assert_eq!((a.token.forward, a.token.max_bytes), (true, 4096));
    assert_eq!(
        (a.token.cookie.as_deref(), b.token.cookie.as_deref()),
        (None, None)
    );
    assert_eq!(b.token.max_bytes, 4096);
    assert_eq!(
        (rest.token.cookie.as_deref(), rest.token.forward),
        (Some("c"), false)
    );
    refused("token = \"x\"", 9, &["[token] must be a table"]);
    refused(
        "token = { heder = \"x\" }",
        11,
        &["did you mean \"header\"?"],
    );
    refused(
        "token = { header = \"Host\" }",
        20,
        &["cannot carry a token"],
    );
}

#[test]
fn a_route_that_no_request_reaches_is_pointed_at() {
    let filter = "when = [{ host = \"a\" }]\n";
    let two = |first: &str, second: &str| {
        format!("{UPSTREAM}[[routes]]\npath = \"/a\"\n{first}[[routes]]\npath = \"/a\"\n{second}")
    };
    accept(&format!("{}{ISSUER}", two(filter, "")));
    let says = ["route 1 is already for this host, path and method"];
    refuse_at(&two("", filter), "6:8", &says);
    refuse_at(&two(filter, filter), "7:8", &says);
    refuse_at(
        &format!("{UPSTREAM}[[routes]]\npath = \"/{{a}}/{{a}}\"\n"),
        "4:8",
        &["the name stands twice"],
    );
}

#[test]
fn upgrades_are_listed_and_none_opens_http() {
    let listed = |keys: &str| route(keys).upgrades.join(" ");
    assert_eq!(listed(""), "websocket");
    assert_eq!(listed("access = \"optional\""), "websocket");
    assert_eq!(listed("access = \"public\""), "");
    assert_eq!(listed("upgrades = []"), "");
    assert_eq!(
        listed("upgrades = [\"foo/2\", \"WebSocket\"]"),
        "foo/2 WebSocket"
    );
    assert!(route("").tunnel_until_expiry);
    assert!(!route("tunnel_until_expiry = false").tunnel_until_expiry);
    for protocol in ["h2c", "H2C", "HTTP/2.0", "TLS/1.0", "h2"] {
        let line = format!("upgrades = [\"websocket\", \"{protocol}\"]");
        refused(&line, 26, &["never forwarded", "leave it out"]);
    }
    for protocol in ["a b", "a,b", "/", "a/b/c"] {
        let line = format!("upgrades = [\"{protocol}\"]");
        refused(&line, 13, &["not the name of a protocol", "\"websocket\""]);
    }
}
