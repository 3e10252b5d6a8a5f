//! `portcullis import`: what comes of other programs' configurations can be used, and loses nothing in
//! silence.

use std::{path::Path, process::Command};

use portcullis::{
    clock::{Clock, UnixTime},
    config::{self, Config},
    import::{self, ImportError, Imported},
};
use serde_json::json;

use super::harness::{Gateway, Issuer, NOW, Token, Upstream, get, mint, refused};

const SERVER: &str = include_str!("import/server.xml");
const ENVOY: &str = include_str!("import/envoy.yaml");

fn check(imported: &Imported, folder: &Path) -> Config {
    for file in &imported.files {
        std::fs::write(folder.join(file.name), &file.text).unwrap();
    }
    let text = &imported.files[0].text;
    config::parse("portcullis.toml", text, folder, &|_| None, &Clock::system())
        .unwrap_or_else(|report| panic!("{}\n{text}", report.render(false)))
}

fn left(imported: &Imported) -> Vec<String> {
    imported.left.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn is_left(imported: &Imported, beginning: &str, word: &str) {
    let found = left(imported);
    let is = |text: &String| text.starts_with(beginning) && text.contains(word);
    assert!(
        found.iter().any(is),
        "{beginning} … {word} is not in {found:#?}"
    );
}

fn envoy() -> Imported {
    let key = mint::es256().jwk().to_string();
    import::envoy::import(&ENVOY.replace("KEY", &key), "envoy.yaml").unwrap()
}

#[test]
fn a_server_of_liberty() {
    let folder = tempfile::tempdir().unwrap();
    let imported = import::liberty::import(SERVER, "server.xml").unwrap();
    let config = check(&imported, folder.path());
    let table: toml::Table = imported.files[0].text.parse().unwrap();
    let staff = &table["issuers"]["https://idp.example.com/realms/staff"];
    assert_eq!(
        staff["jwks_uri"].as_str(),
        Some("https://idp.example.com/realms/staff/certs")
    );
    assert_eq!(staff["fetch"]["password"].as_str(), Some("secret"));
    assert_eq!(staff["clock_skew"].as_str(), Some("300s"));
    assert_eq!(staff["replay"].as_str(), Some("reject"));
    assert_eq!(staff["identity"]["subject"].as_str(), Some("email"));
    assert_eq!(staff["identity"]["user_registry"].as_bool(), Some(true));
    let shop = &table["issuers"]["https://shop.example.com"];
    assert_eq!(shop["clock_skew"].as_str(), Some("90s"));
    assert!(shop.get("replay").is_none());
    let routes = table["routes"].as_array().unwrap();
    let paths: Vec<_> = routes
        .iter()
        .map(|route| route["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/orders/{*rest}", "/shop"]);
    assert_eq!(routes[0]["issuers"].as_array().unwrap().len(), 2);
    assert_eq!(routes[1]["access"].as_str(), Some("optional"));
    assert_eq!(routes[1]["token"]["header"].as_str(), Some("X-Shop-Token"));
    assert_eq!(routes[1]["when"].as_array().unwrap().len(), 2);
    assert_eq!(
        table["upstream"]["url"].as_str(),
        Some("http://127.0.0.1:9081")
    );
    assert_eq!(table["session"]["enabled"].as_bool(), Some(true));
    assert_eq!(imported.files[1].name, "users.toml");
    assert!(imported.files[1].text.contains("clerks"));
    assert_eq!(config.policy.routes.all().len(), 2);

    is_left(
        &imported,
        "<openidConnectClient id=\"browser\">",
        "takes no tokens",
    );
    is_left(
        &imported,
        "<webApp> of <authFilter id=\"byApplication\">",
        "has no route",
    );
    is_left(
        &imported,
        "<openidConnectClient id=\"lost\"> authFilterRef",
        "no such authFilter",
    );
    is_left(&imported, "sslRef", "always verified");
    is_left(&imported, "nobodyKnows", "not known");
    is_left(&imported, "<member name=\"nobody\">", "no such user");
    is_left(&imported, "<ldapRegistry>", "user_registry");
    is_left(&imported, "<webApplication>", "stays there");
}

#[test]
fn the_server_of_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../examples/liberty/server.xml");
    let imported = import::liberty::import(text, "server.xml").unwrap();
    // The trust store is the only file that has to be put there by hand, so its issuer has another source.
    let written = imported.files[0]
        .text
        .lines()
        .filter(|l| !l.starts_with("truststore_"));
    let written = written.collect::<Vec<_>>().join("\n");
    std::fs::write(folder.path().join("users.toml"), &imported.files[1].text).unwrap();
    let env = |name: &str| name.starts_with("partner_").then(|| "x".to_owned());
    let config = config::parse(
        "portcullis.toml",
        &written,
        folder.path(),
        &env,
        &Clock::system(),
    );
    let config = config.unwrap_or_else(|report| panic!("{}\n{written}", report.render(false)));
    assert_eq!(config.policy.registry.iter().count(), 3);
    is_left(&imported, "partner-trust.jks", "copy it");
    is_left(
        &imported,
        "${partner_trust_password}",
        "environment variable",
    );
}

