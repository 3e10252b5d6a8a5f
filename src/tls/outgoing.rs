//! TLS with an upstream, prepared from `[upstreams.NAME.tls]`. The upstream always has to show who it is.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig,
    client::ResolvesClientCert,
    pki_types::ServerName,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::{Authorities, HTTP_2, HTTP_11, Identity, TlsError, provider};

/// TLS with one upstream, ready for handshakes.
#[derive(Clone)]
pub struct Outgoing {
    authorities: Option<Authorities>,
    identity: Option<Identity>,
    name: ServerName<'static>,
    is_http2: bool,
    config: Arc<ClientConfig>,
}

impl Outgoing {
    /// For an upstream that `authorities`, or else the machine's, must say to be `name`: a DNS name or an
    /// IP address. `identity` is shown when it asks. It is
    /// spoken to in HTTP/2, or in HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsError`] also when `name` is none.
    pub fn new(
        name: &str,
        authorities: Option<Authorities>,
        identity: Option<Identity>,
        is_http2: bool,
    ) -> Result<Self, TlsError> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| TlsError(format!("{name} is neither a DNS name nor an IP address")))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let builder = match &authorities {
            None => builder.with_platform_verifier()?,
            Some(authorities) => builder.with_root_certificates(Arc::clone(&authorities.roots)),
        };
        let mut config = match &identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(resolver(&identity.key)),
        };
        let protocol = if is_http2 { HTTP_2 } else { HTTP_11 };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self {
            authorities,
            identity,
            name,
            is_http2,
            config: Arc::new(config),
        })
    }

    /// The same for a server that speaks no HTTP: no protocol is named to it.
    #[must_use]
    pub fn without_protocol(self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = Vec::new();
        Self {
            config: Arc::new(config),
            ..self
        }
    }

    /// For a handshake.
    #[must_use]
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Whether an upstream can be spoken to that has chosen `agreed`. HTTP/1.1 need not be chosen: those
    /// who know nothing else say nothing.
    #[must_use]
    pub fn takes(&self, agreed: Option<&[u8]>) -> bool {
        match self.is_http2 {
            true => agreed == Some(HTTP_2),
            false => agreed.is_none_or(|agreed| agreed == HTTP_11),
        }
    }

    /// Who the upstream must be.
    #[must_use]
    pub const fn name(&self) -> &ServerName<'static> {
        &self.name
    }
}

impl PartialEq for Outgoing {
    fn eq(&self, other: &Self) -> bool {
        self.authorities == other.authorities
            && self.identity == other.identity
            && self.name == other.name
            && self.is_http2 == other.is_http2
    }
}

impl Eq for Outgoing {}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn resolver(key: &Arc<CertifiedKey>) -> Arc<dyn ResolvesClientCert> {
    Arc::new(SingleCertAndKey::from(CertifiedKey::clone(key)))
}
