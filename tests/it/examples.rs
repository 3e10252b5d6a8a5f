//! The shipped examples, run as they are but for addresses and keys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portcullis::clock::{Clock, UnixTime};
use serde_json::{Value, json};
use toml::Table;

use super::harness::{
    AUDIENCE, Gateway, Issuer, NOW, Request, Response, Seen, Signer, Token, Upstream, get, mint,
    post, refused,
};

mod axway;

const STAFF: &str = "https://idp.example.com/realms/staff";
const PARTNER: &str = "https://login.partner.example";
const SHOP: &str = "https://idp.example.com/realms/shop";

/// An example at work.
struct Example {
    gateway: Gateway,
    upstream: Upstream,
    _directory: tempfile::TempDir,
}

impl Example {
    /// Starts a copy of the example `name`. `change` puts the test's keys and addresses in.
    fn start(name: &str, change: impl FnOnce(&mut Table, &Path)) -> Self {
        let from = shipped(name);
        let directory = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
        }
        let upstream = Upstream::start();
        let text = fs::read_to_string(from.join("portcullis.toml")).unwrap();
        let mut config: Table = text.parse().unwrap();
        config["server"]["listen"] = "127.0.0.1:0".into();
        config["upstream"]["url"] = upstream.url().into();
        config.insert(
            "admin".into(),
            toml::from_str::<Table>("listen = \"\"").unwrap().into(),
        );
        change(&mut config, directory.path());
        let clock = Clock::standing_at(UnixTime(NOW));
        let text = toml::to_string(&config).unwrap();
        let gateway = Gateway::start(&text, directory.path(), &clock, None);
        let snapshot = gateway.running().gateway().snapshot();
        for issuer in snapshot.policy.registry.iter() {
            gateway.refresh(&issuer.name);
        }
        Self {
            gateway,
            upstream,
            _directory: directory,
        }
    }

    #[track_caller]
    fn allows(&self, request: &Request) -> Seen {
        let before = self.upstream.count();
        let response = request.send(self.gateway.address());
        assert_eq!(response.status, 200, "{}", response.text());
        self.upstream.wait_for(before)
    }

    #[track_caller]
    fn refuses(&self, request: &Request, status: u16, code: &str) -> Response {
        let before = self.upstream.count();
        let response = request.send(self.gateway.address());
        refused(&response, status, code);
        assert_eq!(self.upstream.count(), before, "the upstream saw it");
        response
    }
}

/// The Liberty example; its two providers publish the keys of the tests, its partner has a certificate and
/// an endpoint of theirs.
fn liberty() -> (Example, Upstream) {
    liberty_with(|config| {
        // The tests are no office.
        config["routes"][0]["when"][0]["remote_address"] = "127.*.*.*".into();
    })
}

fn liberty_with(change: impl FnOnce(&mut Table)) -> (Example, Upstream) {
    let endpoint = Upstream::start();
    let example = Example::start("liberty", |config, directory| {
        change(config);
        let issuers = config["issuers"].as_table_mut().unwrap();
        let keys = Issuer::start(&[mint::es256(), mint::rsa()]);
        for name in [STAFF, SHOP] {
            issuers[name]["jwks_uri"] = keys.jwks_uri().into();
        }
        let url = format!("{}/introspect", endpoint.url());
        issuers[PARTNER]["introspection"]["endpoint"] = url.into();
        let certificate = partner().certificate((2026, 1, 1), (2030, 1, 1));
        fs::write(directory.join("partner.pem"), certificate.pem()).unwrap();
    });
    (example, endpoint)
}

fn partner() -> &'static Signer {
    static SIGNER: std::sync::OnceLock<Signer> = std::sync::OnceLock::new();
    SIGNER.get_or_init(|| Signer::rsa("partner", aws_lc_rs::rsa::KeySize::Rsa2048))
}

fn staff() -> Token<'static> {
    Token::of(mint::rsa()).claim("iss", STAFF)
}

fn of_partner() -> Token<'static> {
    let token = Token::of(partner()).claim("iss", PARTNER);
    token.without_header("kid")
}

