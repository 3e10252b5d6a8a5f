//! `[server]`, `[admin]`, `[token]`, `[upstream]` and `[[routes]]`.

use super::*;
use crate::{
    forward::{Protocol, UpstreamAddress},
    pressure::Ceiling,
    route::Access,
    server::{ListenAddress, ProxyProtocol},
    token::Multiple,
};

/// One error in the first of `lines`, which follow `section` and stand in line 4.
#[track_caller]
fn refused(section: &str, lines: &str, column: usize, says: &[&str]) {
    refuse_at(
        &format!("{UPSTREAM}{section}\n{lines}\n"),
        &format!("4:{column}"),
        says,
    );
}

#[test]
fn addresses_to_listen_on() {
    let config =
        accept_with("[server]\nlisten = [\"[::1]:80\", \"localhost:81\", \"unix:s.sock\"]\n");
    assert_eq!(
        config.server.listen,
        [
            ListenAddress::Tcp("[::1]:80".parse().unwrap()),
            ListenAddress::Tcp("127.0.0.1:81".parse().unwrap()),
            ListenAddress::Unix("/nowhere/s.sock".into()),
        ]
    );
    for (value, says) in [
        ("\":8080\"", "\"0.0.0.0:8080\""),
        ("\"8080\"", "an IP address and a port"),
        ("\"example.com:80\"", "an IP address and a port"),
        ("\"127.0.0.1\"", "an IP address and a port"),
        ("\"unix:\"", "followed by a path"),
        ("[]", "at least one address"),
    ] {
        refused("[server]", &format!("listen = {value}"), 10, &[says]);
    }
    refused(
        "[server]",
        "listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
        26,
        &["stands twice"],
    );
}

#[test]
fn server_urls_and_networks() {
    let config = accept_with(
        "[server]\npublic_url = \"https://API.example:443/v1/\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n",
    );
    assert_eq!(
        config.policy.public_url.as_deref(),
        Some("https://api.example/v1")
    );
    assert_eq!(config.policy.trusted_proxies.len(), 2);
    for url in [
        "https://a/?q",
        "https://a/#f",
        "https://u@a/",
        "ftp://a",
        "a.example",
        "https://a/ b",
    ] {
        refused("[server]", &format!("public_url = \"{url}\""), 14, &[]);
    }
    let config =
        accept_with("[server]\nrefusal_docs = \"https://docs.example/a\\u0022b/refusals\"\n");
    assert_eq!(
        config.policy.refusal_docs.as_deref(),
        Some("https://docs.example/a%22b/refusals")
    );
    for (url, says) in [
        ("https://a/#f", "cannot have a fragment"),
        ("https://a/?q", "cannot have a query"),
        ("refusals.html", "not a URL"),
        ("javascript:alert", "begins with http:// or https://"),
    ] {
        refused(
            "[server]",
            &format!("refusal_docs = \"{url}\""),
            16,
            &[says],
        );
    }
    refused(
        "[server]",
        "trusted_proxies = [\"10.0.0.0/33\"]",
        20,
        &["not an address or a network"],
    );
}

#[test]
fn sockets_that_come_with_the_process() {
    let named = |name: &str| ListenAddress::Inherited(Some(name.into()));
    let config = accept_with("[server]\nlisten = [\"fd:web\", \"systemd\"]\n");
    let expected = [named("web"), ListenAddress::Inherited(None)];
    assert_eq!(config.server.listen, expected);
    let token = "token = \"0123456789abcdef\"";
    let admin = accept_with(&format!("[admin]\nlisten = \"fd:admin\"\n{token}\n")).admin;
    assert_eq!(admin.unwrap().listen, named("admin"));
    refused("[admin]", "listen = \"fd:admin\"", 10, &["needs a token"]);
    for bad in ["fd:", "fd:a b", "fd:a:b"] {
        let line = format!("listen = \"{bad}\"");
        refused(
            "[server]",
            &line,
            10,
            &["not the name of a socket", "FileDescriptorName"],
        );
    }
}

#[test]
fn proxy_headers_need_somebody_who_sends_them() {
    let with = |keys: &str| {
        accept_with(&format!("[server]\n{keys}\n"))
            .server
            .proxy_protocol
    };
    assert_eq!(with(""), ProxyProtocol::Off);
    let proxies = "trusted_proxies = [\"10.0.0.1\"]\nproxy_protocol = ";
    assert_eq!(
        with(&format!("{proxies}\"required\"")),
        ProxyProtocol::Required
    );
    assert_eq!(
        with(&format!("{proxies}\"trusted\"")),
        ProxyProtocol::Trusted
    );
    // Who may connect to a Unix socket is decided by its file.
    let unix = "listen = \"unix:/run/x.sock\"\nproxy_protocol = \"required\"";
    assert_eq!(with(unix), ProxyProtocol::Required);
    for mode in ["required", "trusted"] {
        let line = format!("proxy_protocol = \"{mode}\"");
        let says = ["nobody may send a PROXY header", "trusted_proxies"];
        refused("[server]", &line, 18, &says);
    }
    refused(
        "[server]",
        "proxy_protocol = \"on\"",
        18,
        &["must be \"off\" or"],
    );
}

