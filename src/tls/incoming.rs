//! TLS with clients, prepared from `[server.tls]`.

use std::{fmt, sync::Arc};

use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs::Ticketer,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use super::{
    Authorities, Certificate, HTTP_2, HTTP_11, Identity, TlsError, names::Names, provider,
};

/// What `[server.tls]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingSettings {
    /// The gateway's certificates, each with the names that it is shown for, in lower case; the first one
    /// is shown to everybody else. At least one.
    pub identities: Vec<(Identity, Vec<Box<str>>)>,
    /// `min_version`.
    pub min_version: MinVersion,
    /// `client_certificate` and `client_ca_file`.
    pub clients: ClientCertificates,
    /// `server.http2`: whether clients may choose HTTP/2.
    pub http2: bool,
    /// `client_certificate_headers`: whether upstreams hear of a client's certificate.
    pub headers: bool,
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nobody is asked.
    None,
    /// Who has none may go on; who shows one must have it from these authorities.
    Optional(Authorities),
    /// Who has none from these authorities is turned away.
    Required(Authorities),
}

/// TLS with clients, ready for handshakes.
pub struct Incoming {
    settings: IncomingSettings,
    config: Arc<ServerConfig>,
}

impl Incoming {
    /// Prepares `settings`. Tickets of earlier sessions are no longer good.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(settings: IncomingSettings) -> Result<Self, TlsError> {
        let versions: &[&SupportedProtocolVersion] = match settings.min_version {
            MinVersion::Tls12 => &[&TLS13, &TLS12],
            MinVersion::Tls13 => &[&TLS13],
        };
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
        let builder = match verifier(&settings.clients)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(names(&settings)?));
        let protocols = [HTTP_2, HTTP_11]
            .into_iter()
            .skip(usize::from(!settings.http2));
        config.alpn_protocols = protocols.map(<[u8]>::to_vec).collect();
        // A session is kept by the client, in a ticket under a key that changes every six hours. Nothing
        // is kept here, so that sessions cost no memory and no lock.
        config.ticketer = Ticketer::new()?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // A request in the first flight could be sent twice by anybody (RFC 8446 §8).
        config.max_early_data_size = 0;
        Ok(Self {
            settings,
            config: Arc::new(config),
        })
    }

    /// For a handshake.
    #[must_use]
    pub const fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// The gateway's certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let identities = self.settings.identities.iter();
        identities.map(|(identity, _)| identity.certificate())
    }

    /// Whether a client may be asked for a certificate.
    #[must_use]
    pub const fn asks_for_certificates(&self) -> bool {
        !matches!(self.settings.clients, ClientCertificates::None)
    }

    /// Whether upstreams hear of a client's certificate.
    #[must_use]
    pub const fn tells_upstreams(&self) -> bool {
        self.settings.headers
    }
}

impl PartialEq for Incoming {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for Incoming {}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(&self.settings).finish()
    }
}

fn verifier(clients: &ClientCertificates) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let builder = |authorities: &Authorities| {
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&authorities.roots), provider())
    };
    let built = match clients {
        ClientCertificates::None => return Ok(None),
        ClientCertificates::Optional(authorities) => {
            builder(authorities).allow_unauthenticated().build()
        }
        ClientCertificates::Required(authorities) => builder(authorities).build(),
    };
    built.map(Some).map_err(|error| TlsError(error.to_string()))
}

fn names(settings: &IncomingSettings) -> Result<Names, TlsError> {
    let nobody = || TlsError("there is no certificate".to_owned());
    let (first, _) = settings.identities.first().ok_or_else(nobody)?;
    let mut names = Names::new(Arc::clone(&first.key));
    for (identity, shown_for) in &settings.identities {
        for name in shown_for {
            names.add(name, &identity.key);
        }
    }
    Ok(names)
}
