//! An upstream that speaks HTTP/2, without TLS or with it, and does with each request what its test says.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Condvar, Mutex},
    thread,
};

use bytes::Bytes;
use h2::{RecvStream, SendStream, server};
use http::{HeaderMap, Response, request::Parts};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;

use super::{PATIENCE, Pair, tls::choosing};

/// An HTTP/2 server on a port of its own. Ends with the test's process.
#[derive(Clone)]
pub(crate) struct H2Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request, as its handler gets it.
pub(crate) struct Call {
    pub(crate) head: Parts,
    pub(crate) body: RecvStream,
    pub(crate) respond: server::SendResponse<Bytes>,
    pub(crate) upstream: H2Upstream,
}

/// A request that came to its end.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) head: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
    /// Whether it came to its end.
    pub(crate) complete: bool,
}

type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Shared {
    tls: Option<TlsAcceptor>,
    state: Mutex<State>,
    changed: Condvar,
    /// What handlers wait for.
    released: Semaphore,
}

#[derive(Default)]
struct State {
    connections: usize,
    calls: usize,
    notes: Vec<String>,
    came: Vec<Came>,
}

impl H2Upstream {
    /// With `settings`, `doing` each request.
    pub(crate) fn start<F>(
        settings: &server::Builder,
        doing: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::begin(settings, None, doing)
    }

    /// With TLS and this certificate; it chooses HTTP/2 by ALPN.
    pub(crate) fn over_tls<F>(own: &Pair, doing: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tls = TlsAcceptor::from(choosing(own, &["h2"]));
        Self::begin(&server::Builder::new(), Some(tls), doing)
    }

    fn begin<F>(
        settings: &server::Builder,
        tls: Option<TlsAcceptor>,
        doing: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Shared {
                tls,
                state: Mutex::default(),
                changed: Condvar::new(),
                released: Semaphore::new(0),
            }),
        };
        let (own, settings) = (upstream.clone(), settings.clone());
        let doing = Arc::new(move |call: Call| -> Doing { Box::pin(doing(call)) });
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(own.listen(listener, settings, doing));
        });
        upstream
    }

    /// With the usual settings.
    pub(crate) fn doing<F>(doing: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(&server::Builder::new(), doing)
    }

    /// One that answers with what it got: its body, and its trailers as trailers.
    pub(crate) fn echo() -> Self {
        Self::doing(Call::echo)
    }

    async fn listen(
        self,
        listener: std::net::TcpListener,
        settings: server::Builder,
        doing: Arc<impl Fn(Call) -> Doing + Send + Sync + 'static>,
    ) {
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            self.change(|state| state.connections += 1);
            let (this, settings, doing) = (self.clone(), settings.clone(), Arc::clone(&doing));
            tokio::spawn(async move {
                let Some(tls) = &this.shared.tls else {
                    return this.serve(stream, settings, doing).await;
                };
                if let Ok(stream) = tls.accept(stream).await {
                    this.serve(stream, settings, doing).await;
                }
            });
        }
    }

    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        settings: server::Builder,
        doing: Arc<impl Fn(Call) -> Doing + Send + Sync + 'static>,
    ) {
        let Ok(mut connection) = settings.handshake::<_, Bytes>(stream).await else {
            return;
        };
        while let Some(Ok((request, respond))) = connection.accept().await {
            let (head, body) = request.into_parts();
            self.change(|state| state.calls += 1);
            tokio::spawn(doing(Call {
                head,
                body,
                respond,
                upstream: self.clone(),
            }));
        }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = match self.shared.tls {
            Some(_) => "https",
            None => "h2c",
        };
        format!("{scheme}://{}", self.address)
    }

    /// How many requests have reached it, also unfinished ones.
    pub(crate) fn count(&self) -> usize {
        self.shared.state.lock().unwrap().calls
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().connections
    }

    /// Request number `number` of those that were read to their end.
    pub(crate) fn wait_for(&self, number: usize) -> Came {
        let state = self.wait_until(|state| state.came.len() > number);
        state.came[number].clone()
    }

    /// Blocks until so many requests have come.
    pub(crate) fn wait_for_calls(&self, count: usize) {
        drop(self.wait_until(|state| state.calls >= count));
    }

    /// Blocks until somebody has noted this.
    pub(crate) fn wait_for_note(&self, note: &str) {
        drop(self.wait_until(|state| state.notes.iter().any(|noted| noted == note)));
    }

    /// How much was noted.
    pub(crate) fn notes(&self) -> usize {
        self.shared.state.lock().unwrap().notes.len()
    }

    pub(crate) fn note(&self, note: impl Into<String>) {
        let note = note.into();
        self.change(|state| state.notes.push(note));
    }

    /// Lets one [`Call::released`] go on.
    pub(crate) fn release(&self) {
        self.shared.released.add_permits(1);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.shared.state.lock().unwrap());
        self.shared.changed.notify_all();
        changed
    }

    fn wait_until(
        &self,
        mut ready: impl FnMut(&State) -> bool,
    ) -> std::sync::MutexGuard<'_, State> {
        let state = self.shared.state.lock().unwrap();
        let (state, late) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !ready(state))
            .unwrap();
        assert!(!late.timed_out(), "waited in vain; noted {:?}", state.notes);
        state
    }
}

impl Call {
    /// Goes on after [`H2Upstream::release`].
    pub(crate) async fn released(&self) {
        self.upstream
            .shared
            .released
            .acquire()
            .await
            .unwrap()
            .forget();
    }

    /// Reads the request to its end.
    pub(crate) async fn read(&mut self) -> Came {
        let mut came = Came {
            head: self.head.headers.clone(),
            body: Vec::new(),
            trailers: HeaderMap::new(),
            complete: true,
        };
        while let Some(data) = self.body.data().await {
            let Ok(data) = data else {
                came.complete = false;
                break;
            };
            let _ = self.body.flow_control().release_capacity(data.len());
            came.body.extend_from_slice(&data);
        }
        if came.complete {
            match self.body.trailers().await {
                Ok(trailers) => came.trailers = trailers.unwrap_or_default(),
                Err(_) => came.complete = false,
            }
        }
        self.upstream.change(|state| state.came.push(came.clone()));
        came
    }

    /// Begins a response with these fields.
    pub(crate) fn begin(
        &mut self,
        status: u16,
        fields: &[(&'static str, &'static str)],
    ) -> SendStream<Bytes> {
        self.respond
            .send_response(response(status, fields), false)
            .unwrap()
    }

    /// Answers with these fields and nothing else.
    pub(crate) fn answer(&mut self, status: u16, fields: &[(&'static str, &'static str)]) {
        let _ = self.respond.send_response(response(status, fields), true);
    }

    pub(crate) async fn echo(mut self) {
        let came = self.read().await;
        if !came.complete {
            return;
        }
        let mut stream = self.begin(200, &[]);
        send(&mut stream, &came.body).await;
        let _ = stream.send_trailers(came.trailers);
    }
}

fn response(status: u16, fields: &[(&'static str, &'static str)]) -> Response<()> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

/// Sends all of it, as fast as the other end makes room; false if that gives up.
pub(crate) async fn send(stream: &mut SendStream<Bytes>, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
        let Some(Ok(room)) = room else {
            return false;
        };
        let (some, rest) = bytes.split_at(room.min(bytes.len()));
        if stream
            .send_data(Bytes::copy_from_slice(some), false)
            .is_err()
        {
            return false;
        }
        bytes = rest;
    }
    true
}
