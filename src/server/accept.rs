//! Connections come in, and each gets a place, or hears that there is none.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Notify, mpsc},
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
    gateway::{Code, Door, request_id},
    telemetry::Closed,
};

/// How many clients may be told at a time that there is no room for them; the others just hear nothing.
const TURNED_AWAY: usize = 64;

/// How many connections that wait in a listener's queue are taken when it closes. It has room for about as
/// many, and one that is shared with another process may never be empty.
const LAST: usize = 4096;

/// Accepts connections at `door` until `closing` is notified, and then those that wait already: what the system has
/// accepted for a listener ends with it.
pub(super) async fn accept(listener: Listener, door: Door, shop: Rc<Shop>, closing: Rc<Notify>) {
    let outcome = match listener {
        Listener::Tcp(listener) => accept_tcp(listener, door, &shop, &closing).await,
        Listener::Unix(listener) => accept_unix(listener, door, &shop, &closing).await,
    };
    if let Err(error) = outcome {
        tracing::error!(%error, "a listener cannot be used any more");
    }
}

/// Takes what other workers hand over, until the door is closed and nothing is left behind it.
pub(super) async fn take_over(fresh: &mut mpsc::Receiver<Fresh>, shop: &Rc<Shop>) {
    while let Some(fresh) = fresh.recv().await {
        keep(fresh, shop);
    }
}

async fn accept_tcp(
    listener: std::net::TcpListener,
    door: Door,
    shop: &Rc<Shop>,
    closing: &Notify,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let take = |stream: TcpStream, peer: SocketAddr| {
        let _ = stream.set_nodelay(true);
        place(stream, (Some(peer.ip()), door), shop);
    };
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => take(stream, peer),
                Err(error) => back_off(&error).await,
            },
            () = closing.notified() => break,
        }
    }
    let listener = listener.into_std()?;
    for _ in 0..LAST {
        let Some((stream, peer)) = waiting(|| listener.accept()) else {
            break;
        };
        stream.set_nonblocking(true)?;
        take(TcpStream::from_std(stream)?, peer);
    }
    Ok(())
}

async fn accept_unix(
    listener: std::os::unix::net::UnixListener,
    door: Door,
    shop: &Rc<Shop>,
    closing: &Notify,
) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => place(stream, (None, door), shop),
                Err(error) => back_off(&error).await,
            },
            () = closing.notified() => break,
        }
    }
    let listener = listener.into_std()?;
    for _ in 0..LAST {
        let Some((stream, _)) = waiting(|| listener.accept()) else {
            break;
        };
        stream.set_nonblocking(true)?;
        place(UnixStream::from_std(stream)?, (None, door), shop);
    }
    Ok(())
}

/// The next connection that waits, if there is one. The listener does not block.
fn waiting<T>(accept: impl Fn() -> io::Result<T>) -> Option<T> {
    loop {
        match accept() {
            Ok(accepted) => return Some(accepted),
            Err(error) if is_of_one(&error) => {}
            Err(_) => return None,
        }
    }
}

/// Errors of one connection pass; a lack of file descriptors needs a moment.
async fn back_off(error: &io::Error) {
    if !is_of_one(error) {
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether an error is that of one connection, and says nothing about the next.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Finds a seat for a connection, here or with another worker.
fn place(stream: impl Accepted, from: (Option<IpAddr>, Door), shop: &Rc<Shop>) {
    let (address, door) = from;
    let seat = match seat(address, door, shop) {
        Ok(seat) => seat,
        Err(closed) => return turn_away(stream, from, closed, shop),
    };
    if seat.is_at(shop.number) {
        return welcome(stream, from, seat, shop);
    }
    match stream.release() {
        Ok(socket) => {
            let fresh = Fresh {
                socket,
                address,
                door,
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

/// A seat for a connection from `address`, or why there is none. A proxy that asks does so for many.
fn seat(address: Option<IpAddr>, door: Door, shop: &Rc<Shop>) -> Result<Seat, Closed> {
    if shop.gateway.pressure().refuses() {
        return Err(Closed::Memory);
    }
    let claim = match door {
        Door::Public => shop.claim(address).map_err(|_| Closed::PerAddress)?,
        Door::Authorizer(_) => None,
    };
    let limit = shop.gateway.limits().connections;
    let seat = shop.crew.seat(shop.number, limit);
    let mut seat = seat.ok_or(Closed::Connections)?;
    seat.counts_for(claim);
    Ok(seat)
}

/// Makes a connection this worker's own.
fn keep(fresh: Fresh, shop: &Rc<Shop>) {
    let Fresh {
        socket,
        address,
        door,
        seat,
    } = fresh;
    let from = (address, door);
    let kept = match socket {
        Socket::Tcp(stream) => {
            TcpStream::from_std(stream).map(|stream| welcome(stream, from, seat, shop))
        }
        Socket::Unix(stream) => {
            UnixStream::from_std(stream).map(|stream| welcome(stream, from, seat, shop))
        }
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "a connection cannot be taken over");
    }
}

fn welcome(
    stream: impl Connected,
    (address, door): (Option<IpAddr>, Door),
    seat: Seat,
    shop: &Rc<Shop>,
) {
    shop.gateway.metrics().connections.inc();
    let (id, client) = shop.admit(address, door);
    let place = Place::new(seat, Rc::clone(shop), id);
    tokio::task::spawn_local(arrival::arrive(stream, client, place));
}

fn turn_away<S>(stream: S, (address, door): (Option<IpAddr>, Door), closed: Closed, shop: &Rc<Shop>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    shop.gateway.metrics().connections_closed.inc(closed);
    let already = shop.turned_away.get();
    if already >= TURNED_AWAY {
        return;
    }
    if door == Door::Public && shop.gateway.tls().is_some() {
        // A handshake is just what there is no time for, and a plain answer would not be understood.
        let (id, peer) = (request_id::new(), Peer::new(address));
        return shop.gateway.refuse_unread(Code::Overloaded, &id, &peer);
    }
    shop.turned_away.set(already + 1);
    let shop = Rc::clone(shop);
    tokio::task::spawn_local(async move {
        // A client of its own, which has no place among those that are served.
        let pace = Rc::new(Pace::new(&shop.deadlines, FAREWELL));
        let client = Rc::new(Client::new(
            Peer::new(address),
            door,
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