#[test]
fn liberty_staff_reach_orders_and_nothing_else() {
    let (example, endpoint) = liberty();
    let token = staff().claim("groupIds", json!(["root"])).sign();
    for path in ["/orders", "/orders/42", "/orders/42/lines"] {
        let seen = example.allows(&get(path).bearer(&token));
        assert_eq!(seen.field("x-auth-subject"), Some("alice"));
        // Those of users.toml: the token's do not count.
        let groups = "order-clerks,order-managers";
        assert_eq!(seen.field("x-auth-groups"), Some(groups));
        assert_eq!(seen.field("x-auth-realm"), Some("staff"));
        example.refuses(&get(path), 401, "token_missing");
    }
    let orders = |token: Token<'_>| get("/orders").bearer(token.sign());
    example.allows(&orders(staff().claim("aud", "orders")));
    example.allows(&orders(staff().claim("exp", NOW - 299)));
    example.allows(&orders(staff().claim("realmName", "staff")));
    for (token, code) in [
        (staff().claim("aud", "order"), "audience_not_allowed"),
        (staff().without("aud"), "audience_not_allowed"),
        (staff().claim("exp", NOW - 300), "token_expired"),
        (staff().without("sub"), "claim_missing"),
        (
            staff().claim("iss", "https://idp.example.com/realms/Staff"),
            "issuer_unknown",
        ),
        (staff().algorithm("RS512"), "algorithm_not_allowed"),
        (
            Token::of(mint::es256()).claim("iss", STAFF),
            "algorithm_not_allowed",
        ),
        (staff().header("typ", "logout+jwt"), "type_not_allowed"),
        (Token::of(partner()).claim("iss", STAFF), "key_not_found"),
        (of_partner(), "issuer_unknown"),
    ] {
        example.refuses(&orders(token), 401, code);
    }
    let stranger = orders(staff().claim("sub", "mallory"));
    example.refuses(&stranger, 403, "user_unknown");
    // The filter of one provider does not let its tokens in elsewhere.
    example.refuses(&get("/partners/1").bearer(&token), 401, "issuer_unknown");
    example.refuses(&get("/catalog").bearer(&token), 401, "issuer_unknown");
    for path in ["/", "/ordersx", "/x/orders", "/Orders", "/?/orders"] {
        example.refuses(&get(path).bearer(&token), 404, "route_not_found");
    }
    let spoofed = get("/").bearer(&token).field("request-url", "/orders");
    example.refuses(&spoofed, 404, "route_not_found");
    endpoint.saw_nothing();
}

#[test]
fn liberty_orders_are_for_the_office_and_not_for_scripts() {
    let (example, _) = liberty_with(|config| {
        let peers = toml::Value::Array(vec!["127.0.0.1".into()]);
        let server = config["server"].as_table_mut().unwrap();
        server.insert("trusted_proxies".to_owned(), peers);
    });
    let token = staff().sign();
    let from = |address: &str| {
        let request = get("/orders/42").bearer(&token);
        request.field("X-Forwarded-For", address)
    };
    example.allows(&from("10.1.2.3"));
    example.allows(&from("10.1.2.3").field("User-Agent", "Mozilla/5.0"));
    for request in [
        from("192.0.2.1"),
        from("10.1.2.3, 192.0.2.1"),
        from("10.1.2.3").field("User-Agent", "curl/8.0"),
        get("/orders/42").bearer(&token),
        from("192.0.2.1").field("remote-address", "10.1.2.3"),
    ] {
        example.refuses(&request, 404, "route_not_found");
    }
}

#[test]
fn liberty_partners_are_known_by_certificate_or_by_introspection() {
    let (example, endpoint) = liberty();
    let says = |answer: Value| {
        endpoint.replies_with("200 OK", "", answer.to_string());
    };
    let at = |token: &str| get("/partners/1").bearer(token);
    let seen = example.allows(&at(&of_partner().sign()));
    assert_eq!(seen.field("x-auth-issuer"), Some(PARTNER));
    let expired = of_partner().claim("exp", NOW - 300).sign();
    example.refuses(&at(&expired), 401, "token_expired");
    endpoint.saw_nothing();
    // No key verifies it, so that the partner is asked.
    let rotated = Token::of(mint::rsa()).claim("iss", PARTNER).sign();
    says(json!({"active": true, "sub": "carol", "aud": AUDIENCE, "exp": NOW + 60}));
    for token in [&*rotated, "opaque-1"] {
        let seen = example.allows(&at(token));
        assert_eq!(seen.field("x-auth-subject"), Some("carol"));
    }
    let asked = String::from_utf8(endpoint.wait_for(1).body).unwrap();
    let us = "client_id=orders-gateway&client_secret=change-me";
    assert_eq!(
        asked,
        format!("token=opaque-1&token_type_hint=access_token&{us}")
    );
    says(json!({"active": false}));
    example.refuses(&at("opaque-2"), 401, "token_inactive");
    endpoint.replies_with("401 Unauthorized", "", "");
    example.refuses(&at("opaque-3"), 503, "introspection_unavailable");
    // Nobody asks the partner about what is on another path.
    example.refuses(&get("/orders").bearer("opaque-1"), 401, "token_malformed");
    assert_eq!(endpoint.count(), 4);
}