#[test]
fn limits_of_an_overload() {
    let limits = |line: &str| {
        accept_with(&format!("[server.limits]\n{line}\n"))
            .server
            .limits
    };
    let usual = limits("");
    assert_eq!(
        (usual.connections_per_address, usual.body_rate),
        (1000, Some(100))
    );
    assert_eq!(
        (usual.memory, usual.drain_delay.as_secs()),
        (Ceiling::Group, 0)
    );
    assert_eq!(limits("memory = \"off\"").memory, Ceiling::Off);
    assert_eq!(limits("memory = \"2GiB\"").memory, Ceiling::Bytes(2 << 30));
    assert_eq!(limits("body_rate = \"\"").body_rate, None);
    assert_eq!(
        limits("connections_per_address = 0").connections_per_address,
        0
    );
    assert_eq!(limits("drain_delay = \"5s\"").drain_delay.as_secs(), 5);
    let refused = |line: &str, column: usize, says: &str| {
        refused("[server.limits]", line, column, &[says]);
    };
    refused("memory = \"none\"", 10, "not a size");
    refused("memory = \"1MiB\"", 10, "must be from 32MiB");
    refused("body_rate = \"0\"", 13, "must be from 1B to 1GiB");
    refused("connections_per_address = -1", 27, "whole number from 0");
    refused("drain_delay = \"2h\"", 15, "must be from");
}

#[test]
fn so_many_refusals_are_kept() {
    let refusals = |text: &str| accept_with(text).admin.unwrap().refusals;
    assert_eq!(refusals(""), 200);
    assert_eq!(refusals("[admin]\nrefusals = 0\n"), 0);
    for number in ["-1", "10001"] {
        let line = format!("refusals = {number}");
        let said = "a whole number from 0 to 10000";
        refused("[admin]", &line, 12, &[said]);
    }
}

#[test]
fn an_admin_listener_that_is_not_loopback_needs_a_token() {
    let token = "0123456789abcdef";
    let text = format!("[admin]\nlisten = \"0.0.0.0:9090\"\ntoken = \"{token}\"\n");
    let admin = accept_with(&text).admin.unwrap();
    assert!(admin.token.is_some_and(|t| t.matches(token.as_bytes())));
    assert!(accept_with("[admin]\nlisten = \"\"\n").admin.is_none());
    refused(
        "[admin]",
        "listen = \"0.0.0.0:9090\"",
        10,
        &["needs a token"],
    );
    refused("[admin]", "token = \"short\"", 9, &["at least 16 bytes"]);
    refused(
        "[admin]",
        "token = \"0123456789 abcdef\"",
        9,
        &["visible ASCII"],
    );
    refused(
        "[admin]",
        "listen = \"127.0.0.1:8080\"",
        10,
        &["cannot share an address"],
    );
}

#[test]
fn places_of_tokens() {
    let sources = |lines: &str| {
        let config = accept_with(&format!("[token]\n{lines}\n"));
        (config.policy.routes.all()[0].token.clone(), config.warnings)
    };
    let (set, _) = sources(
        "cookie = \"sid\"\nquery_parameter = \"t\"\nform_parameter = \"\"\nmultiple = \"first\"\nforward = true",
    );
    assert_eq!(
        (set.cookie.as_deref(), set.query_parameter.as_deref()),
        (Some("sid"), Some("t"))
    );
    assert!(set.form_parameter.is_none() && set.forward && set.multiple == Multiple::First);
    let (set, warnings) = sources("header = \"JWT\"\ncookie = \"sid\"");
    assert_eq!(set.header.unwrap(), "jwt");
    assert!(set.cookie.is_none() && set.form_parameter.is_none());
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("\"cookie\" does nothing")),
        "{warnings:?}"
    );
    refused("[token]", "header = \"a b\"", 10, &["not a header's name"]);
    refused(
        "[token]",
        "header = \"X-Auth-Subject\"",
        10,
        &["cannot carry a token"],
    );
    refused(
        "[token]",
        "header = \"Host\"",
        10,
        &["cannot carry a token"],
    );
    refused("[token]", "cookie = \"a;b\"", 10, &["not a cookie's name"]);
    refused(
        "[token]",
        "multiple = \"frist\"",
        12,
        &["did you mean \"first\"?"],
    );
    refused("[token]", "max_bytes = 0", 13, &["from 64B to 1MiB"]);
}

