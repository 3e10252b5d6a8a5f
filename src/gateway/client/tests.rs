use super::*;
use crate::{gateway::Policy, issuer::Registry, route::Routes, telemetry::Metrics};

fn snapshot() -> Snapshot {
    let policy = Policy {
        token_service: None,
        authorizers: Vec::new(),
        routes: Routes::new(Vec::new()).ok().unwrap(),
        registry: Registry::default(),
        keychain: Default::default(),
        session: None,
        own_headers: Default::default(),
        users: Default::default(),
        upstreams: Vec::new(),
        credentials: Default::default(),
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        public_url: None,
        refusal_docs: None,
        tls: None,
    };
    Snapshot::new(policy, 1, &Metrics::default())
}

fn client(peer: &str, fields: &[(&'static str, &str)]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let found = address(&snapshot(), Some(peer.parse().unwrap()), &headers);
    found.map(|address| address.to_string())
}

fn some(address: &str) -> Option<String> {
    Some(address.to_owned())
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let spoofed = [
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("remote-address", "10.0.0.1"),
    ];
    assert_eq!(client("192.0.2.1", &spoofed), some("192.0.2.1"));
    assert_eq!(client("::ffff:192.0.2.1", &spoofed), some("192.0.2.1"));
    let told = [("x-forwarded-for", "192.0.2.7")];
    assert_eq!(client("10.0.0.1", &told), some("192.0.2.7"));
    assert_eq!(client("10.0.0.1", &[]), some("10.0.0.1"));
    assert_eq!(address(&snapshot(), None, &HeaderMap::new()), None);
}

#[test]
fn the_last_address_that_is_no_proxys_counts() {
    for (told, client_is) in [
        ("10.9.9.9, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.8, 192.0.2.7, 10.0.0.2,10.0.0.3", "192.0.2.7"),
        ("10.0.0.4, 10.0.0.2", "10.0.0.4"),
        ("nonsense, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ] {
        let found = client("10.0.0.1", &[("x-forwarded-for", told)]);
        assert_eq!(found, some(client_is), "{told}");
    }
    let two = [
        ("x-forwarded-for", "192.0.2.8"),
        ("x-forwarded-for", "192.0.2.7"),
    ];
    assert_eq!(client("10.0.0.1", &two), some("192.0.2.7"));
    for (told, client_is) in [
        ("for=192.0.2.7", "192.0.2.7"),
        (
            "for=10.9.9.9;proto=http, For=\"192.0.2.7:80\";by=10.0.0.1",
            "192.0.2.7",
        ),
        ("for=\"[2001:db8::7]\"", "2001:db8::7"),
    ] {
        let found = client("10.0.0.1", &[("forwarded", told)]);
        assert_eq!(found, some(client_is), "{told}");
    }
}

#[test]
fn what_cannot_be_understood_is_nobodys_address() {
    for told in [
        "",
        "unknown",
        "192.0.2.7, nonsense",
        "192.0.2.7,",
        "192.0.2",
        "010.0.0.1",
    ] {
        let found = client("10.0.0.1", &[("x-forwarded-for", told)]);
        assert_eq!(found, None, "{told}");
    }
    for told in [
        "proto=http",
        "for=_hidden",
        "for=unknown",
        "for=1.2.3.4;for=192.0.2.7",
        "for=\"192.0.2.7",
    ] {
        let found = client("10.0.0.1", &[("forwarded", told)]);
        assert_eq!(found, None, "{told}");
    }
}

#[test]
fn two_fields_that_contradict_each_other_tell_nothing() {
    let both = |one: &str, other: &str| {
        client(
            "10.0.0.1",
            &[("x-forwarded-for", one), ("forwarded", other)],
        )
    };
    assert_eq!(both("192.0.2.7", "for=192.0.2.7"), some("192.0.2.7"));
    assert_eq!(both("192.0.2.7", "for=10.0.0.5"), None);
    assert_eq!(both("10.0.0.5", "for=192.0.2.7"), None);
}