#[test]
fn libertys_catalogue_is_open_and_takes_no_bad_token() {
    let (example, _) = liberty();
    let shop = || Token::of(mint::es256()).claim("iss", SHOP);
    assert_eq!(example.allows(&get("/catalog/1")).identity(), []);
    let any = shop().claim("aud", "https://elsewhere.example.com");
    let seen = example.allows(&get("/catalog/1").bearer(any.sign()));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    let expired = shop().claim("exp", NOW - 300);
    let request = get("/catalog/1").bearer(expired.sign());
    example.refuses(&request, 401, "token_expired");
    let challenge = example.refuses(&get("/orders/1"), 401, "token_missing");
    let challenge = challenge.field("www-authenticate").unwrap();
    let document = "https://api.example.com/.well-known/oauth-protected-resource/orders";
    assert!(challenge.contains(document), "{challenge}");
}

/// The Create example with the tests' keys in its registry.
fn create() -> Example {
    Example::start("create", |_, directory| {
        let file = directory.join("registry.json");
        let text = fs::read_to_string(&file).unwrap();
        let mut registry: Value = serde_json::from_str(&text).unwrap();
        for issuer in registry.as_object_mut().unwrap().values_mut() {
            let keys = &mut issuer["key"]["keys"];
            assert!(keys[0].is_object() || keys["0"].is_object());
            *keys = match keys {
                Value::Array(_) => json!([mint::es256().jwk()]),
                _ => json!({"0": mint::es256().jwk()}),
            };
        }
        fs::write(file, registry.to_string()).unwrap();
    })
}

#[test]
fn creates_registry_says_whose_tokens_pass_and_with_which_claims() {
    let example = create();
    let orders = "https://idp.example.com/auth/realms/orders";
    let partner = "https://partner.example:8443/Auth/";
    let token = |iss: &str| mint::token().claim("iss", iss).claim("typ", "Bearer");
    let of_orders = || token(orders).claim("azp", "orders-web");
    let of_partner = || token(partner).claim("roles", json!(["reader", "carrier"]));
    let at = |token: Token<'_>| get("/").bearer(token.sign());
    example.allows(&at(of_orders()));
    example.allows(&at(of_orders().claim("azp", "orders-app")));
    example.allows(&at(of_partner()));
    example.allows(&at(of_partner().claim("roles", "supplier")));
    for (token, code) in [
        (of_orders().claim("azp", "other"), "claim_not_allowed"),
        (of_orders().claim("azp", "Orders-Web"), "claim_not_allowed"),
        (of_orders().without("azp"), "claim_missing"),
        (of_orders().claim("typ", "Refresh"), "claim_not_allowed"),
        (
            of_partner().claim("roles", json!(["reader"])),
            "claim_not_allowed",
        ),
        (of_partner().claim("roles", json!([])), "claim_not_allowed"),
        (of_orders().claim("aud", "other"), "audience_not_allowed"),
        (
            of_partner().claim("iss", "https://partner.example/Auth/"),
            "issuer_unknown",
        ),
        (
            of_partner().claim("iss", "https://partner.example:8443/auth/"),
            "issuer_unknown",
        ),
        (
            of_partner().claim("iss", "https://partner.example:8443/Auth"),
            "issuer_unknown",
        ),
        (token("https://old.example.com/"), "issuer_inactive"),
        (
            Token::of(mint::stranger()).claim("iss", orders),
            "signature_invalid",
        ),
    ] {
        example.refuses(&at(token), 401, code);
    }
}

