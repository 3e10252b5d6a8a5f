//! Clients' certificates: asked for or not, and what upstreams hear of them.

use std::io;

use super::{
    harness::{Authority, Pair, Response, Stage, TlsClient, get, mint},
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
