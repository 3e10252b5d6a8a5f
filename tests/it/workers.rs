//! Several workers: a new connection goes to the one with less to do, and nothing is lost on its way.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Instant,
};

use super::harness::{Connection, PATIENCE, Stage, get, refused};

const TWO: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n[server]\nworkers = 2\n";

fn counts(stage: &Stage) -> Vec<u32> {
    let loads = stage.gateway.running().loads();
    loads.iter().map(|load| load.all()).collect()
}

fn wait_for(stage: &Stage, expected: [u32; 2]) {
    let began = Instant::now();
    while counts(stage) != expected {
        assert!(began.elapsed() < PATIENCE, "{:?}", counts(stage));
        std::thread::yield_now();
    }
}

#[test]
fn four_connections_are_two_for_each_of_two_workers() {
    let stage = Stage::with(TWO);
    for round in 1..=10 {
        let mut crowd: Vec<_> = (0..4).map(|_| Connection::open(stage.address())).collect();
        for connection in &mut crowd {
            assert_eq!(connection.exchange(&get("/")).status, 200);
        }
        assert_eq!(counts(&stage), [2, 2]);
        assert_eq!(stage.upstream.count(), 4 * round);
        drop(crowd);
        wait_for(&stage, [0, 0]);
    }
}

#[test]
fn a_unix_socket_is_shared_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portcullis.sock");
    let stage = Stage::with(&format!(
        "{TWO}listen = [\"127.0.0.1:0\", \"unix:{}\"]\n",
        path.display()
    ));
    let mut crowd: Vec<_> = (0..4)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    for connection in &mut crowd {
        connection.write_all(&get("/").bytes()).unwrap();
        let mut start = [0; 12];
        connection.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
    }
    assert_eq!(counts(&stage), [2, 2]);
}

#[test]
fn the_limit_is_one_for_both() {
    let limit = "[server.limits]\nconnections = 3\n";
    let stage = Stage::with(&format!("{TWO}{limit}"));
    let mut crowd: Vec<_> = (0..3).map(|_| Connection::open(stage.address())).collect();
    for connection in &mut crowd {
        assert_eq!(connection.exchange(&get("/")).status, 200);
    }
    for _ in 0..8 {
        refused(&stage.send(&get("/")), 503, "overloaded");
    }
    assert_eq!(stage.upstream.count(), 3);
    assert_eq!(counts(&stage).iter().sum::<u32>(), 3);
    drop(crowd);
    wait_for(&stage, [0, 0]);
    stage.allows(&get("/"));
}

#[test]
fn a_drain_leaves_no_connection_behind() {
    let stage = Stage::with(TWO);
    let address = stage.address();
    let mut crowd: Vec<_> = (0..100).map(|_| Connection::open(address)).collect();
    // Some may still be on their way from one worker to the other.
    let Stage { gateway, .. } = stage;
    std::thread::scope(|scope| {
        let draining = scope.spawn(move || gateway.drain());
        for mut connection in crowd.drain(..) {
            assert!(connection.is_closed());
        }
        assert!(draining.join().unwrap(), "the drain was clean");
    });
}
