//! The connection against a server that says whatever a test wants. What Redis itself says is tried against it.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use super::*;
use crate::secret::Secret;

const NOW: UnixTime = UnixTime(1000);
/// Long enough for an answer on any machine, and short enough to wait for where none comes.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(1);
const INFO: &str = "redis_version:7.0.15\r\nrole:master\r\nmaxmemory:0\r\n";

/// A server that answers each connection as `script` does, one after the other.
struct Server {
    port: u16,
    thread: JoinHandle<()>,
}

/// A connection of the gateway.
struct Peer(TcpStream);

impl Server {
    fn new(connections: usize, script: impl Fn(usize, Peer) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            for number in 0..connections {
                script(number, Peer(listener.accept().unwrap().0));
            }
        });
        Self { port, thread }
    }

    fn store(&self, password: Option<&str>, timeout: Duration) -> Redis {
        let settings = RedisSettings {
            addresses: vec![Address {
                host: "127.0.0.1".into(),
                port: self.port,
            }],
            master: None,
            username: None,
            password: password.map(|password| Secret::new(password.as_bytes().to_vec())),
            database: 0,
            tls: None,
            prefix: "p:".into(),
            timeout,
        };
        Redis::open(settings, Clock::standing_at(NOW)).unwrap()
    }
}

impl Peer {
    /// Reads until `text` has come; what came.
    fn until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(text) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }
        String::from_utf8(read).unwrap()
    }

    fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Lets the gateway be content.
    fn greet(&mut self) {
        self.until("INFO\r\n");
        self.says(&format!("${}\r\n{INFO}\r\n", INFO.len()));
        self.until("p:rights\r\n");
        self.says(":1\r\n");
    }

    /// Returns when the gateway has gone.
    fn gone(&mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
    }
}

fn key(number: u8) -> Key {
    Key::of("test", &[&[number]])
}

async fn consume(store: &Redis, number: u8) -> Result<bool, StoreError> {
    let owner = Owner::issuer("a");
    store.consume_once(owner, key(number), UnixTime(1010)).await
}

#[tokio::test]
async fn each_gets_the_reply_that_is_its_own() {
    let server = Server::new(1, |_, mut peer| {
        peer.greet();
        let sent = peer.until("70000\r\n");
        assert!(
            sent.starts_with("*6\r\n$3\r\nSET\r\n$50\r\np:once:"),
            "{sent}"
        );
        peer.until("70000\r\n");
        peer.until("EXISTS");
        peer.until("\r\n$50\r\n");
        // In pieces, as a network may bring them.
        for piece in ["+O", "K\r", "\n$-1\r\n:", "1\r\n"] {
            peer.says(piece);
        }
        peer.gone();
    });
    let store = server.store(None, LONG);
    let (first, second, third) = tokio::join!(
        consume(&store, 1),
        consume(&store, 2),
        store.contains(key(1))
    );
    assert_eq!((first, second, third), (Ok(true), Ok(false), Ok(true)));
    let remote = store.remote().unwrap();
    assert!(remote.is_open && remote.was_open && remote.trouble.is_none());
    assert_eq!(
        (remote.commands, remote.connects, remote.refused),
        (3, 1, 0)
    );
    drop(store);
    server.thread.join().unwrap();
}

#[tokio::test]
async fn a_reply_that_does_not_come_costs_one_wait_and_not_two() {
    let server = Server::new(1, |_, mut peer| {
        peer.greet();
        peer.gone();
    });
    let store = server.store(None, SHORT);
    let since = Instant::now();
    assert_eq!(consume(&store, 1).await, Err(StoreError::Unavailable));
    assert!(since.elapsed() >= SHORT);
    // The thread finds out at the same moment; wait for it, and not for a time.
    while store.shared.is_open() {
        tokio::task::yield_now().await;
    }
    let since = Instant::now();
    for number in 0..100 {
        assert_eq!(consume(&store, number).await, Err(StoreError::Unavailable));
    }
    assert!(
        since.elapsed() < 20 * SHORT,
        "a hundred would wait for 100 s"
    );
    let remote = store.remote().unwrap();
    assert!(!remote.is_open && remote.was_open && remote.refused == 101);
    let trouble = remote.trouble.unwrap();
    assert!(trouble.starts_with("127.0.0.1:"), "{trouble}");
    drop(store);
    server.thread.join().unwrap();
}

#[tokio::test]
async fn what_nobody_asked_for_ends_the_connection_and_a_new_one_works() {
    let server = Server::new(2, |number, mut peer| {
        peer.greet();
        if number == 0 {
            peer.until("70000\r\n");
            peer.says("+OK\r\n+OK\r\n");
        } else {
            peer.until("70000\r\n");
            peer.says("+OK\r\n");
        }
        peer.gone();
    });
    let store = server.store(None, LONG);
    assert_eq!(consume(&store, 1).await, Ok(true));
    while store.remote().unwrap().connects < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(consume(&store, 2).await, Ok(true));
    assert_eq!(store.remote().unwrap().errors, 1);
    drop(store);
    server.thread.join().unwrap();
}

#[tokio::test]
async fn errors_are_no_answers() {
    let server = Server::new(1, |_, mut peer| {
        peer.greet();
        for reply in [
            "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            "-ERR Error running script (call to f_1): @user_script: 1: -OOM command not allowed\r\n",
            "-NOPERM this user has no permissions\r\n",
            ":7\r\n",
            "+QUEUED\r\n",
        ] {
            peer.until("70000\r\n");
            peer.says(reply);
        }
        peer.gone();
    });
    let store = server.store(None, LONG);
    for expected in [
        StoreError::Full,
        StoreError::Full,
        StoreError::Unavailable,
        StoreError::Unavailable,
        StoreError::Unavailable,
    ] {
        assert_eq!(consume(&store, 1).await, Err(expected));
    }
    let remote = store.remote().unwrap();
    assert!(remote.is_open, "the connection stands");
    assert_eq!(remote.errors, 3);
    assert!(
        remote
            .trouble
            .unwrap()
            .contains("refuses a command: NOPERM")
    );
    drop(store);
    server.thread.join().unwrap();
}

#[tokio::test]
async fn a_password_that_a_server_repeats_is_told_to_nobody() {
    let server = Server::new(1, |_, mut peer| {
        peer.until("hunter2\r\n");
        peer.says("-ERR unknown command `AUTH`, with args beginning with: `hunter2`\r\n");
        peer.gone();
    });
    let store = server.store(Some("hunter2"), LONG);
    let trouble = store.remote().unwrap().trouble.unwrap();
    assert!(trouble.contains("does not take AUTH"), "{trouble}");
    assert!(!trouble.contains("hunter2"), "{trouble}");
    assert_eq!(consume(&store, 1).await, Err(StoreError::Unavailable));
    drop(store);
    server.thread.join().unwrap();
}

#[tokio::test]
async fn too_much_is_not_sent() {
    let server = Server::new(1, |_, mut peer| {
        peer.greet();
        peer.gone();
    });
    let store = server.store(None, LONG);
    let long = vec![0; records::MAX_VALUE + 1];
    let change = Change::add(key(1), long, UnixTime(1010));
    assert_eq!(store.apply(vec![change]).await, Err(StoreError::Full));
    let held = Arc::clone(&store.room)
        .try_acquire_many_owned(QUEUE_BYTES as u32)
        .unwrap();
    assert_eq!(consume(&store, 1).await, Err(StoreError::Unavailable));
    drop(held);
    assert_eq!(store.remote().unwrap().refused, 1);
    drop(store);
    server.thread.join().unwrap();
}
