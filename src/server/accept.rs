//! Connections come in, and each gets a place, or hears that there is none.

use std::{convert::Infallible, io, net::IpAddr, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::mpsc,
};

use super::{
    arrival,
    client::Client,
    connection::{self, FAREWELL},
    listener::Listener,
    place::Place,
    seat::Seat,
    socket::{Accepted, Connected, Fresh, Socket},
    stream::ClientStream,
    worker::Shop,
};
use crate::{
    forward::{Pace, Peer},
    gateway::Code,
};

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

/// Takes what other workers hand over, until the door is closed and nothing is left behind it.
pub(super) async fn take_over(fresh: &mut mpsc::Receiver<Fresh>, shop: &Rc<Shop>) {
    while let Some(fresh) = fresh.recv().await {
        keep(fresh, shop);
    }
}

async fn accept_tcp(listener: std::net::TcpListener, shop: &Rc<Shop>) -> io::Result<Infallible> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                place(stream, Some(peer.ip()), shop);
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
            Ok((stream, _)) => place(stream, None, shop),
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

/// Finds a seat for a connection, here or with another worker.
fn place(stream: impl Accepted, address: Option<IpAddr>, shop: &Rc<Shop>) {
    let limit = shop.gateway.limits().connections;
    let Some(seat) = shop.crew.seat(shop.number, limit) else {
        return turn_away(stream, address, shop);
    };
    if seat.is_at(shop.number) {
        return welcome(stream, address, seat, shop);
    }
    match stream.release() {
        Ok(socket) => {
            let fresh = Fresh {
                socket,
                address,
                seat,
            };
            if let Err(mut fresh) = shop.crew.hand_over(fresh) {
                fresh.seat.move_to(shop.number);
                keep(fresh, shop);
            }
        }
        Err(error) => tracing::warn!(%error, "a connection cannot change hands"),
    }
}

/// Makes a connection this worker's own.
fn keep(fresh: Fresh, shop: &Rc<Shop>) {
    let Fresh {
        socket,
        address,
        seat,
    } = fresh;
    let kept = match socket {
        Socket::Tcp(stream) => {
            TcpStream::from_std(stream).map(|stream| welcome(stream, address, seat, shop))
        }
        Socket::Unix(stream) => {
            UnixStream::from_std(stream).map(|stream| welcome(stream, address, seat, shop))
        }
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "a connection cannot be taken over");
    }
}

fn welcome(stream: impl Connected, address: Option<IpAddr>, seat: Seat, shop: &Rc<Shop>) {
    shop.gateway.metrics().connections.inc();
    let (id, client) = shop.admit(address);
    let place = Place::new(seat, Rc::clone(shop), id);
    tokio::task::spawn_local(arrival::arrive(stream, client, place));
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
        let client = Rc::new(Client::new(
            Peer::new(address),
            pace,
            Rc::clone(&shop.limits),
            0,
        ));
        let mut stream = ClientStream::new(stream, Rc::clone(&client));
        connection::say_farewell(&mut stream, Code::Overloaded, &client, &shop.gateway).await;
        shop.turned_away
            .set(shop.turned_away.get().saturating_sub(1));
    });
}
