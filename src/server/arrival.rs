//! What a new connection goes through before it is served, one stage after the other.

use std::rc::Rc;

use super::{client::Client, place::Place, protocol, socket::Connected};

/// Takes a connection from its first byte to its end.
pub(super) async fn arrive<S: Connected>(stream: S, client: Rc<Client>, place: Place) {
    protocol::serve(stream, client, place).await;
}
