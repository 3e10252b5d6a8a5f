//! `/metrics`: what is documented is there, what is there is documented, and no name breaks a line.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::telemetry::{
    Metrics,
    metrics::{AuthorizerLabels, CutOffLabels, HandshakeLabels, SessionLabels, StoreFailureLabels},
    token_service::{EndpointLabels, IssuedLabels, RevokedLabels},
};

use super::harness::{Response, Stage, get, mint};

/// Types and labels by the name of a metric.
type Listed = BTreeMap<String, (String, BTreeSet<String>)>;

const DOCUMENT: &str = include_str!("../../docs/metrics.md");

fn documented() -> Listed {
    let quoted = |cell: &str| -> BTreeSet<String> {
        let names = cell.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    };
    let rows = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| `portcullis_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert!(cells.len() == 6 && !cells[4].is_empty(), "{line}");
        let name = cells[1].trim_matches('`').to_owned();
        (name, (cells[2].to_owned(), quoted(cells[3])))
    };
    let all: Vec<_> = rows.map(row).collect();
    let listed: Listed = all.iter().cloned().collect();
    assert_eq!(listed.len(), all.len(), "one stands twice");
    listed
}

fn scrape(stage: &Stage, accept: Option<&str>) -> Response {
    let asked = accept
        .into_iter()
        .fold(get("/metrics"), |r, a| r.field("Accept", a));
    asked.send(stage.gateway.admin())
}

/// What is served in the older form. The labels are those of the samples, if there are any.
fn served(text: &str) -> Listed {
    let mut listed = Listed::new();
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# TYPE ") {
            let (name, kind) = said.split_once(' ').unwrap();
            listed.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let family = match base {
                Some(base) if listed.contains_key(base) => base,
                _ => name,
            };
            let (_, labels) = listed.get_mut(family).unwrap_or_else(|| panic!("{line}"));
            let inside = line.split_once('{').map_or("", |(_, rest)| rest);
            let pieces: Vec<&str> = inside.split("=\"").collect();
            for piece in pieces.iter().take(pieces.len().saturating_sub(1)) {
                let label = piece.rsplit(['{', ',', '"']).next().unwrap();
                if label != "le" {
                    labels.insert(label.to_owned());
                }
            }
        }
    }
    listed
}

/// A gateway that has whatever has metrics.
fn full() -> Stage {
    let authority = super::harness::Authority::new();
    let [certificate, key] = authority.issue(&["api.example.com"]);
    let builder = Stage::builder();
    std::fs::write(builder.directory().join("api.pem"), certificate).unwrap();
    std::fs::write(builder.directory().join("api.key"), key).unwrap();
    let stage = builder
        .in_a_file()
        .with(
            "[store]\npath = \"store.redb\"\n\
             [server.tls]\ncertificate_file = \"api.pem\"\nprivate_key_file = \"api.key\"\n\
             [issuers.\"https://asked.example\"]\naudiences = [\"ALL_AUDIENCES\"]\n\
             jwks_uri = \"https://asked.example/keys\"\n\
             [issuers.\"https://asked.example\".introspection]\n\
             endpoint = \"https://asked.example/introspect\"\nclient_id = \"us\"\n\
             client_secret = \"secret\"\njwt = \"fallback\"\n\
             [upstream.credential]\nkind = \"client_credentials\"\nclient_id = \"us\"\n\
             client_secret = \"secret\"\ntoken_endpoint = \"https://idp.example/token\"\n",
        )
        .start();
    let reloaded = super::harness::post("/reload", "").send(stage.gateway.admin());
    assert_eq!(reloaded.status, 200);
    touch(stage.gateway.running().gateway().metrics());
    stage
}

/// A family without a sample is not served, so each has one.
fn touch(metrics: &Metrics) {
    let (route, outcome, version) = ("-".into(), "full", "1.3");
    let code = "upstream_timeout";
    drop(
        metrics
            .responses_cut_off
            .get_or_create(&CutOffLabels { route, code }),
    );
    drop(metrics.sessions.get_or_create(&SessionLabels { outcome }));
    let asked = AuthorizerLabels {
        kind: "nginx",
        outcome,
    };
    drop(metrics.authorizers.get_or_create(&asked));
    drop(
        metrics
            .tls_handshakes
            .get_or_create(&HandshakeLabels { outcome, version }),
    );
    let failure = StoreFailureLabels {
        r#use: "replay",
        decision: "refuse",
    };
    drop(metrics.store_failures.get_or_create(&failure));
    let (endpoint, grant, form, kind) = ("token", "jwt_bearer", "jwt", "access_token");
    let service = &metrics.token_service;
    drop(
        service
            .requests
            .get_or_create(&EndpointLabels { endpoint, outcome }),
    );
    drop(service.issued.get_or_create(&IssuedLabels { grant, form }));
    drop(service.revoked.get_or_create(&RevokedLabels { kind }));
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_there() {
    let text = scrape(&full(), None).text();
    let (documented, served) = (documented(), served(&text));
    let names = |listed: &Listed| listed.keys().cloned().collect::<BTreeSet<_>>();
    let (there, said) = (names(&served), names(&documented));
    assert_eq!(
        there.difference(&said).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "not documented"
    );
    assert_eq!(
        said.difference(&there).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "not there"
    );
    for (name, (kind, labels)) in &documented {
        let (own, found) = &served[name];
        assert_eq!(kind, own, "{name}");
        assert!(found.is_empty() || found == labels, "{name} has {found:?}");
    }
}

#[test]
fn who_asks_for_open_metrics_gets_it_and_others_the_older_form() {
    let stage = Stage::new();
    stage.accepts(&mint::token());
    let plain = scrape(&stage, None);
    assert_eq!(
        plain.field("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(
        plain
            .text()
            .contains("\n# TYPE portcullis_requests_total counter\n")
    );
    assert!(!plain.text().contains("# EOF") && !plain.text().contains("# UNIT"));
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let open = scrape(&stage, Some(prometheus));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.field("content-type"), Some(kind));
    assert!(
        open.text()
            .contains("\n# TYPE portcullis_requests counter\n")
    );
    assert!(open.text().ends_with("# EOF\n"));
    let sample = "portcullis_requests_total{route=\"/{*rest}\",outcome=\"allow\",code=\"ok\"} 1\n";
    assert!(open.text().contains(sample) && plain.text().contains(sample));
}

#[test]
fn no_name_of_the_configuration_breaks_a_line() {
    let keys =
        "audiences = [\"ALL_AUDIENCES\"]\nshared_secret = \"0123456789abcdef0123456789abcdef\"\n";
    let stage = Stage::with(&format!(
        "[issuers.\"a%22%7D%201%5Cnportcullis_forged%201\"]\n{keys}"
    ));
    for accept in [None, Some("application/openmetrics-text")] {
        let text = scrape(&stage, accept).text();
        let escaped = r#"portcullis_keys{issuer="a\"} 1\\nportcullis_forged 1",state="usable"} 1"#;
        assert!(text.lines().any(|line| line == escaped), "{text}");
    }
    // What would break a line is no name at all.
    let forged = format!("[issuers.\"a%0Aportcullis_forged%201\"]\n{keys}");
    let started = std::panic::catch_unwind(|| Stage::with(&forged));
    assert!(started.is_err());
}