#[test]
fn upstreams_and_their_urls() {
    let upstream = |url: &str| {
        let config = accept(&format!("[upstream]\nurl = \"{url}\"\n{ISSUER}"));
        let upstream = config.policy.upstreams[0].clone();
        let server = &upstream.group.servers()[0];
        let address = match &server.address {
            UpstreamAddress::Http(authority) => authority.to_string(),
            UpstreamAddress::Unix(path) => path.display().to_string(),
        };
        (
            address,
            server.host.to_str().unwrap().to_owned(),
            upstream.base_path.to_string(),
        )
    };
    let is = |address: &str, host: &str, base: &str| (address.into(), host.into(), base.into());
    assert_eq!(
        upstream("http://a.example"),
        is("a.example:80", "a.example", "")
    );
    assert_eq!(upstream("http://a:9000/v1/"), is("a:9000", "a:9000", "/v1"));
    assert_eq!(
        upstream("http://[::1]:9000/"),
        is("[::1]:9000", "[::1]:9000", "")
    );
    assert_eq!(
        upstream("unix:/run/a.sock"),
        is("/run/a.sock", "localhost", "")
    );
    for (url, says) in [
        ("ftp://a", "begins with http://"),
        ("a:9000", "begins with http://"),
        ("http://u:p@a", "user name or a password"),
        ("http://a/?q=1", "query"),
        ("http://a/#f", "fragment"),
        ("http://a/x/../y", "must be plain"),
        ("http://a/%2e", "must be plain"),
        ("http://a//b", "must be plain"),
        ("http://a:0", "not an address to connect to"),
        ("http://", "not a URL"),
        ("unix:", "followed by a path"),
    ] {
        refuse_at(&format!("[upstream]\nurl = \"{url}\"\n"), "2:7", &[says]);
    }
    refuse_at(
        "[upstream]\n",
        "1:2",
        &["the upstream \"default\" has no \"url\""],
    );
    let both = format!("{UPSTREAM}[upstreams.default]\nurl = \"http://b\"\n");
    refuse_at(&both, "3:12", &["[upstream] is short for"]);
}

#[test]
fn routes_say_which_requests_go_where() {
    let config = accept_with(
        "[upstreams.orders]\nurl = \"http://b\"\n[[routes]]\nhost = \"API.example.\"\npath = \"/orders/{id}\"\nmethods = [\"GET\"]\nupstream = \"orders\"\naccess = \"optional\"\nissuers = [\"https%3A%2F%2Fidp.example\"]\nscopes = [\"orders:read\"]\n[[routes]]\naccess = \"public\"\n",
    );
    let [orders, all] = config.policy.routes.all() else {
        panic!("not two routes")
    };
    assert_eq!(
        (orders.host.as_deref(), &*orders.name),
        (Some("api.example"), "api.example/orders/{id}")
    );
    assert_eq!((orders.upstream, orders.access), (1, Access::Optional));
    assert!(
        orders
            .issuers
            .as_ref()
            .unwrap()
            .contains("https://idp.example")
    );
    assert_eq!(
        (all.upstream, all.access, &*all.path),
        (0, Access::Public, "/{*rest}")
    );
    for (line, column, says) in [
        ("upstream = \"defualt\"", 12, "did you mean \"default\"?"),
        ("access = \"optinal\"", 10, "did you mean \"optional\"?"),
        ("methods = [\"get\"]", 12, "did you mean \"GET\"?"),
        ("methods = [\"TRACE\"]", 12, "never forwarded"),
        ("methods = []", 11, "no method at all"),
        ("host = \"https://a\"", 8, "not a host's name"),
        ("host = \"a:80\"", 8, "not a host's name"),
        ("host = \"*.a\"", 8, "not a host's name"),
        (
            "issuers = [\"https://nobody.example\"]",
            12,
            "no issuer has this name",
        ),
        ("issuers = []", 11, "no issuer at all"),
        ("scopes = [\"a b\"]", 11, "not a scope"),
        (
            "scopes = [\"a\"]\naccess = \"public\"",
            10,
            "\"scopes\" would do nothing",
        ),
        (
            "any_scopes = [\"a\"]\naccess = \"public\"",
            14,
            "\"any_scopes\" would do nothing",
        ),
        ("tokens = {}", 1, "did you mean \"token\"?"),
    ] {
        refused("[[routes]]", line, column, &[says]);
    }
    let close = "[[routes]]\nissuers = [\"https://idp.exmple\"]\n";
    refuse_at(
        &format!("{UPSTREAM}{ISSUER}{close}"),
        "6:12",
        &["did you mean \"https://idp.example\"?"],
    );
}