#[test]
fn what_is_no_server_is_refused() {
    let refuse = |text: &str| import::liberty::import(text, "x").unwrap_err().to_string();
    assert!(refuse("<server><openidConnectClient/>").starts_with("it is not XML"));
    assert!(refuse("<html/>").contains("<html>, not <server>"));
    assert!(refuse("<server/>").contains("takes no tokens"));
    let bomb = "<!DOCTYPE s [<!ENTITY a \"b\">]><server>&a;</server>";
    assert!(refuse(bomb).contains("DTD"));
}

#[test]
fn a_filter_of_envoy() {
    let folder = tempfile::tempdir().unwrap();
    let imported = envoy();
    check(&imported, folder.path());
    let table: toml::Table = imported.files[0].text.parse().unwrap();
    let staff = &table["issuers"]["https://idp.example.com/realms/staff"];
    assert_eq!(staff["clock_skew"].as_str(), Some("30s"));
    assert_eq!(staff["fetch"]["refresh"].as_str(), Some("600s"));
    assert_eq!(
        staff["identity"]["headers"]["x-tenant"].as_str(),
        Some("/account/tenant")
    );
    let routes = table["routes"].as_array().unwrap();
    let route = |path: &str| {
        let found = routes
            .iter()
            .find(|route| route["path"].as_str() == Some(path));
        found.unwrap_or_else(|| panic!("no route for {path} in {routes:#?}"))
    };
    assert_eq!(routes.len(), 3);
    assert_eq!(route("/health")["access"].as_str(), Some("public"));
    assert_eq!(route("/orders/{*rest}")["methods"][0].as_str(), Some("GET"));
    assert_eq!(
        route("/orders/{*rest}")["upstream"].as_str(),
        Some("orders")
    );
    assert_eq!(
        route("/orders/{*rest}")["token"]["forward"].as_bool(),
        Some(true)
    );
    assert_eq!(
        route("/partners/{*rest}")["access"].as_str(),
        Some("optional")
    );
    assert_eq!(
        table["upstreams"]["orders"]["url"].as_str(),
        Some("http://10.0.0.1:9000")
    );

    is_left(&imported, "provider anybody", "names no issuer");
    is_left(&imported, "payload_in_metadata", "other filters");
    is_left(&imported, "rule 4", "an earlier rule");
    is_left(&imported, "rule 5", "it has no route");
    is_left(&imported, "rule 6", "several tokens");
    is_left(&imported, "rule 7", "is not there");
    is_left(&imported, "bypass_cors_preflight", "preflight");
    is_left(&imported, "cluster elsewhere", "write an upstream");
}

#[test]
fn what_is_no_filter_is_refused() {
    let refuse = |text: &str| import::envoy::import(text, "x").unwrap_err().to_string();
    assert!(refuse("a: [b").starts_with("it is not YAML"));
    assert!(refuse("a: b").contains("no jwt_authn"));
    let nobody = "providers: { p: { remote_jwks: {} } }";
    assert!(refuse(nobody).contains("names no issuer"));
    let list = "- &a [x, x, x, x, x, x, x, x, x, x]\n";
    let bomb: String = (0..12).fold(list.to_owned(), |bomb, depth| {
        let name = char::from(b'a' + depth);
        let next = char::from(b'b' + depth);
        format!("{bomb}- &{next} [*{name}, *{name}, *{name}, *{name}, *{name}, *{name}, *{name}]\n")
    });
    assert!(
        refuse(&bomb).starts_with("it is not YAML"),
        "an alias bomb is refused"
    );
}