#[test]
fn creates_claims_must_be_mirrored_in_the_request() {
    let example = create();
    let token = mint::token()
        .claim("iss", "https://idp.example.com/auth/realms/orders")
        .claim("typ", "Bearer")
        .claim("azp", "orders-web")
        .claim("tenant", "acme")
        .claim("account", "1")
        .claim("customer", json!({"id": 7}))
        .sign();
    let order = |path: &str, body: &str| {
        let request = post(path, body).field("Content-Type", "application/json");
        request.bearer(&token)
    };
    let own = "/accounts/1/orders";
    for body in [
        "{\"customerId\":7}",
        "{}",
        "{\"customerId\" : 7, \"more\":[1]}",
    ] {
        let seen = example.allows(&order(own, body).field("X-Tenant", "acme"));
        assert_eq!(seen.body, body.as_bytes());
    }
    for request in [
        order(own, "{}"),
        order(own, "{}").field("X-Tenant", "other"),
        order(own, "{}")
            .field("X-Tenant", "acme")
            .field("X-Tenant", "other"),
        order("/accounts/2/orders", "{}").field("X-Tenant", "acme"),
        order(own, "{\"customerId\":8}").field("X-Tenant", "acme"),
        order(own, "customerId=7").field("X-Tenant", "acme"),
        get("/anything").bearer(&token).field("X-Tenant", "other"),
    ] {
        example.refuses(&request, 403, "binding_mismatch");
    }
    example.allows(&get("/anything").bearer(&token));
    example.allows(&get("/anything").bearer(&token).field("X-Tenant", "acme"));
    let anonymous = post(own, "{}").field("X-Tenant", "acme");
    example.refuses(&anonymous, 401, "token_missing");
    let read = get(own).bearer(&token);
    example.refuses(&read, 405, "method_not_allowed");
}

#[test]
fn the_shipped_files_can_be_used_as_they_are() {
    for name in ["liberty", "create"] {
        can_be_used(&shipped(name));
    }
    // Private keys are not shipped.
    let directory = tempfile::tempdir().unwrap();
    for file in ["portcullis.toml", "reporting.pem"] {
        fs::copy(shipped("axway").join(file), directory.path().join(file)).unwrap();
    }
    axway::make_key(directory.path());
    can_be_used(directory.path());
}

fn shipped(name: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    examples.join(name)
}

#[track_caller]
fn can_be_used(folder: &Path) {
    let file = folder.join("portcullis.toml");
    if let Err(report) = portcullis::config::load(&file, &Clock::standing_at(UnixTime(NOW))) {
        panic!("{}", report.render(false));
    }
}

/// The outbound example, with keys of its own and an authorization server on this machine.
fn outbound() -> (Example, Upstream) {
    let server = Upstream::start();
    let answer = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300});
    server.replies_with("200 OK", "", answer.to_string());
    let example = Example::start("outbound", |config, directory| {
        let credential = config["upstream"]["credential"].as_table_mut().unwrap();
        let url = format!("{}/oauth/token", server.url());
        credential.insert("token_endpoint".into(), url.into());
        let keys = portcullis::signing::Directory::new(directory.join("keys"));
        let usual = portcullis::signing::Settings::default();
        keys.generate(&usual, None, UnixTime(NOW)).unwrap();
    });
    (example, server)
}

#[test]
fn outbound_calls_get_the_token_that_the_api_wants() {
    let (example, server) = outbound();
    for _ in 0..2 {
        let forged = get("/orders/42").field("Authorization", "Bearer forged");
        let seen = example.allows(&forged);
        assert_eq!(seen.head.all("authorization"), ["Bearer t"]);
    }
    assert_eq!(server.count(), 1);
    let asked = String::from_utf8(server.wait_for(0).body).unwrap();
    assert!(asked.contains("client_assertion=") && asked.contains("scope=orders%3Aread"));
    // The twins: another path, and an authorization server that knows nobody.
    example.refuses(&get("/other"), 404, "route_not_found");
    let (example, server) = outbound();
    server.replies_with("401 No", "", json!({"error": "invalid_client"}).to_string());
    example.refuses(&get("/orders/42"), 502, "credential_refused");
}
