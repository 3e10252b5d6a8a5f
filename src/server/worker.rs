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
use tokio::sync::{Notify, watch};

use super::{
    accept::{accept, take_over},
    addresses::Claim,
    alarm::Alarm,
    awake::{self, Awake},
    client::Client,
    crew::{Crew, Member},
    head::USUAL_FIELDS,
    listener::Listener,
    proxy::ProxyProtocol,
};
use crate::{
    deadline::Deadlines,
    forward::{Pace, Peer, Pool},
    gateway::{Door, Gateway, Recent},
    gather::PIECE,
    limits::Limits,
};

/// What all workers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Serve.
    Serve,
    /// Serve on, and say that others should be asked: the drain begins soon.
    Leave,
    /// Accept no more, and end when every request is done or the drain time-out has passed.
    Drain,
    /// End now.
    Stop,
}

/// One worker, before it runs.
pub struct Worker {
    /// Its own listening sockets.
    pub listeners: Vec<(Door, Listener)>,
    /// Which connections begin with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// The gateway that it serves.
    pub gateway: Arc<Gateway>,
    /// Whether clients without TLS may begin with HTTP/2 at once.
    pub http2_cleartext: bool,
    /// Its part in the crew of all workers.
    pub member: Member,
    /// What it is told.
    pub course: watch::Receiver<Course>,
    /// What rings when one of its tasks panics.
    pub alarm: Alarm,
}

/// What the connections of one worker share.
pub(super) struct Shop {
    pub(super) gateway: Arc<Gateway>,
    pub(super) limits: Rc<Limits>,
    pub(super) crew: Arc<Crew>,
    /// Which of the crew it is.
    pub(super) number: usize,
    pub(super) proxy_protocol: ProxyProtocol,
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

/// An address has as many connections as it may.
pub(super) struct Full;

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
            proxy_protocol,
            gateway,
            http2_cleartext,
            member,
            mut course,
            alarm,
        } = self;
        let Member {
            crew,
            number,
            mut fresh,
        } = member;
        let shop = Rc::new(Shop::new(
            gateway,
            crew,
            number,
            proxy_protocol,
            http2_cleartext,
        ));
        let ticking = alarm
            .clone()
            .over("deadlines", shop.deadlines.clone().run());
        let ticking = tokio::task::spawn_local(ticking);
        let looking = alarm.clone().over("look", look(Rc::clone(&shop)));
        let looking = tokio::task::spawn_local(looking);
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|(door, listener)| {
                let closing = Rc::new(Notify::new());
                let accepting = accept(listener, door, Rc::clone(&shop), Rc::clone(&closing));
                let accepting = alarm.clone().over("accept", accepting);
                (closing, tokio::task::spawn_local(accepting))
            })
            .collect();
        let _guard = alarm.guard("worker");
        let next = tokio::select! {
            next = course.wait_for(|course| !matches!(course, Course::Serve | Course::Leave)) => {
                next.map_or(Course::Stop, |c| *c)
            }
            () = take_over(&mut fresh, &shop) => Course::Stop,
        };
        for (closing, _) in &accepting {
            // Whoever is not waiting for it now finds it later.
            closing.notify_one();
        }
        for (_, task) in accepting {
            let _ = task.await;
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
            shop.crew.beat(shop.number);
            shop.awake.look();
        }
        shop.pool.look();
    }
}

impl Shop {
    fn new(
        gateway: Arc<Gateway>,
        crew: Arc<Crew>,
        number: usize,
        proxy_protocol: ProxyProtocol,
        http2_cleartext: bool,
    ) -> Self {
        let limits = Rc::new(gateway.limits().clone());
        let shortest = limits.header_timeout.min(limits.handshake_timeout);
        let tick = TICK.min(shortest / 4);
        let http = http(&limits);
        Self {
            gateway,
            limits,
            crew,
            number,
            proxy_protocol,
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
            // A tunnel's request was answered long ago.
            () = tokio::time::sleep(self.gateway.limits().drain_timeout) => {
                self.clients.borrow().values().all(|client| client.switch.is_done())
            }
            _ = course.wait_for(|course| *course == Course::Stop) => false,
        }
    }

    /// A client at `address`, with its number among those that are here.
    pub(super) fn admit(&self, address: Option<IpAddr>, door: Door) -> (u64, Rc<Client>) {
        let id = self.next.replace(self.next.get().wrapping_add(1));
        (id, self.admit_at(id, address, door))
    }

    /// A client at `address`, with the number `id` from now on.
    pub(super) fn admit_at(&self, id: u64, address: Option<IpAddr>, door: Door) -> Rc<Client> {
        let limits = Rc::clone(&self.limits);
        let pace = Pace::new(&self.deadlines, limits.idle_timeout).at_least(limits.body_rate);
        let client = Rc::new(Client::new(
            Peer::new(address),
            door,
            Rc::new(pace),
            limits,
            self.deadlines.now(),
        ));
        self.clients.borrow_mut().insert(id, Rc::clone(&client));
        client
    }

    /// Counts one more connection for `address`, unless a trusted proxy speaks there for many.
    ///
    /// # Errors
    /// [`Full`] when it has as many as it may.
    pub(super) fn claim(&self, address: Option<IpAddr>) -> Result<Option<Claim>, Full> {
        let limit = self.limits.connections_per_address;
        match address {
            Some(address) if limit > 0 => {
                let address = address.to_canonical();
                if self.gateway.snapshot().trusts(Some(address)) {
                    return Ok(None);
                }
                self.crew.claim(address, limit).map(Some).ok_or(Full)
            }
            _ => Ok(None),
        }
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
