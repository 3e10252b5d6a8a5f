use http::HeaderValue;
use tokio::net::UnixStream;

use super::{
    super::{
        UpstreamAddress,
        balance::{Server, Settings},
        wire::{Look, Stream},
    },
    *,
};

fn upstream(name: &str, address: &str) -> Upstream {
    let address = UpstreamAddress::Http(address.parse().unwrap());
    let server = Server::new(address, HeaderValue::from_static("a"), None);
    Upstream {
        name: name.into(),
        group: Group::new(name.into(), vec![server], Settings::default()).into(),
        host: None,
        base_path: "".into(),
        preserve_host: false,
        connect_timeout: Duration::ZERO,
        response_timeout: Duration::ZERO,
        stall_timeout: Duration::ZERO,
        protocol: crate::forward::Protocol::default(),
        idle_timeout: Duration::from_secs(60),
    }
}

fn wire() -> (Box<Wire>, UnixStream) {
    let (own, other) = UnixStream::pair().unwrap();
    (Box::new(Wire::new(Stream::Unix(own))), other)
}

fn idle(lanes: &Lanes) -> usize {
    lanes.only().unwrap().idle.borrow().len()
}

#[tokio::test]
async fn those_rest_that_have_been_unused_for_a_while() {
    let pool = Pool::default();
    let upstreams = [upstream("a", "10.0.0.1:80")];
    let lanes = pool.of(1, &upstreams, 0).unwrap();
    let connections = lanes.only().unwrap();
    let now = Instant::now();
    for since in [now.checked_sub(REST).unwrap(), now + REST] {
        let (mut wire, _other) = wire();
        wire.input.reserve(100);
        connections
            .idle
            .borrow_mut()
            .push_back(Idle { wire, since });
    }
    pool.look();
    let idle = connections.idle.borrow();
    let room: Vec<_> = idle.iter().map(|idle| idle.wire.input.capacity()).collect();
    assert_eq!(room[0], 0);
    assert!(room[1] >= 100);
}

#[tokio::test]
async fn connections_are_kept_for_upstreams_that_are_the_very_same() {
    let pool = Pool::default();
    let before = [upstream("a", "10.0.0.1:80"), upstream("b", "10.0.0.2:80")];
    let mut others = Vec::new();
    for number in [0, 1] {
        let lanes = pool.of(1, &before, number).unwrap();
        let (wire, other) = wire();
        others.push(other);
        lanes.only().unwrap().keep(wire);
        assert_eq!(idle(&lanes), 1);
    }
    let old = pool.of(1, &before, 1).unwrap();
    // The other one first, and the second one at another address.
    let after = [
        upstream("b", "10.0.0.3:80").succeed(&before),
        upstream("a", "10.0.0.1:80").succeed(&before),
    ];
    assert_eq!(idle(&pool.of(2, &after, 1).unwrap()), 1);
    assert_eq!(idle(&pool.of(2, &after, 0).unwrap()), 0);
    assert!(pool.of(2, &after, 2).is_none());
    // Who still has an old one keeps nothing there.
    assert_eq!(idle(&old), 0);
    let (wire, _other) = wire();
    old.only().unwrap().keep(wire);
    assert_eq!(idle(&old), 0);
    assert_eq!(idle(&pool.of(1, &before, 0).unwrap()), 1);
    assert_eq!(idle(&pool.of(1, &before, 1).unwrap()), 0);
}

#[tokio::test]
async fn a_request_is_under_way_until_its_connection_is_free() {
    let pool = Pool::default();
    let upstreams = [upstream("a", "10.0.0.1:80")];
    let lanes = pool.of(1, &upstreams, 0).unwrap();
    let (wire, _other) = wire();
    lanes.only().unwrap().keep(wire);
    let under_way = || upstreams[0].group.servers()[0].counts().under_way;
    let mut lease = lanes
        .only()
        .unwrap()
        .lease(&upstreams[0], Look::Socket)
        .await
        .unwrap();
    assert_eq!(under_way(), 1);
    let mut rest = lease.take();
    drop(lease);
    assert_eq!(under_way(), 1);
    rest.give_back();
    assert_eq!((under_way(), idle(&lanes)), (0, 1));
}
