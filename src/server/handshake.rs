//! The TLS handshake of a new connection, within its deadline.

use std::{io, rc::Rc, sync::Arc, task::Poll};

use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    client::Client, connection, place::Place, socket::Connected, stream::ClientStream, worker::Shop,
};
use crate::{
    gateway::Code,
    telemetry::{Closed, metrics::HandshakeLabels},
    tls::{Incoming, Intake, PeerCertificate},
};

/// A client's stream with TLS.
pub(super) type Secured<S> = TlsStream<Intake<S>>;

/// Why there was no handshake.
enum Failure {
    /// The client took too long.
    TimedOut,
    /// The client went, or what it said was wrong.
    Broken(io::Error),
}

/// The stream once both sides are sure of each other. `None` when that did not happen, and the client
/// has heard of it.
pub(super) async fn shake<S: Connected>(
    stream: S,
    tls: &Arc<Incoming>,
    client: &Rc<Client>,
    place: &Place,
) -> Option<Secured<S>> {
    let shop = place.shop();
    let mut stream = Intake::new(stream);
    client.pace.client.set(client.limits.handshake_timeout);
    let first = within(client, std::future::poll_fn(|c| stream.poll_first(c))).await;
    let shaken = match first {
        Err(failure) => Err(failure),
        Ok(None) => {
            count(shop, "left", None);
            return None;
        }
        Ok(Some(byte)) if byte.is_ascii_uppercase() => {
            count(shop, "plain", None);
            client.closes(Closed::Handshake);
            let mut stream = ClientStream::new(stream, Rc::clone(client));
            let code = Code::TlsRequired;
            connection::say_farewell(&mut stream, code, client, &shop.gateway).await;
            return None;
        }
        Ok(Some(_)) => {
            let accept = TlsAcceptor::from(Arc::clone(tls.config())).accept(stream);
            within(client, accept).await
        }
    };
    match shaken {
        Ok(stream) => {
            agreed(stream.get_ref().1, client, shop);
            client.awaits_first_request();
            Some(stream)
        }
        Err(failure) => {
            tell(&failure, client, shop);
            None
        }
    }
}

/// Waits for `work`, but no longer than the client may take.
async fn within<T>(
    client: &Client,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, Failure> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done.map_err(Failure::Broken));
        }
        client
            .poll_expired(context)
            .map(|()| Err(Failure::TimedOut))
    })
    .await
}

fn agreed(session: &ServerConnection, client: &Client, shop: &Shop) {
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let outcome = if resumed { "resumed" } else { "full" };
    count(shop, outcome, session.protocol_version());
    if let Some([certificate, ..]) = session.peer_certificates() {
        client.peer.has_shown(PeerCertificate::new(certificate));
    }
}

fn tell(failure: &Failure, client: &Client, shop: &Shop) {
    client.closes(if client.is_leaving() {
        Closed::Drain
    } else {
        Closed::Handshake
    });
    let client = client.peer.address.map(tracing::field::display);
    match failure {
        Failure::TimedOut => {
            count(shop, "timed_out", None);
            tracing::info!(client, "no TLS handshake in time");
        }
        Failure::Broken(error) if error.kind() == io::ErrorKind::InvalidData => {
            count(shop, "failed", None);
            tracing::info!(client, cause = %error, "TLS handshake failed");
        }
        Failure::Broken(error) => {
            // Whoever looks whether the port is open does so without a word.
            count(shop, "left", None);
            tracing::debug!(client, cause = %error, "TLS handshake broken off");
        }
    }
}

fn count(shop: &Shop, outcome: &'static str, version: Option<ProtocolVersion>) {
    let version = match version {
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        Some(_) | None => "-",
    };
    let labels = HandshakeLabels { outcome, version };
    let handshakes = &shop.gateway.metrics().tls_handshakes;
    handshakes.get_or_create(&labels).inc();
}
