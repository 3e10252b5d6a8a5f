//! A JWKS endpoint behind TLS with an authority of its own, which may ask for a client certificate.

use std::{
    io::{BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use super::{mint::Signer, wire::Head};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// One on a port of its own.
pub(crate) struct TlsIssuer {
    address: SocketAddr,
    authority: Authority,
    fetches: Arc<AtomicUsize>,
}

impl TlsIssuer {
    /// One that publishes the public halves of `signers`, to whoever has a certificate of its
    /// authority, or to everybody.
    pub(crate) fn start(signers: &[&Signer], asks: bool) -> Self {
        let authority = authority();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = Self {
            address: listener.local_addr().unwrap(),
            fetches: Arc::default(),
            authority,
        };
        let jwks: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        let body = serde_json::json!({ "keys": jwks }).to_string();
        let (config, fetches) = (issuer.config(asks), Arc::clone(&issuer.fetches));
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &config, &body, &fetches);
            }
        });
        issuer
    }

    /// Where its keys are.
    pub(crate) fn jwks_uri(&self) -> String {
        format!("https://{}/jwks", self.address)
    }

    /// Its authority's certificate (PEM).
    pub(crate) fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    /// A certificate for a client, and its private key (PEM).
    pub(crate) fn client(&self) -> [String; 2] {
        client_of(&self.authority)
    }

    /// How often its keys were sent.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Acquire)
    }

    fn config(&self, asks: bool) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if asks {
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let chain = vec![certificate.der().clone()];
        Arc::new(config.with_single_cert(chain, key).unwrap())
    }
}

/// A client certificate that no server knows the authority of.
pub(crate) fn stranger() -> [String; 2] {
    client_of(&authority())
}

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn client_of(authority: &Authority) -> [String; 2] {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["gateway".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    [certificate.pem(), key.serialize_pem()]
}

/// Answers one request. A handshake that fails is the client's affair.
fn serve(stream: TcpStream, config: &Arc<ServerConfig>, body: &str, fetches: &AtomicUsize) {
    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    if let Ok(Some(_)) = Head::read(&mut reader) {
        fetches.fetch_add(1, Ordering::AcqRel);
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n");
        let mut stream = reader.into_inner();
        let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}
