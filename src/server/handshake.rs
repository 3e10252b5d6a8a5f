//! The TLS handshake of a new connection, within its deadline.

use std::{io, pin::pin, rc::Rc, sync::Arc, task::Poll};

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

/// Why a handshake does not go on.
#[derive(Clone, Copy)]
enum Late {
    /// The client took too long.
    TimedOut,
    /// The worker leaves.
    Leaving,
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
    match first {
        Err(late) => return missed(late, client, shop),
        Ok(Err(error)) => return broken(&error, client, shop),
        Ok(Ok(None)) => {
            count(shop, "left", None);
            return None;
        }
        Ok(Ok(Some(byte))) if byte.is_ascii_uppercase() => {
            count(shop, "plain", None);
            client.closes(Closed::Handshake);
            let mut stream = ClientStream::new(stream, Rc::clone(client));
            let code = Code::TlsRequired;
            connection::say_farewell(&mut stream, code, client, &shop.gateway).await;
            return None;
        }
        Ok(Ok(Some(_))) => {}
    }
    // Told of before the stream is dropped: whoever sees that it is closed may count on that.
    let accept = TlsAcceptor::from(Arc::clone(tls.config())).accept(stream);
    let mut accept = pin!(accept.into_fallible());
    match within(client, accept.as_mut()).await {
        Err(late) => missed(late, client, shop),
        Ok(Err((error, _stream))) => broken(&error, client, shop),
        Ok(Ok(stream)) => {
            agreed(stream.get_ref().1, client, shop);
            client.awaits_first_request();
            Some(stream)
        }
    }
}

/// Waits for `work`, but no longer than the client may take.
async fn within<F: Future>(client: &Client, work: F) -> Result<F::Output, Late> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        if client.is_leaving() {
            return Poll::Ready(Err(Late::Leaving));
        }
        client.poll_expired(context).map(|()| Err(Late::TimedOut))
    })
    .await
}

fn agreed(session: &ServerConnection, client: &Client, shop: &Shop) {
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let outcome = if resumed { "resumed" } else { "full" };
    let version = session.protocol_version();
    count(shop, outcome, version);
    client.peer.has_agreed(name(version));
    if let Some([certificate, ..]) = session.peer_certificates() {
        client.peer.has_shown(PeerCertificate::new(certificate));
    }
}

fn missed<T>(late: Late, client: &Client, shop: &Shop) -> Option<T> {
    closes(client);
    match late {
        Late::Leaving => {}
        Late::TimedOut => {
            count(shop, "timed_out", None);
            let client = client.peer.address.map(tracing::field::display);
            tracing::info!(client, "no TLS handshake in time");
        }
    }
    None
}

fn closes(client: &Client) {
    client.closes(match client.is_leaving() {
        true => Closed::Drain,
        false => Closed::Handshake,
    });
}

fn broken<T>(error: &io::Error, client: &Client, shop: &Shop) -> Option<T> {
    closes(client);
    let client = client.peer.address.map(tracing::field::display);
    if error.kind() == io::ErrorKind::InvalidData {
        count(shop, "failed", None);
        tracing::info!(client, cause = %error, "TLS handshake failed");
    } else {
        // Whoever looks whether the port is open does so without a word.
        count(shop, "left", None);
        tracing::debug!(client, cause = %error, "TLS handshake broken off");
    }
    None
}

const fn name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        Some(_) | None => "-",
    }
}

fn count(shop: &Shop, outcome: &'static str, version: Option<ProtocolVersion>) {
    let version = name(version);
    let labels = HandshakeLabels { outcome, version };
    let handshakes = &shop.gateway.metrics().tls_handshakes;
    handshakes.get_or_create(&labels).inc();
}
