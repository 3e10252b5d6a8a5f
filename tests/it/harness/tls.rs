//! TLS from the other side: an authority, clients of the gateway, and an upstream.

use std::{
    io::{self, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig,
    ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

use super::{PATIENCE, Request, Response, wire::Head};

/// Whoever signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, as PEM.
pub(crate) type Pair = [String; 2];

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.sign(Self::params(names))
    }

    /// One that has ended.
    pub(crate) fn issue_expired(&self, names: &[&str]) -> Pair {
        let mut params = Self::params(names);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "a, b");
        params
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        [certificate.pem(), key.serialize_pem()]
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// A client that trusts one authority, and remembers sessions.
pub(crate) struct TlsClient(Arc<ClientConfig>);

/// Its connection, after the handshake.
pub(crate) struct TlsConnection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl TlsClient {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::with(authority, &[&TLS13, &TLS12], None)
    }

    /// One that speaks TLS 1.2 only.
    pub(crate) fn of_12(authority: &Authority) -> Self {
        Self::with(authority, &[&TLS12], None)
    }

    /// One that shows a certificate.
    pub(crate) fn showing(authority: &Authority, own: &Pair) -> Self {
        Self::with(authority, &[&TLS13, &TLS12], Some(own))
    }

    fn with(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Pair>,
    ) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(authority.roots());
        Self(Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let (chain, key) = parsed(own);
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }))
    }

    /// The same client, which offers these protocols by ALPN.
    pub(crate) fn offering(&self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = alpn(protocols);
        Self(Arc::new(config))
    }

    pub(super) const fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }

    /// Connects, and asks for `name`.
    pub(crate) fn connect(&self, to: SocketAddr, name: &str) -> io::Result<TlsConnection> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(TlsConnection {
            stream: BufReader::new(stream),
        })
    }

    /// Connects and sends one request.
    pub(crate) fn send(
        &self,
        to: SocketAddr,
        name: &str,
        request: &Request,
    ) -> io::Result<Response> {
        self.connect(to, name)?.exchange(request)
    }
}

impl TlsConnection {
    pub(crate) fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        self.send(request.bytes())?;
        self.read(request.method() == "HEAD")
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())?;
        self.stream.get_mut().flush()
    }

    pub(crate) fn read(&mut self, is_head: bool) -> io::Result<Response> {
        let head = Head::read(&mut self.stream)?;
        let head = head.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = if is_head {
            super::wire::Body::default()
        } else {
            head.read_body(&mut self.stream, true)
        };
        Ok(Response {
            status: head.line.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            complete: is_head || body.complete,
            body: body.bytes,
            trailers: body.trailers,
        })
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.session().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.session().protocol_version().unwrap()
    }

    pub(crate) fn group(&self) -> rustls::NamedGroup {
        let group = self.session().negotiated_key_exchange_group();
        group.unwrap().name()
    }

    /// What was agreed on by ALPN.
    pub(crate) fn protocol(&self) -> Option<&str> {
        let protocol = self.session().alpn_protocol();
        protocol.map(|protocol| str::from_utf8(protocol).unwrap())
    }

    /// The certificate that the gateway has shown.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.session().peer_certificates().unwrap()[0].clone()
    }

    fn session(&self) -> &ClientConnection {
        &self.stream.get_ref().conn
    }
}

/// An upstream with TLS that answers every request with 200.
pub(crate) struct TlsUpstream {
    address: SocketAddr,
    visits: Arc<Mutex<Vec<Visit>>>,
}

/// A request that reached it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) head: Head,
    pub(crate) body: usize,
    /// The name that was asked for.
    pub(crate) name: Option<String>,
    pub(crate) resumed: bool,
    pub(crate) showed_certificate: bool,
    /// Which connection it came on.
    pub(crate) connection: usize,
}

impl TlsUpstream {
    /// One with this certificate, which asks for one of `clients` if that is given.
    pub(crate) fn start(own: &Pair, clients: Option<&Authority>) -> Self {
        Self::with(server(own, clients))
    }

    /// One that knows these protocols only, by ALPN.
    pub(crate) fn knowing(own: &Pair, protocols: &[&str]) -> Self {
        Self::with(choosing(own, protocols))
    }

    fn with(config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            visits: Arc::default(),
        };
        let visits = Arc::clone(&upstream.visits);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (config, visits) = (Arc::clone(&config), Arc::clone(&visits));
                thread::spawn(move || visit(stream.unwrap(), config, number, &visits));
            }
        });
        upstream
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }
}

fn alpn(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols
        .iter()
        .map(|one| one.as_bytes().to_vec())
        .collect()
}

/// A server that chooses one of these protocols by ALPN.
pub(super) fn choosing(own: &Pair, protocols: &[&str]) -> Arc<ServerConfig> {
    let mut config = Arc::unwrap_or_clone(server(own, None));
    config.alpn_protocols = alpn(protocols);
    Arc::new(config)
}

fn server(own: &Pair, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(authority.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let (chain, key) = parsed(own);
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

fn visit(stream: TcpStream, config: Arc<ServerConfig>, number: usize, visits: &Mutex<Vec<Visit>>) {
    let connection = ServerConnection::new(config).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    while let Ok(Some(head)) = Head::read(&mut reader) {
        let body = head.read_body(&mut reader, false);
        let session = &reader.get_ref().conn;
        let closes = head.line.contains("/close");
        visits.lock().unwrap().push(Visit {
            body: body.bytes.len(),
            name: session.server_name().map(str::to_owned),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            showed_certificate: session.peer_certificates().is_some(),
            connection: number,
            head,
        });
        let answer = vec![b'y'; body.bytes.len()];
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        let stream = reader.get_mut();
        if stream
            .write_all(&[head.as_bytes(), &answer].concat())
            .is_err()
            || closes
        {
            stream.conn.send_close_notify();
            let _ = stream.flush();
            return;
        }
        let _ = stream.flush();
    }
}

fn parsed([certificate, key]: &Pair) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    (chain.map(Result::unwrap).collect(), key)
}