#[test]
fn a_route_needs_an_upstream() {
    refuse_at(
        "[[routes]]\npath = \"/a\"\n",
        "1:1",
        &["there is no [upstream]"],
    );
    let config = accept(
        "[upstreams.a]\nurl = \"http://a\"\n[[routes]]\nupstream = \"a\"\n[upstreams.b]\nurl = \"http://b\"\n",
    );
    assert!(
        config
            .warnings
            .iter()
            .any(|w| w == "no route uses the upstream b"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn routes_that_cannot_be_in_the_table_are_pointed_at() {
    refused("[[routes]]", "path = \"orders\"", 8, &[]);
    refused(
        "[[routes]]",
        "path = \"/a/{*rest}/b\"",
        8,
        &["not a valid pattern"],
    );
    refused(
        "[[routes]]",
        "path = \"/a/../b\"",
        8,
        &["not a valid pattern"],
    );
    let twice = "path = \"/a\"\n[[routes]]\npath = \"/a\"";
    refuse_at(
        &format!("{UPSTREAM}[[routes]]\n{twice}\n"),
        "6:8",
        &["route 1 is already for this host, path and method"],
    );
    let config = accept_with("[[routes]]\npath = \"/a\"\n[[routes]]\npath = \"/b\"\n");
    assert_eq!(config.policy.routes.all().len(), 2);
}

#[test]
fn an_upstream_says_its_protocol_in_its_url_or_in_words() {
    let protocol = |keys: &str| {
        let config = accept(&format!("[upstream]\n{keys}\n{ISSUER}"));
        config.policy.upstreams[0].protocol
    };
    let url = |url: &str| protocol(&format!("url = \"{url}\""));
    assert_eq!(url("http://a:1"), Protocol::Auto);
    assert_eq!(url("h2c://a:1/base"), Protocol::Http2);
    assert_eq!(url("H2C://a"), Protocol::Http2);
    for (word, chosen) in [
        ("http1", Protocol::Http1),
        ("http2", Protocol::Http2),
        ("auto", Protocol::Auto),
    ] {
        let keys = format!("url = \"unix:/run/up\"\nprotocol = \"{word}\"");
        assert_eq!(protocol(&keys), chosen);
    }
    let keys = "url = \"h2c://a:1\"\nprotocol = \"http1\"";
    let says = ["h2c:// is HTTP/2", "write http:// for HTTP/1.1"];
    refuse_at(&format!("[upstream]\n{keys}\n"), "3:12", &says);
    let keys = "url = \"http://a\"\nprotocol = \"http3\"";
    refuse_at(&format!("[upstream]\n{keys}\n"), "3:12", &["\"http2\""]);
    for (url, says) in [
        ("h2c:a", "begins with http:// or https:// or h2c://"),
        ("h2c://", "not a URL"),
        ("h2c://u@a", "user name or a password"),
        ("h2c://a?b", "query"),
        ("h2c://a/../b", "must be plain"),
        ("h2://a", "begins with http:// or https:// or h2c://"),
    ] {
        refuse_at(&format!("[upstream]\nurl = \"{url}\"\n"), "2:7", &[says]);
    }
}

#[test]
fn http_2_is_chosen_and_bounded() {
    let server = accept_with("[server]\n").server;
    assert!(server.http2 && !server.http2_cleartext);
    assert_eq!(
        (server.limits.http2_streams, server.limits.http2_window),
        (100, 65_536)
    );
    let server = accept_with(
        "[server]\nhttp2 = false\nhttp2_cleartext = true\n[server.limits]\nhttp2_streams = 1\nhttp2_window = \"16KiB\"\n",
    )
    .server;
    assert!(!server.http2 && server.http2_cleartext);
    assert_eq!(
        (server.limits.http2_streams, server.limits.http2_window),
        (1, 16_384)
    );
    refused("[server]", "http2 = 1", 9, &["must be true or false"]);
    refused(
        "[server]",
        "http2_cleartext = \"yes\"",
        19,
        &["must be true or false"],
    );
    refused(
        "[server.limits]",
        "http2_streams = 0",
        17,
        &["a whole number from 1 to 10000"],
    );
    refused("[server.limits]", "http2_window = \"1KiB\"", 16, &["16"]);
}
