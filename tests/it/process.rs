//! The program as a process: signals, its supervisor, its successor.

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::harness::{Connection, FILE, PATIENCE, Program, Reply, Upstream, get};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

/// Writes a configuration of one public route to `upstream`.
fn write(folder: &Path, listen: &str, upstream: &Upstream, limits: &str) -> PathBuf {
    let file = folder.join(FILE);
    let text = format!(
        "[server]\nlisten = \"{listen}\"\nworkers = 2\n[server.limits]\n{limits}\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[upstream]\nurl = \"{}\"\n{PUBLIC}",
        upstream.url()
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// What the supervisor hears next.
fn heard(ear: &UnixDatagram) -> String {
    let mut bytes = [0; 1000];
    let count = ear.recv(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
    text.lines().next().unwrap().to_owned()
}

#[test]
fn the_first_signal_says_so_and_the_second_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    let path = folder.path().join("notify");
    let ear = UnixDatagram::bind(&path).unwrap();
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let file = write(
        folder.path(),
        "127.0.0.1:0",
        &upstream,
        "drain_delay = \"1h\"",
    );
    let mut program = Program::start_with(&file, |command| command.env("NOTIFY_SOCKET", &path));
    let address = program.next_address("listening");
    let admin = program.next_address("admin listening");
    assert_eq!(heard(&ear), "READY=1");
    program.signal("HUP");
    assert_eq!(heard(&ear), "RELOADING=1");
    assert_eq!(heard(&ear), "READY=1");
    program.signal("TERM");
    assert_eq!(heard(&ear), "STOPPING=1");
    program.next("not ready any more");
    // The delay is for those who still send.
    assert_eq!(get("/readyz").send(admin).status, 503);
    assert_eq!(get("/livez").send(admin).status, 200);
    assert_eq!(get("/").send(address).status, 200);
    program.signal("TERM");
    program.next("ending at once");
    assert_eq!(program.wait(), Some(1));
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_second_signal_cuts_a_drain_short() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    upstream.replies(Reply::Silence);
    let file = write(
        folder.path(),
        "127.0.0.1:0",
        &upstream,
        "drain_timeout = \"1h\"",
    );
    let mut program = Program::start(&file);
    let address = program.next_address("listening");
    let mut connection = Connection::open(address);
    connection.send(get("/").bytes());
    upstream.wait_for(0);
    program.signal("INT");
    program.next("draining");
    program.signal("INT");
    program.next("no clean end");
    assert_eq!(program.wait(), Some(1));
    assert!(connection.is_closed());
}

#[test]
fn the_watchdog_hears_that_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    let path = folder.path().join("notify");
    let ear = UnixDatagram::bind(&path).unwrap();
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let file = write(folder.path(), "127.0.0.1:0", &upstream, "");
    let mut program = Program::start_with(&file, |command| {
        let command = command.env("NOTIFY_SOCKET", &path);
        command
            .env("WATCHDOG_USEC", "2000000")
            .env_remove("WATCHDOG_PID")
    });
    let states: Vec<_> = (0..3).map(|_| heard(&ear)).collect();
    let alive = states.iter().filter(|state| *state == "WATCHDOG=1").count();
    assert!(
        alive >= 2 && states.contains(&"READY=1".to_owned()),
        "{states:?}"
    );
    program.signal("TERM");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_port_in_use_is_an_error_unless_it_is_to_be_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start();
    let file = write(folder.path(), "127.0.0.1:0", &upstream, "");
    let mut first = Program::start(&file);
    let address = first.next_address("listening");
    let file = write(folder.path(), &address.to_string(), &upstream, "");
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["run", "-c"]).arg(&file);
        command
    };
    let output = run().stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
    let mut second = Program::start_with(&file, |command| command.arg("--take-over"));
    assert_eq!(second.next_address("listening"), address);
    first.signal("TERM");
    assert_eq!(first.wait(), Some(0));
    for _ in 0..10 {
        assert_eq!(get("/").send(address).status, 200);
    }
    second.signal("TERM");
    assert_eq!(second.wait(), Some(0));
}

#[test]
fn a_socket_that_did_not_come_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "fd:web", &Upstream::start(), "");
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["run", "-c"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot listen on fd:web") && said.contains("LISTEN_FDS"),
        "{said}"
    );
}
