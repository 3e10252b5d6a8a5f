use std::net::IpAddr;

use http::request::Parts;

use super::*;

fn head(fields: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::get("/internal/x");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn holds(condition: Condition, fields: &[(&str, &str)], gone: &[&'static str]) -> bool {
    let head = head(fields);
    When([condition].into()).holds(&Visit {
        head: &head,
        host: "api.example.com",
        address: None,
        gone: gone
            .iter()
            .map(|name| HeaderName::from_static(name))
            .collect(),
    })
}

fn text(subject: Subject, test: TextTest) -> Condition {
    Condition::Text {
        subject,
        tests: [test].into(),
    }
}

fn list(parts: &[&str]) -> Box<[Box<str>]> {
    parts.iter().map(|&part| part.into()).collect()
}

fn plan(test: TextTest) -> Condition {
    text(Subject::Header(HeaderName::from_static("x-plan")), test)
}

#[test]
fn addresses_match_their_patterns() {
    for (pattern, inside, outside) in [
        ("10.*.*.*", "10.255.0.1", "11.0.0.1"),
        ("192.168.[7-13].*", "192.168.13.9", "192.168.14.9"),
        ("192.168.[7-13].*", "192.168.7.0", "192.168.6.255"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("10.0.0.0/8", "10.9.9.9", "9.255.255.255"),
        ("2001:db8::/32", "2001:db8::1", "2001:db9::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.3"),
        ("*.*.*.*", "1.2.3.4", "::1"),
        ("10.0.0.0/8", "10.0.0.1", "::1"),
    ] {
        let parsed: AddressPattern = pattern.parse().unwrap();
        assert!(parsed.matches(inside.parse().unwrap()), "{pattern}");
        assert!(!parsed.matches(outside.parse().unwrap()), "{pattern}");
    }
    for wrong in [
        "",
        "10.*",
        "10.*.*",
        "10.*.*.*.*",
        "10.0.0.256",
        "10.0.0.[9-7]",
        "10.0.0.[7]",
        "010.*.*.*",
        "10.0.0.[7-13",
        "10.0.0.1*",
        "10.0.0.0/33",
        "localhost",
        "10.0.0.[-7]",
        "10.0.0.+1",
    ] {
        assert!(wrong.parse::<AddressPattern>().is_err(), "{wrong}");
    }
    for shown in [
        "10.*.*.*",
        "192.168.[7-13].*",
        "192.0.2.1",
        "10.0.0.0/8",
        "2001:db8::/32",
    ] {
        assert_eq!(shown.parse::<AddressPattern>().unwrap().to_string(), shown);
    }
}

#[test]
fn an_address_is_above_or_below_another_of_its_family() {
    let ask = |test: &AddressTest, address: &str| test.holds(address.parse().unwrap());
    let bound = |text: &str| text.parse::<IpAddr>().unwrap();
    let above = AddressTest::Above(bound("10.0.0.9"));
    assert!(ask(&above, "10.0.0.10") && ask(&above, "10.0.1.0"));
    assert!(!ask(&above, "10.0.0.9") && !ask(&above, "9.255.0.0") && !ask(&above, "::1"));
    let below = AddressTest::Below(bound("2001:db8::9"));
    assert!(ask(&below, "2001:db8::8"));
    assert!(!ask(&below, "2001:db8::9") && !ask(&below, "10.0.0.1"));
    let not = AddressTest::NotMatches(["10.*.*.*".parse().unwrap()].into());
    assert!(ask(&not, "11.0.0.1") && !ask(&not, "10.0.0.1"));
}

#[test]
fn an_unknown_address_passes_no_test() {
    for test in [
        AddressTest::Matches(["*.*.*.*".parse().unwrap()].into()),
        AddressTest::NotMatches(["10.*.*.*".parse().unwrap()].into()),
        AddressTest::Above("0.0.0.0".parse().unwrap()),
    ] {
        assert!(!holds(Condition::Address([test].into()), &[], &[]));
    }
}

#[test]
fn texts_equal_contain_or_do_not() {
    let gold = [("x-plan", "gold")];
    let equals = || plan(TextTest::Equals(list(&["silver", "gold"])));
    assert!(holds(equals(), &gold, &[]));
    assert!(!holds(equals(), &[("x-plan", "golden")], &[]));
    assert!(!holds(equals(), &[("x-plan", "Gold")], &[]));
    assert!(!holds(equals(), &[], &[]));
    let contains = || plan(TextTest::Contains(list(&["silver", "old"])));
    assert!(holds(contains(), &gold, &[]));
    assert!(!holds(contains(), &[("x-plan", "bronze")], &[]));
    assert!(!holds(contains(), &[], &[]));
    let not = || plan(TextTest::NotContains(list(&["silver", "old"])));
    assert!(holds(not(), &[("x-plan", "bronze")], &[]));
    assert!(holds(not(), &[], &[]));
    assert!(!holds(not(), &gold, &[]));
}

#[test]
fn each_value_counts_and_what_connection_names_is_not_there() {
    let gold = || plan(TextTest::Equals(list(&["gold"])));
    assert!(holds(
        gold(),
        &[("x-plan", "gold"), ("x-plan", "gold")],
        &[]
    ));
    for name in ["x-plan", "x_plan", "X.Plan"] {
        assert!(
            !holds(gold(), &[("x-plan", "gold"), (name, "free")], &[]),
            "{name}"
        );
    }
    assert!(!holds(gold(), &[("x-plan", "gold")], &["x-plan"]));
    let not = plan(TextTest::NotContains(list(&["free"])));
    assert!(!holds(not, &[("x-plan", "gold"), ("x-plan", "free")], &[]));
}

#[test]
fn every_subject_is_looked_at() {
    let contains = |subject, part: &str| text(subject, TextTest::Contains(list(&[part])));
    let fields = [
        ("user-agent", "curl/8"),
        ("cookie", "a=1; plan=gold"),
        ("cookie", "b=2;c"),
    ];
    for (subject, good, bad) in [
        (Subject::Host, "example", "internal"),
        (Subject::Path, "/internal/", "api"),
        (Subject::UserAgent, "curl", "wget"),
        (Subject::Cookie("plan".into()), "gold", "1"),
        (Subject::Cookie("b".into()), "2", "gold"),
    ] {
        assert!(
            holds(contains(subject.clone(), good), &fields, &[]),
            "{subject}"
        );
        assert!(
            !holds(contains(subject.clone(), bad), &fields, &[]),
            "{subject}"
        );
    }
    let other = contains(Subject::Cookie("other".into()), "1");
    assert!(!holds(other, &fields, &[]));
}

#[test]
fn all_filters_hold_or_the_whole_does_not() {
    let head = head(&[("user-agent", "curl")]);
    let visit = |address: &str| Visit {
        head: &head,
        host: "h",
        address: Some(address.parse().unwrap()),
        gone: Vec::new(),
    };
    let inside =
        || Condition::Address([AddressTest::Matches(["10.*.*.*".parse().unwrap()].into())].into());
    let agent = |name: &str| text(Subject::UserAgent, TextTest::Contains(list(&[name])));
    let both = When([inside(), agent("curl")].into());
    assert!(both.holds(&visit("10.0.0.1")));
    assert!(!both.holds(&visit("11.0.0.1")));
    assert!(!When([inside(), agent("wget")].into()).holds(&visit("10.0.0.1")));
    assert_eq!(
        both.to_string(),
        "remote_address matches 10.*.*.* and user_agent contains \"curl\""
    );
}
