//! Names of upstreams: looked up beside the requests, all their addresses used, the last answer kept.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
};

use portcullis::forward::balance::Resolver;

use super::harness::{Connection, PATIENCE, Stage, Upstream, get, refused};

/// What a name means, and how often that was asked.
#[derive(Clone, Default)]
struct Names(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    addresses: Vec<SocketAddr>,
    asked: usize,
}

impl Names {
    fn resolver(&self) -> Resolver {
        let this = self.clone();
        Resolver::new(move |host, port| {
            assert_eq!((host, port), ("orders.internal", 9000));
            let mut state = this.0.0.lock().unwrap();
            state.asked += 1;
            this.0.1.notify_all();
            let addresses = state.addresses.clone();
            Box::pin(async move {
                if addresses.is_empty() {
                    return Err(io::Error::other("no such name"));
                }
                Ok(addresses)
            })
        })
    }

    /// From now on the name means these. Returns when that was asked for and heard.
    fn mean(&self, addresses: &[SocketAddr]) {
        let mut state = self.0.0.lock().unwrap();
        state.addresses = addresses.to_vec();
        // Who asks the second time has made use of the first answer.
        let enough = state.asked + 2;
        let waiting = (self.0.1).wait_timeout_while(state, PATIENCE, |state| state.asked < enough);
        assert!(!waiting.unwrap().1.timed_out(), "nobody asked");
    }
}

fn stage(names: &Names) -> Stage {
    let upstream = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\nupstream = \"orders\"\n\
                    [upstreams.orders]\nurl = \"http://orders.internal:9000\"\ndns_refresh = \"20ms\"";
    let builder = Stage::builder().with(upstream);
    builder.resolver(names.resolver()).start()
}

fn send(stage: &Stage, count: usize) {
    let mut connection = Connection::open(stage.address());
    for _ in 0..count {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
}

#[test]
fn all_addresses_are_used_and_each_look_up_counts() {
    let all = [Upstream::start(), Upstream::start(), Upstream::start()];
    let [one, two, three] = all.each_ref().map(Upstream::address);
    let names = Names::default();
    names.0.0.lock().unwrap().addresses = vec![one, two];
    let stage = stage(&names);
    send(&stage, 40);
    let counts = all.each_ref().map(Upstream::count);
    assert!(counts[0] > 0 && counts[1] > 0 && counts[2] == 0);
    assert_eq!(
        all[0].wait_for(0).field("host"),
        Some("orders.internal:9000")
    );
    names.mean(&[two, three]);
    send(&stage, 40);
    assert_eq!(all[0].count(), counts[0]);
    assert!(all[2].count() > 0);
    // The connection to the address that stayed was kept.
    assert_eq!(all[1].connections(), 1);
}

#[test]
fn the_last_answer_stays_when_there_is_none() {
    let upstream = Upstream::start();
    let names = Names::default();
    names.0.0.lock().unwrap().addresses = vec![upstream.address()];
    let stage = stage(&names);
    send(&stage, 1);
    names.mean(&[]);
    send(&stage, 5);
    assert_eq!(upstream.count(), 6);
    let status = get("/status").send(stage.gateway.admin()).json();
    let all = status["upstreams"].as_array().unwrap();
    let own = all.iter().find(|one| one["upstream"] == "orders").unwrap();
    assert_eq!(own["servers"][0]["lookup_error"], "no such name");
    assert_eq!(own["servers"][0]["addresses"][0]["state"], "healthy");
}

#[test]
fn a_name_without_an_address_keeps_nobody_from_starting() {
    let upstream = Upstream::start();
    let names = Names::default();
    let stage = stage(&names);
    refused(&stage.send(&get("/")), 502, "upstream_unreachable");
    upstream.saw_nothing();
    names.mean(&[upstream.address()]);
    send(&stage, 5);
    assert_eq!(upstream.count(), 5);
}
