//! Connections come in, and each gets a place, or hears that there is none.

use std::{convert::Infallible, io, net::IpAddr, rc::Rc, sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};

use super::{
    client::Client,
    connection::{self, FAREWELL},
    listener::Listener,
    stream::ClientStream,
    worker::Shop,
};
use crate::{
    forward::{Pace, Peer},
    gateway::Code,
};

/// A place among the connections of all workers; given back when it is dropped.
pub(super) struct Place {
    pub(super) shop: Rc<Shop>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.shop.clients.borrow_mut();
        clients.remove(&self.id);
        self.shop.connections.fetch_sub(1, Ordering::Relaxed);
        self.shop.gateway.metrics().connections.dec();
        if clients.is_empty() {
            self.shop.emptied.notify_one();
        }
    }
}

/// How many clients may be told at a time that there is no room for them; the others just hear nothing.
const TURNED_AWAY: usize = 64;

/// Accepts connections until the task is aborted.
pub(super) async fn accept(listener: Listener, shop: Rc<Shop>) {
    let outcome = match listener {
        Listener::Tcp(listener) => accept_tcp(listener, &shop).await,
        Listener::Unix(listener) => accept_unix(listener, &shop).await,
    };
    let Err(error) = outcome;
    tracing::error!(%error, "a listener cannot be used any more");
}

async fn accept_tcp(listener: std::net::TcpListener, shop: &Rc<Shop>) -> io::Result<Infallible> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                welcome(stream, Some(peer.ip()), shop);
            }
            Err(error) => back_off(&error).await,
        }
    }
}

async fn accept_unix(
    listener: std::os::unix::net::UnixListener,
    shop: &Rc<Shop>,
) -> io::Result<Infallible> {
    let listener = UnixListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome(stream, None, shop),
            Err(error) => back_off(&error).await,
        }
    }
}

/// Errors of one connection pass; a lack of file descriptors needs a moment.
async fn back_off(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    ) {
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn welcome<S>(stream: S, address: Option<IpAddr>, shop: &Rc<Shop>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let limit = shop.gateway.limits().connections;
    if shop.connections.fetch_add(1, Ordering::Relaxed) >= limit {
        shop.connections.fetch_sub(1, Ordering::Relaxed);
        turn_away(stream, address, shop);
        return;
    }
    shop.gateway.metrics().connections.inc();
    let (id, client) = shop.admit(address);
    let place = Place {
        shop: Rc::clone(shop),
        id,
    };
    tokio::task::spawn_local(connection::serve(stream, client, place));
}

fn turn_away<S>(stream: S, address: Option<IpAddr>, shop: &Rc<Shop>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let already = shop.turned_away.get();
    if already >= TURNED_AWAY {
        return;
    }
    shop.turned_away.set(already + 1);
    let shop = Rc::clone(shop);
    tokio::task::spawn_local(async move {
        // A client of its own, which has no place among those that are served.
        let pace = Rc::new(Pace::new(&shop.deadlines, FAREWELL));
        let limits = shop.gateway.limits().clone();
        let client = Rc::new(Client::new(Peer::new(address), pace, limits, 0));
        let mut stream = ClientStream::new(stream, Rc::clone(&client));
        connection::say_farewell(&mut stream, Code::Overloaded, &client, &shop.gateway).await;
        shop.turned_away
            .set(shop.turned_away.get().saturating_sub(1));
    });
}
