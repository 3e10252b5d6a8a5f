//! TLS to a directory.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::LdapError;

/// The settings for a server that these authorities (PEM) vouch for, else the machine's.
pub(super) fn config(authorities: Option<&[u8]>) -> Result<Arc<ClientConfig>, LdapError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(trust)?;
    let builder = match authorities {
        None => builder.with_platform_verifier().map_err(trust)?,
        Some(pem) => builder.with_root_certificates(roots(pem)?),
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

/// TLS over `stream`, once the server has shown to be `host`.
pub(super) async fn connect(
    config: &Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, LdapError> {
    let name = ServerName::try_from(host.to_owned()).map_err(trust)?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
        .map_err(|error| LdapError::Connect(error.to_string().into()))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, LdapError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(trust)?).map_err(trust)?;
    }
    Ok(roots)
}

fn trust(error: impl std::fmt::Display) -> LdapError {
    LdapError::Trust(error.to_string().into())
}