#[test]
fn a_registry_of_create() {
    let folder = tempfile::tempdir().unwrap();
    let mut key = mint::es256().jwk();
    key["d"] = json!("secret");
    let registry = json!({
        "https%3A%2F%2Fidp.example.com%2Frealm": {
            "active": true,
            "claims": { "typ": ["Bearer"], "azp": "portal", "broken": null },
            "key": { "keys": { "0": key } },
            "clock_skew": "10s",
        },
        "https://other.example.com": { "active": false, "claims": [] , "key": { "keys": [] } },
    });
    let imported = import::create::import(&registry.to_string(), "registry.json").unwrap();
    let config = check(&imported, folder.path());
    assert_eq!(config.policy.registry.iter().count(), 2);
    assert!(
        !imported.files[0].text.contains("secret"),
        "no private key is carried over"
    );
    is_left(
        &imported,
        "\"key\" of https://idp.example.com/realm",
        "private key",
    );
    is_left(&imported, "broken in \"claims\"", "every value passes");
    is_left(
        &imported,
        "\"claims\" of https://other.example.com",
        "not of the kind",
    );
    let refuse = |text: &str| import::create::import(text, "x").unwrap_err();
    assert!(matches!(refuse("[]"), ImportError::Json(_)));
    assert!(refuse("{\"a\": 1}").to_string().contains("no issuer"));
}

/// What was imported from Envoy decides as it did.
#[test]
fn an_imported_gateway_lets_in_whom_the_other_did() {
    const STAFF: &str = "https://idp.example.com/realms/staff";
    let issuer = Issuer::start(&[mint::es256()]);
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let text = ENVOY
        .replace("KEY", &mint::es256().jwk().to_string())
        .replace("https://idp.example.com/certs", &issuer.jwks_uri())
        .replace("10.0.0.1", "127.0.0.1")
        .replace("9000", upstream.url().rsplit(':').next().unwrap());
    let imported = import::envoy::import(&text, "envoy.yaml").unwrap();
    let mut config: toml::Table = imported.files[0].text.parse().unwrap();
    config["server"]["listen"] = "127.0.0.1:0".into();
    let section = |text: &str| toml::Value::from(text.parse::<toml::Table>().unwrap());
    config.insert("admin".into(), section("listen = \"\""));
    config.insert(
        "upstream".into(),
        section(&format!("url = {:?}", upstream.url())),
    );
    let clock = Clock::standing_at(UnixTime(NOW));
    let gateway = Gateway::start(
        &toml::to_string(&config).unwrap(),
        folder.path(),
        &clock,
        None,
    );
    gateway.refresh(STAFF);
    let token = |audience: &str| {
        let token = Token::of(mint::es256()).claim("iss", STAFF);
        token
            .claim("aud", audience)
            .claim("email", "a@example.com")
            .sign()
    };
    let send = |path: &str, token: Option<String>| {
        let request = get(path);
        let request = match token {
            Some(token) => request.bearer(&token),
            None => request,
        };
        request.send(gateway.address())
    };
    let good = send("/orders/1", Some(token("https://api.example.com")));
    assert_eq!(good.status, 200);
    let seen = upstream.seen();
    assert_eq!(seen[0].field("x-email"), Some("a@example.com"));
    let other = send("/orders/1", Some(token("https://other.example.com")));
    refused(&other, 401, "audience_not_allowed");
    refused(&send("/orders/1", None), 401, "token_missing");
    refused(
        &send("/reports/1", Some(token("https://api.example.com"))),
        404,
        "route_not_found",
    );
    assert_eq!(upstream.count(), 1);
    assert_eq!(send("/health", None).status, 200);
}

#[test]
fn the_command_prints_or_writes_and_never_over_something() {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("server.xml");
    std::fs::write(&server, SERVER).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["import", "liberty"])
            .arg(&server)
            .args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, out, err) = run(&[]);
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with("#:schema ./portcullis.schema.json\n# Made from server.xml.\n")
            && err.contains("users.toml comes as well")
    );
    assert!(err.contains("not carried over, or yours to do:\n"), "{err}");
    let into = folder.path().join("new");
    let (code, out, _) = run(&["--output", into.to_str().unwrap()]);
    assert_eq!((code, out.lines().count()), (Some(0), 2));
    let (code, _, err) = run(&["--output", into.to_str().unwrap()]);
    assert!(code == Some(2) && err.contains("cannot write"), "{err}");
    std::fs::remove_file(&server).unwrap();
    let (code, out, err) = run(&[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("cannot read"), "{err}");
}
