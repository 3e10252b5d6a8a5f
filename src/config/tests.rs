//! Tests of whole configurations.

use std::path::Path;

use super::*;
use crate::clock::{Clock, UnixTime};

mod access_log;
mod authorizers;
mod credentials;
mod decryption;
mod editor;
mod errors;
mod files;
mod introspection;
mod issuers;
mod issuers_file;
mod key_files;
mod rate_limits;
mod redaction;
mod reference;
mod routes;
mod sections;
mod session;
mod signing;
mod store;
mod tls;
mod token_service;
mod tracing;
mod upstreams;
mod users;

/// What every file here has, so that each test shows only what it is about.
const UPSTREAM: &str = "[upstream]\nurl = \"http://127.0.0.1:9000\"\n";
const ISSUER: &str = "[issuers.\"https://idp.example\"]\njwks_uri = \"https://idp.example/jwks\"\n";

fn clock() -> Clock {
    Clock::standing_at(UnixTime(1_700_000_000))
}

fn parse_in(base: &Path, text: &str) -> Result<Config, Report> {
    let environment = |name: &str| (name == "HOST").then(|| "idp.example".to_owned());
    let parsed = parse("portcullis.toml", text, base, &environment, &clock());
    let report = parsed.as_ref().err().map(ToString::to_string);
    editor::compare(text, parsed.is_ok(), report.as_deref().unwrap_or_default());
    parsed
}

fn accept(text: &str) -> Config {
    parse_in(Path::new("/nowhere"), text).unwrap_or_else(|report| panic!("{report}\n{text}"))
}

/// A file with an upstream and an issuer that ends with `text`.
fn accept_with(text: &str) -> Config {
    accept(&format!("{UPSTREAM}{ISSUER}{text}"))
}

fn refuse(text: &str) -> String {
    match parse_in(Path::new("/nowhere"), text) {
        Ok(_) => panic!("this is accepted:\n{text}"),
        Err(report) => report.to_string(),
    }
}

/// The report of a file with exactly one error, which stands at `place` and says each of `says`.
#[track_caller]
fn refuse_at(text: &str, place: &str, says: &[&str]) {
    let report = refuse(text);
    for part in says
        .iter()
        .copied()
        .chain([format!("portcullis.toml:{place}\n").as_str(), "\n1 error"])
    {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(report.contains('^'), "no caret in\n{report}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let result = parse_in(Path::new("/nowhere"), &text);
        if let Err(report) = result {
            let _ = (report.render(false), report.render(true));
        }
    }

    #[test]
    fn nothing_that_looks_like_a_file_makes_it_panic(
        lines in proptest::collection::vec(
            "(\\[{1,2}(server|token|routes|issuers|upstream|admin)(\\.[\"']?[a-z%é:/]{0,9}[\"']?)?\\]{1,2}|\
             (listen|url|path|jwks|claims|k|audiences|token|methods) ?= ?[\"'\\[{]{0,3}.{0,12}[\"'\\]}]{0,3})",
            0..12,
        ),
    ) {
        let text = lines.join("\n");
        if let Err(report) = parse_in(Path::new("/nowhere"), &text) {
            let _ = (report.render(false), report.render(true));
        }
    }
}
