//! What a new connection goes through before it is served, one stage after the other.

use std::rc::Rc;

use super::{client::Client, connection, place::Place, proxy, socket::Connected};

/// Takes a connection from its first byte to its end.
pub(super) async fn arrive<S: Connected>(mut stream: S, mut client: Rc<Client>, mut place: Place) {
    if proxy::is_expected(&client, place.shop()) {
        // Boxed, and only then: every connection would carry the room for it.
        match Box::pin(proxy::introduce(&mut stream, client, &mut place)).await {
            Some(named) => client = named,
            None => return,
        }
    }
    connection::serve(stream, client, place).await;
}
