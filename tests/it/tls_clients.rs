//! Clients' certificates: asked for or not, and what upstreams hear of them.

use std::io;

use super::{
    harness::{Authority, Pair, Response, Stage, TlsClient, get, mint, refused},
    tls::{NAME, stage},
};

const FILES: &str = "certificate_file = \"api.pem\"\nprivate_key_file = \"api.key\"\n";

/// A gateway that treats clients' certificates like this, and the three kinds of clients.
struct Scene {
    stage: Stage,
    nameless: TlsClient,
    known: TlsClient,
    strange: TlsClient,
}

fn scene(how: &str) -> Scene {
    let (authority, clients) = (Authority::new(), Authority::new());
    let [certificate, key] = authority.issue(&[NAME]);
    let pem = clients.pem();
    let files = [
        ("api.pem", &*certificate),
        ("api.key", &key),
        ("clients.pem", &pem),
    ];
    let showing = |own: &Pair| TlsClient::showing(&authority, own);
    Scene {
        stage: stage(&files, &format!("{FILES}{how}")),
        nameless: TlsClient::trusting(&authority),
        known: showing(&clients.issue(&["client"])),
        strange: showing(&Authority::new().issue(&["client"])),
    }
}

impl Scene {
    fn ask(&self, client: &TlsClient) -> io::Result<Response> {
        let request = get("/").bearer(mint::token().sign());
        client.send(self.stage.address(), NAME, &request)
    }

    #[track_caller]
    fn lets_in(&self, client: &TlsClient) {
        let before = self.stage.upstream.count();
        assert_eq!(self.ask(client).unwrap().status, 200);
        assert_eq!(self.stage.upstream.count(), before + 1);
    }

    #[track_caller]
    fn turns_away(&self, client: &TlsClient) {
        let before = self.stage.upstream.count();
        assert!(self.ask(client).is_err());
        assert_eq!(self.stage.upstream.count(), before);
    }
}

#[test]
fn without_a_wish_nobody_is_asked() {
    let scene = scene("");
    for client in [&scene.nameless, &scene.known, &scene.strange] {
        scene.lets_in(client);
    }
}

#[test]
fn an_optional_certificate_is_a_good_one_or_none() {
    let scene = scene("client_certificate = \"optional\"\nclient_ca_file = \"clients.pem\"");
    scene.lets_in(&scene.nameless);
    scene.lets_in(&scene.known);
    scene.turns_away(&scene.strange);
}

#[test]
fn a_required_certificate_is_required() {
    let scene = scene("client_certificate = \"required\"\nclient_ca_file = \"clients.pem\"");
    scene.lets_in(&scene.known);
    scene.turns_away(&scene.nameless);
    scene.turns_away(&scene.strange);
    // Once more, with the session of before.
    scene.lets_in(&scene.known);
}

#[test]
fn the_upstream_hears_of_the_certificate_and_of_none_that_a_client_makes_up() {
    let scene = scene(
        "client_certificate = \"optional\"\nclient_ca_file = \"clients.pem\"\n\
         client_certificate_headers = true",
    );
    let request = get("/")
        .bearer(mint::token().sign())
        .field("X-Client-Cert-Subject", "CN=forged")
        .field("x_client_cert_fingerprint", "00");
    let ask = |client: &TlsClient| {
        let before = scene.stage.upstream.count();
        client.send(scene.stage.address(), NAME, &request).unwrap();
        scene.stage.upstream.wait_for(before)
    };
    for _ in 0..2 {
        let seen = ask(&scene.known);
        assert_eq!(seen.field("x-client-cert-subject"), Some("CN=a\\, b"));
        let fingerprint = seen.field("x-client-cert-fingerprint").unwrap();
        assert!(fingerprint.len() == 64 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(seen.field("x_client_cert_fingerprint"), None);
    }
    let seen = ask(&scene.nameless);
    for name in ["subject", "fingerprint"] {
        assert_eq!(seen.field(&format!("x-client-cert-{name}")), None);
    }
    assert_eq!(seen.field("x_client_cert_fingerprint"), None);
}

#[test]
fn a_token_that_is_bound_to_a_certificate_is_good_with_it_alone() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let [certificate, key] = authority.issue(&[NAME]);
    let (pem, own) = (clients.pem(), clients.issue(&["client"]));
    let files = [
        ("api.pem", &*certificate),
        ("api.key", &key),
        ("clients.pem", &pem),
    ];
    let how = "client_certificate = \"optional\"\nclient_ca_file = \"clients.pem\"";
    let stage = stage(&files, &format!("{FILES}{how}"));
    let holder = TlsClient::showing(&authority, &own);
    let other = TlsClient::showing(&authority, &clients.issue(&["client"]));
    let nameless = TlsClient::trusting(&authority);
    let bound_to = |value: serde_json::Value| {
        let token = mint::token().claim("cnf", serde_json::json!({ "x5t#S256": value }));
        get("/").bearer(token.sign())
    };
    let bound = bound_to(thumbprint(&own).into());
    for _ in 0..2 {
        let response = holder.send(stage.address(), NAME, &bound).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        // Also when the token is remembered.
        for client in [&other, &nameless] {
            let response = client.send(stage.address(), NAME, &bound).unwrap();
            refused(&response, 401, "proof_invalid");
        }
    }
    for wrong in [serde_json::json!(1), serde_json::json!("")] {
        let response = holder
            .send(stage.address(), NAME, &bound_to(wrong))
            .unwrap();
        refused(&response, 401, "proof_invalid");
    }
    let malformed = get("/").bearer(mint::token().claim("cnf", "x").sign());
    let response = holder.send(stage.address(), NAME, &malformed).unwrap();
    refused(&response, 401, "proof_invalid");
    assert_eq!(stage.upstream.count(), 2);
    // A token that is not bound needs none.
    let free = get("/").bearer(mint::token().sign());
    assert_eq!(
        nameless.send(stage.address(), NAME, &free).unwrap().status,
        200
    );
}

/// As RFC 8705 §3.1 writes it, made without the gateway's code.
fn thumbprint([certificate, _]: &Pair) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    URL_SAFE_NO_PAD.encode(digest)
}
