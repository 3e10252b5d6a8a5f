//! An upstream that remembers what reached it.

use std::{
    io::{BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use super::{PATIENCE, wire::Head};

/// An HTTP/1.1 server on a port of its own. Ends with the test's process.
#[derive(Clone)]
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether the body came to the end that its framing promised.
    pub(crate) complete: bool,
    /// Which of the upstream's connections it came on, counted from 0.
    pub(crate) connection: usize,
}

/// What is sent back.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These very bytes, and the connection stays open.
    Bytes(Vec<u8>),
    /// These very bytes, and the connection is closed.
    Last(Vec<u8>),
    /// Nothing, until the gateway gives up.
    Silence,
    /// Nothing, until [`Upstream::release`].
    Held(Vec<u8>),
    /// The first of these, and the second after [`Upstream::release`].
    Halves(Vec<u8>, Vec<u8>),
    /// Before the request's body is read.
    Early(Vec<u8>),
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    connections: usize,
    /// Connections that it closed by itself.
    closed: usize,
    /// Heads that came, also of requests that never ended.
    begun: usize,
    seen: Vec<Seen>,
    reply: Option<Reply>,
    released: bool,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n\
                  {\"ok\":true}";

impl Upstream {
    pub(crate) fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn start_on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = own.count_connection();
                let shared = Arc::clone(&own);
                thread::spawn(move || shared.serve(stream.unwrap(), number));
            }
        });
        Self { address, shared }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it answers from now on; 200 and `{"ok":true}` otherwise.
    pub(crate) fn replies(&self, reply: Reply) {
        self.shared.state.lock().unwrap().reply = Some(reply);
    }

    /// As [`Upstream::replies`], for a response with a length.
    pub(crate) fn replies_with(&self, status: &str, fields: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n");
        self.replies(Reply::Bytes([head.as_bytes(), body].concat()));
    }

    /// Lets [`Reply::Held`] go.
    pub(crate) fn release(&self) {
        self.shared.change(|state| state.released = true);
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.state.lock().unwrap().seen.clone()
    }

    /// How many requests have reached it, also unfinished ones.
    pub(crate) fn count(&self) -> usize {
        self.shared.state.lock().unwrap().begun
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().connections
    }

    /// Request number `number`, counted from 0, once it is there with its body.
    pub(crate) fn wait_for(&self, number: usize) -> Seen {
        let state = self.shared.wait_until(|state| state.seen.len() > number);
        state.seen[number].clone()
    }

    /// Blocks until so many heads have come.
    pub(crate) fn wait_for_heads(&self, count: usize) {
        drop(self.shared.wait_until(|state| state.begun >= count));
    }

    /// Blocks until it has closed so many connections.
    pub(crate) fn wait_for_closed(&self, count: usize) {
        drop(self.shared.wait_until(|state| state.closed >= count));
    }

    /// Fails if anybody has so much as connected.
    pub(crate) fn saw_nothing(&self) {
        let state = self.shared.state.lock().unwrap();
        assert_eq!(state.connections, 0, "the upstream saw {:#?}", state.seen);
    }
}

impl Shared {
    fn count_connection(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.connections += 1;
        state.connections - 1
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_until(
        &self,
        mut ready: impl FnMut(&State) -> bool,
    ) -> std::sync::MutexGuard<'_, State> {
        let state = self.state.lock().unwrap();
        let (state, late) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !ready(state))
            .unwrap();
        assert!(!late.timed_out(), "the upstream waited in vain");
        state
    }

    fn serve(&self, stream: TcpStream, connection: usize) {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Ok(Some(head)) = Head::read(&mut reader) {
            let mut reply = Reply::Bytes(OK.into());
            self.change(|state| {
                state.begun += 1;
                if let Some(set) = &state.reply {
                    reply = set.clone();
                }
            });
            if let Reply::Early(bytes) = &reply {
                let _ = writer.write_all(bytes);
            }
            let seen = Seen::read(head, &mut reader, connection);
            let (complete, is_head) = (seen.complete, seen.method == "HEAD");
            self.change(|state| state.seen.push(seen));
            if !complete || !self.answer(&mut writer, reply, is_head) {
                let _ = writer.shutdown(Shutdown::Both);
                self.change(|state| state.closed += 1);
                return;
            }
        }
    }

    /// False when the connection is to be closed.
    fn answer(&self, writer: &mut TcpStream, reply: Reply, is_head: bool) -> bool {
        match reply {
            Reply::Bytes(mut bytes) => {
                if is_head && let Some(end) = find(&bytes, b"\r\n\r\n") {
                    bytes.truncate(end + 4);
                }
                writer.write_all(&bytes).is_ok()
            }
            Reply::Last(bytes) => {
                let _ = writer.write_all(&bytes);
                false
            }
            Reply::Silence | Reply::Early(_) => true,
            Reply::Halves(first, second) => {
                let _ = writer.write_all(&first);
                drop(self.wait_until(|state| state.released));
                writer.write_all(&second).is_ok()
            }
            Reply::Held(bytes) => {
                drop(self.wait_until(|state| state.released));
                writer.write_all(&bytes).is_ok()
            }
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

impl Seen {
    fn read(head: Head, reader: &mut BufReader<TcpStream>, connection: usize) -> Self {
        let body = head.read_body(reader, false);
        let mut words = head.line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        Self {
            method,
            target,
            head,
            body: body.bytes,
            trailers: body.trailers,
            complete: body.complete,
            connection,
        }
    }

    /// The one value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    /// The fields that say who somebody is, in any spelling.
    pub(crate) fn identity(&self) -> Vec<(String, String)> {
        let is_identity = |name: &str| name.replace(['_', '.'], "-").starts_with("x-auth-");
        let fields = self.head.fields.iter().chain(&self.trailers);
        fields
            .filter(|(name, _)| is_identity(name))
            .cloned()
            .collect()
    }
}
