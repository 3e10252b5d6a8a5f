//! A worker: one thread, its own listeners, connections and deadlines.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    convert::Infallible,
    io,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{HeaderValue, Method, Request, header::CONNECTION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    sync::watch,
};

use super::{
    answer::Answer, client::Client, farewell, head::USUAL_FIELDS, listener::Listener,
    stream::ClientStream,
};
use crate::{
    deadline::Deadlines,
    forward::{Pace, Peer, Pool},
    gateway::{Code, Exchange, Gateway},
};

/// What all workers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Serve.
    Serve,
    /// Accept no more, and end when every request is done or the drain time-out has passed.
    Drain,
    /// End now.
    Stop,
}

/// One worker, before it runs.
pub struct Worker {
    /// Its own listening sockets.
    pub listeners: Vec<Listener>,
    /// The gateway that it serves.
    pub gateway: Arc<Gateway>,
    /// How many connections all workers have.
    pub connections: Arc<AtomicUsize>,
    /// What it is told.
    pub course: watch::Receiver<Course>,
}

/// What the connections of one worker share.
struct Shop {
    gateway: Arc<Gateway>,
    connections: Arc<AtomicUsize>,
    pool: Pool,
    deadlines: Deadlines,
    http: http1::Builder,
    clients: RefCell<HashMap<u64, Rc<Client>>>,
    next: Cell<u64>,
    turned_away: Cell<usize>,
    emptied: tokio::sync::Notify,
}

/// Room for the ends of the lines that belong to no field, and for empty lines in front.
const LINE_ENDS: usize = 64;

/// How long a client may take to read the last that it is told.
const FAREWELL: Duration = Duration::from_secs(2);

/// How many clients may be told at a time that there is no room for them; the others just hear nothing.
const TURNED_AWAY: usize = 64;

/// How late a deadline may fire.
const TICK: Duration = Duration::from_millis(100);

impl Worker {
    /// Serves until the course changes; true if every request was finished then.
    pub async fn run(self) -> bool {
        let Self {
            listeners,
            gateway,
            connections,
            mut course,
        } = self;
        let shop = Rc::new(Shop::new(gateway, connections));
        let ticking = tokio::task::spawn_local(shop.deadlines.clone().run());
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::task::spawn_local(accept(listener, Rc::clone(&shop))))
            .collect();
        let next = course
            .wait_for(|course| *course != Course::Serve)
            .await
            .map_or(Course::Stop, |c| *c);
        for task in accepting {
            task.abort();
        }
        let drained = next == Course::Drain && shop.drain(&mut course).await;
        ticking.abort();
        drained
    }
}

impl Shop {
    fn new(gateway: Arc<Gateway>, connections: Arc<AtomicUsize>) -> Self {
        let limits = gateway.limits().clone();
        let mut http = http1::Builder::new();
        // Deadlines are the worker's own, and so are the answers to what breaks a limit: the stream
        // judges a head first. No pipeline_flush: it buffers a response without bounds when its
        // client does not read.
        http.header_read_timeout(None).max_header_size(
            limits
                .header_bytes
                .saturating_add(limits.request_line_bytes)
                .saturating_add(LINE_ENDS),
        );
        if limits.header_fields > USUAL_FIELDS {
            http.max_headers(limits.header_fields);
        }
        Self {
            gateway,
            connections,
            pool: Pool::default(),
            deadlines: Deadlines::new(TICK.min(limits.header_timeout / 4)),
            http,
            clients: RefCell::default(),
            next: Cell::new(0),
            turned_away: Cell::new(0),
            emptied: tokio::sync::Notify::new(),
        }
    }

    /// Lets every request finish; false if that took too long or the course became Stop.
    async fn drain(&self, course: &mut watch::Receiver<Course>) -> bool {
        let clients: Vec<_> = self.clients.borrow().values().cloned().collect();
        clients.iter().for_each(|client| client.leave());
        let emptied = async {
            while !self.clients.borrow().is_empty() {
                self.emptied.notified().await;
            }
        };
        tokio::select! {
            () = emptied => true,
            () = tokio::time::sleep(self.gateway.limits().drain_timeout) => false,
            _ = course.wait_for(|course| *course == Course::Stop) => false,
        }
    }

    fn admit(&self, address: Option<IpAddr>) -> (u64, Rc<Client>) {
        let limits = self.gateway.limits().clone();
        let pace = Rc::new(Pace::new(&self.deadlines, limits.idle_timeout));
        let client = Rc::new(Client::new(
            Peer::new(address),
            pace,
            limits,
            self.deadlines.now(),
        ));
        let id = self.next.replace(self.next.get().wrapping_add(1));
        self.clients.borrow_mut().insert(id, Rc::clone(&client));
        (id, client)
    }
}

/// A place among the connections of all workers; given back when it is dropped.
struct Place {
    shop: Rc<Shop>,
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

async fn accept(listener: Listener, shop: Rc<Shop>) {
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
        turn_away(stream, shop);
        return;
    }
    shop.gateway.metrics().connections.inc();
    let (id, client) = shop.admit(address);
    let place = Place {
        shop: Rc::clone(shop),
        id,
    };
    tokio::task::spawn_local(serve(stream, client, place));
}

fn turn_away<S>(stream: S, shop: &Rc<Shop>)
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
        let client = Rc::new(Client::new(Peer::new(None), pace, limits, 0));
        let mut stream = ClientStream::new(stream, client);
        say_farewell(&mut stream, Code::Overloaded, &shop.gateway).await;
        shop.turned_away
            .set(shop.turned_away.get().saturating_sub(1));
    });
}

async fn serve<S>(stream: S, client: Rc<Client>, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shop = Rc::clone(&place.shop);
    let stream = ClientStream::new(stream, Rc::clone(&client));
    let service = service_fn(|request: Request<Incoming>| answer(request, &client, &shop));
    let mut connection = shop.http.serve_connection(TokioIo::new(stream), service);
    let mut told = false;
    std::future::poll_fn(|context| {
        if client.is_leaving() && !std::mem::replace(&mut told, true) {
            Pin::new(&mut connection).graceful_shutdown();
        }
        if Pin::new(&mut connection).poll(context).is_ready() {
            return Poll::Ready(());
        }
        client.poll_expired(context)
    })
    .await;
    if let Some(code) = client.take_farewell() {
        let mut stream = connection.into_parts().io.into_inner();
        say_farewell(&mut stream, code, &shop.gateway).await;
    }
}

/// Tells the client `code`, and gives it a moment to read that before the connection is closed.
async fn say_farewell<S>(stream: &mut ClientStream<S>, code: Code, gateway: &Gateway)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    gateway.refuse_unread(code);
    let response = farewell::response(code);
    let telling = async {
        stream.write_all(&response).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(FAREWELL, telling).await;
}

async fn answer(
    request: Request<Incoming>,
    client: &Rc<Client>,
    shop: &Shop,
) -> Result<http::Response<Answer>, Infallible> {
    client.begins();
    let exchange = Exchange {
        peer: &client.peer,
        pace: &client.pace,
        pool: &shop.pool,
        scheme: "http",
    };
    // Whoever asks for a tunnel may go on as if there were one.
    let tunnel = request.method() == Method::CONNECT;
    let response = shop.gateway.handle(request, &exchange).await;
    let (mut head, body) = response.into_parts();
    if tunnel || client.is_last(shop.deadlines.now()) {
        head.headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(http::Response::from_parts(
        head,
        Answer::new(body, Rc::clone(client)),
    ))
}
