//! What a new connection goes through before it is served, one stage after the other.

use std::{pin::Pin, rc::Rc, sync::Arc};

use super::{
    client::Client,
    connection, h2,
    handshake::{self, Secured},
    place::Place,
    protocol, proxy,
    socket::Connected,
};
use crate::{
    gateway::Door,
    tls::{HTTP_2, Incoming},
};

/// Takes a connection from its first byte to its end.
pub(super) async fn arrive<S: Connected>(mut stream: S, mut client: Rc<Client>, mut place: Place) {
    if client.door != Door::Public {
        return protocol::either(stream, client, place).await;
    }
    if proxy::is_expected(&client, place.shop()) {
        // Boxed, and only then: every connection would carry the room for it.
        match Box::pin(proxy::introduce(&mut stream, client, &mut place)).await {
            Some(named) => client = named,
            None => return,
        }
    }
    match place.shop().gateway.tls() {
        Some(tls) => {
            if let Some(stream) = secured(stream, tls, &client, &place).await {
                serve_secured(stream, client, place).await;
            }
        }
        None => protocol::serve(stream, client, place).await,
    }
}

/// A function of its own, as are the next: a connection holds no room for what it does not do.
fn secured<'c, S: Connected>(
    stream: S,
    tls: Arc<Incoming>,
    client: &'c Rc<Client>,
    place: &'c Place,
) -> Pin<Box<impl Future<Output = Option<Secured<S>>> + use<'c, S>>> {
    Box::pin(async move { handshake::shake(stream, &tls, client, place).await })
}

fn serve_secured<S: Connected>(
    stream: Secured<S>,
    client: Rc<Client>,
    place: Place,
) -> Pin<Box<impl Future<Output = ()>>> {
    Box::pin(async move {
        match stream.get_ref().1.alpn_protocol() {
            Some(HTTP_2) => h2::serve(stream, client, place).await,
            _ => connection::serve(stream, client, place).await,
        }
    })
}
