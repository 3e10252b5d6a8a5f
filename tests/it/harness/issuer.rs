//! An issuer that publishes its keys, or does anything else that a bad day brings.

use std::{
    io::{BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

use serde_json::{Value, json};
use socket2::SockRef;

use super::{PATIENCE, listener::lasting, mint::Signer, wire::Head};

/// A JWKS endpoint on a port of its own.
#[derive(Clone)]
pub(crate) struct Issuer {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    shared: Arc<Shared>,
}

/// What is published.
#[derive(Clone)]
pub(crate) enum Publish {
    /// A key set of these JWKs.
    Keys(Vec<Value>),
    /// This very response, after which the connection is closed.
    Bytes(Vec<u8>),
    /// A head that promises a body, which never comes.
    Stall,
    /// Nothing at all, until [`Issuer::release`]; then these JWKs.
    Held(Vec<Value>),
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    publish: Publish,
    metadata: Value,
    alive: bool,
    fetches: usize,
    authorizations: Vec<Option<String>>,
    released: bool,
    open: Vec<TcpStream>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            publish: Publish::Keys(Vec::new()),
            metadata: Value::Null,
            alive: true,
            fetches: 0,
            authorizations: Vec::new(),
            released: false,
            open: Vec::new(),
        }
    }
}

impl Issuer {
    /// One that publishes the public halves of `signers`.
    pub(crate) fn start(signers: &[&Signer]) -> Self {
        let listener = lasting();
        let issuer = Self {
            address: listener.local_addr().unwrap(),
            listener: Arc::new(listener),
            shared: Arc::default(),
        };
        issuer.publishes(signers);
        issuer.says(json!({"issuer": issuer.url(), "jwks_uri": issuer.jwks_uri()}));
        issuer.accepts();
        issuer
    }

    /// Where its keys are.
    pub(crate) fn jwks_uri(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    /// Where its metadata are, and its name.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What its metadata say from now on.
    pub(crate) fn says(&self, metadata: Value) {
        self.shared.change(|state| state.metadata = metadata);
    }

    /// What it publishes from now on.
    pub(crate) fn publishes(&self, signers: &[&Signer]) {
        let jwks = signers.iter().map(|signer| signer.jwk()).collect();
        self.does(Publish::Keys(jwks));
    }

    pub(crate) fn does(&self, publish: Publish) {
        self.shared.change(|state| state.publish = publish);
    }

    /// Lets [`Publish::Held`] go.
    pub(crate) fn release(&self) {
        self.shared.change(|state| state.released = true);
    }

    /// Refuses and closes every connection. The port stays its own, so that nobody else gets it meanwhile.
    pub(crate) fn dies(&self) {
        SockRef::from(&*self.listener)
            .shutdown(Shutdown::Read)
            .unwrap();
        self.shared.change(|state| {
            state.alive = false;
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }

    /// Listens again on the same port.
    pub(crate) fn comes_back(&self) {
        self.shared.change(|state| state.alive = true);
        SockRef::from(&*self.listener).listen(128).unwrap();
        self.accepts();
    }

    /// How often its keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.lock().fetches
    }

    /// Blocks until its keys were asked for so often.
    pub(crate) fn wait_for_fetches(&self, count: usize) {
        drop(self.shared.wait_until(|state| state.fetches >= count));
    }

    /// The `Authorization` of each fetch.
    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.shared.lock().authorizations.clone()
    }

    /// Until it dies.
    fn accepts(&self) {
        let shared = Arc::clone(&self.shared);
        let listener = Arc::clone(&self.listener);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut state = shared.lock();
                if !state.alive {
                    return;
                }
                state.open.push(stream.try_clone().unwrap());
                drop(state);
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(stream));
            }
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait_until(&self, mut ready: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let (state, late) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| !ready(state))
            .unwrap();
        assert!(!late.timed_out(), "the issuer waited in vain");
        state
    }

    fn serve(&self, stream: TcpStream) {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Ok(Some(head)) = Head::read(&mut reader) {
            if head.line.contains(" /.well-known/") {
                let metadata = self.lock().metadata.to_string();
                if writer.write_all(&ok(&metadata)).is_err() {
                    return;
                }
                continue;
            }
            let authorization = head.get("authorization").map(str::to_owned);
            self.change(|state| {
                state.fetches += 1;
                state.authorizations.push(authorization);
            });
            let publish = self.lock().publish.clone();
            let jwks = match publish {
                Publish::Keys(jwks) => jwks,
                Publish::Bytes(bytes) => {
                    let _ = writer.write_all(&bytes);
                    let _ = writer.shutdown(Shutdown::Both);
                    return;
                }
                Publish::Stall => {
                    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
                    let _ = writer.write_all(head.as_bytes());
                    continue;
                }
                Publish::Held(jwks) => {
                    drop(self.wait_until(|state| state.released));
                    jwks
                }
            };
            let body = json!({ "keys": jwks }).to_string();
            if writer.write_all(&ok(&body)).is_err() {
                return;
            }
        }
    }
}

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}
