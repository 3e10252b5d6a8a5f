//! A worker: one thread, its own listeners, connections and deadlines.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::http1;
use tokio::sync::watch;

use super::{
    accept::{accept, take_over},
    awake::{self, Awake},
    client::Client,
    crew::{Crew, Member},
    head::USUAL_FIELDS,
    listener::Listener,
};
use crate::{
    deadline::Deadlines,
    forward::{Pace, Peer, Pool},
    gateway::{Gateway, Recent},
    gather::PIECE,
    limits::Limits,
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
    /// Whether clients without TLS may begin with HTTP/2 at once.
    pub http2_cleartext: bool,
    /// Its part in the crew of all workers.
    pub member: Member,
    /// What it is told.
    pub course: watch::Receiver<Course>,
}

/// What the connections of one worker share.
pub(super) struct Shop {
    pub(super) gateway: Arc<Gateway>,
    pub(super) limits: Rc<Limits>,
    pub(super) crew: Arc<Crew>,
    /// Which of the crew it is.
    pub(super) number: usize,
    pub(super) pool: Pool,
    pub(super) recent: Recent,
    pub(super) deadlines: Deadlines,
    pub(super) http: http1::Builder,
    pub(super) http2_cleartext: bool,
    pub(super) awake: Awake,
    pub(super) clients: RefCell<HashMap<u64, Rc<Client>>>,
    next: Cell<u64>,
    pub(super) turned_away: Cell<usize>,
    pub(super) emptied: tokio::sync::Notify,
}

/// Room for the ends of the lines that belong to no field, and for empty lines in front.
const LINE_ENDS: usize = 64;

/// How much of a message is held, on its way in and on its way out, for one that is read slowly: a piece,
/// so that the HTTP library does not wait for a second one before it writes.
const BUFFER: usize = PIECE;

/// How many looks at the clients there are for one at the upstreams' connections.
const LOOKS: usize = 10;

/// How late a deadline may fire.
const TICK: Duration = Duration::from_millis(100);

impl Worker {
    /// Serves until the course changes; true if every request was finished then.
    pub async fn run(self) -> bool {
        let Self {
            listeners,
            gateway,
            http2_cleartext,
            member,
            mut course,
        } = self;
        let Member {
            crew,
            number,
            mut fresh,
        } = member;
        let shop = Rc::new(Shop::new(gateway, crew, number, http2_cleartext));
        let ticking = tokio::task::spawn_local(shop.deadlines.clone().run());
        let looking = tokio::task::spawn_local(look(Rc::clone(&shop)));
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::task::spawn_local(accept(listener, Rc::clone(&shop))))
            .collect();
        let next = tokio::select! {
            next = course.wait_for(|course| *course != Course::Serve) => {
                next.map_or(Course::Stop, |c| *c)
            }
            () = take_over(&mut fresh, &shop) => Course::Stop,
        };
        for task in accepting {
            task.abort();
        }
        // Nobody can hand over any more; what is on its way is as good as accepted.
        fresh.close();
        take_over(&mut fresh, &shop).await;
        let drained = next == Course::Drain && shop.drain(&mut course).await;
        ticking.abort();
        looking.abort();
        drained
    }
}

/// Lets go of what is not needed, every now and then.
async fn look(shop: Rc<Shop>) {
    let mut interval = tokio::time::interval(awake::LOOK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        for _ in 0..LOOKS {
            interval.tick().await;
            shop.awake.look();
        }
        shop.pool.look();
    }
}

impl Shop {
    fn new(gateway: Arc<Gateway>, crew: Arc<Crew>, number: usize, http2_cleartext: bool) -> Self {
        let limits = Rc::new(gateway.limits().clone());
        let tick = TICK.min(limits.header_timeout / 4);
        let http = http(&limits);
        Self {
            gateway,
            limits,
            crew,
            number,
            pool: Pool::default(),
            recent: Recent::default(),
            deadlines: Deadlines::new(tick),
            http,
            http2_cleartext,
            awake: Awake::default(),
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

    /// A client at `address`, with its number among those that are here.
    pub(super) fn admit(&self, address: Option<IpAddr>) -> (u64, Rc<Client>) {
        let limits = Rc::clone(&self.limits);
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

/// The HTTP library's part. Deadlines are the worker's own, and so are the answers to what breaks a
/// limit: the stream judges a head first.
fn http(limits: &Limits) -> http1::Builder {
    let head = limits
        .header_bytes
        .saturating_add(limits.request_line_bytes)
        .saturating_add(LINE_ENDS);
    let mut http = http1::Builder::new();
    // No pipeline_flush: it buffers a response without bounds when its client does not read.
    http.header_read_timeout(None)
        .max_header_size(head)
        .max_buf_size(BUFFER.max(head));
    if limits.header_fields > USUAL_FIELDS {
        http.max_headers(limits.header_fields);
    }
    http
}
