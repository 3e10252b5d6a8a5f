//! `[[authorizers]]`.

use super::*;
use crate::{gateway::AuthorizerKind, server::ListenAddress};

/// One error in the first of `lines`, which stand in line 4.
#[track_caller]
fn refused(lines: &str, column: usize, says: &[&str]) {
    let text = format!("{UPSTREAM}[[authorizers]]\n{lines}\n");
    refuse_at(&text, &format!("4:{column}"), says);
}

#[test]
fn each_has_an_address_and_those_who_may_ask() {
    let config = accept_with(
        "[[authorizers]]\n\
         [[authorizers]]\nkind = \"nginx\"\nlisten = \"unix:ask.sock\"\ntrusted = []\n\
         [[authorizers]]\nkind = \"ext_authz_http\"\nlisten = \"10.0.0.1:9000\"\ntrusted = [\"10.0.0.0/8\"]\n\
         path_prefix = \"/ask/\"\n",
    );
    let listen = &config.server.authorizers;
    assert_eq!(
        listen[..],
        [
            ListenAddress::Tcp("127.0.0.1:9191".parse().unwrap()),
            ListenAddress::Unix("/nowhere/ask.sock".into()),
            ListenAddress::Tcp("10.0.0.1:9000".parse().unwrap()),
        ]
    );
    let all = &config.policy.authorizers;
    assert_eq!(all[0].kind, AuthorizerKind::ForwardAuth);
    let trusted: Vec<String> = all[0].trusted.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(&*all[2].path_prefix, "/ask");
    assert!(accept_with("").policy.authorizers.is_empty());
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_to_do() {
    for (lines, column, says) in [
        ("kind = \"caddy\"", 8, "forward_auth"),
        ("listen = \"9191\"", 10, "an IP address and a port"),
        (
            "trusted = []",
            11,
            "name the address of the proxy that asks",
        ),
        (
            "trusted = [\"caddy\"]\nlisten = \"unix:s\"",
            12,
            "\"10.0.0.0/8\"",
        ),
        (
            "path_prefix = \"ask\"\nkind = \"ext_authz_http\"",
            15,
            "write it as in Envoy's path_prefix",
        ),
        (
            "path_prefix = \"/a?b\"\nkind = \"ext_authz_http\"",
            15,
            "must be a plain path",
        ),
        (
            "path_prefix = \"/\"\nkind = \"ext_authz_http\"",
            15,
            "must be a plain path",
        ),
        ("listn = \"127.0.0.1:1\"", 1, "did you mean \"listen\"?"),
    ] {
        refused(lines, column, &[says]);
    }
    let idle = accept_with("[[authorizers]]\npath_prefix = \"/ask\"\n");
    assert!(
        idle.warnings
            .iter()
            .any(|w| w.contains("\"path_prefix\" does nothing where kind is not"))
    );
}

#[test]
fn no_two_listeners_share_an_address() {
    refuse_at(
        &format!("{UPSTREAM}[[authorizers]]\n[[authorizers]]\nlisten = \"127.0.0.1:9191\"\n"),
        "5:10",
        &["two authorizers cannot share an address"],
    );
    refuse_at(
        &format!("{UPSTREAM}[[authorizers]]\n[server]\nlisten = \"127.0.0.1:9191\"\n"),
        "5:10",
        &["127.0.0.1:9191 is the address of an authorizer too"],
    );
    refuse_at(
        &format!("{UPSTREAM}[[authorizers]]\n[admin]\nlisten = \"127.0.0.1:9191\"\n"),
        "5:10",
        &["the admin listener and an authorizer cannot share an address"],
    );
    // The system chooses another port for each.
    let any = "listen = \"127.0.0.1:0\"\n";
    let config = accept_with(&format!(
        "[server]\n{any}[admin]\n{any}[[authorizers]]\n{any}[[authorizers]]\n{any}"
    ));
    assert_eq!(config.server.authorizers.len(), 2);
}

#[test]
fn without_a_listener_nothing_is_forwarded_and_no_upstream_is_needed() {
    let config = accept(&format!(
        "{ISSUER}[server]\nlisten = []\n[[authorizers]]\n[[routes]]\npath = \"/orders\"\n"
    ));
    assert!(config.server.listen.is_empty());
    let all = accept(&format!("{ISSUER}[server]\nlisten = []\n[[authorizers]]\n"));
    assert_eq!(all.policy.routes.all().len(), 1);
    // Nobody could ask anything.
    refuse_at(
        "[server]\nlisten = []\n",
        "2:10",
        &["\"listen\" needs at least one address"],
    );
    // What is forwarded needs one, whoever else asks.
    let report = refuse(&format!("{ISSUER}[[authorizers]]\n"));
    assert!(
        report.contains("there is no [upstream] to forward to"),
        "{report}"
    );
    // And a name that is wrong is wrong.
    let report = refuse(&format!(
        "{ISSUER}[server]\nlisten = []\n[[authorizers]]\n[[routes]]\nupstream = \"orders\"\n"
    ));
    assert!(report.contains("no upstream has this name"), "{report}");
}

#[test]
fn what_an_authorizer_cannot_take_away_is_told() {
    let warnings = |text: &str| accept_with(text).warnings.join("\n");
    let query = "[token]\nquery_parameter = \"access_token\"\n";
    assert!(warnings(&format!("{query}[[authorizers]]\n")).contains("a token in a query"));
    assert!(!warnings(query).contains("a token in a query"));
    assert!(!warnings("[[authorizers]]\n").contains("a token in a query"));
}

#[cfg(not(feature = "ext-authz"))]
#[test]
fn a_program_without_it_does_not_answer_over_grpc() {
    refused(
        "kind = \"ext_authz_grpc\"",
        8,
        &["build it with --features ext-authz"],
    );
}
