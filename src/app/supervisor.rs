//! Telling systemd, or whoever follows its protocol (sd_notify(3)), how the process is.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::Arc,
    time::Duration,
};

use tokio::time::MissedTickBehavior;

use crate::server::Crew;

/// Who is told. The default is nobody.
#[derive(Clone, Debug, Default)]
pub(super) struct Supervisor {
    ear: Option<SocketAddr>,
    /// How often it must hear that all is well.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// That of this process: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub(super) fn of_environment() -> Self {
        let ear = env::var_os("NOTIFY_SOCKET").and_then(|ear| address(&ear).ok());
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|time| ours && *time > 0);
        Self {
            ear,
            watchdog: watchdog.map(Duration::from_micros),
        }
    }

    /// It serves.
    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    /// It reads its configuration again; [`Supervisor::ready`] follows.
    pub(super) fn reloads(&self) {
        self.tell("RELOADING=1\nSTATUS=reading the configuration again");
    }

    /// It drains.
    pub(super) fn stops(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// Says again and again that all is well, as long as every worker goes on. Never returns, unless nobody
    /// wants to know.
    pub(super) async fn watch(self, crew: Arc<Crew>) {
        let (Some(watchdog), Some(_)) = (self.watchdog, &self.ear) else {
            return;
        };
        let mut interval = tokio::time::interval(watchdog / 2);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Vec::new();
        loop {
            interval.tick().await;
            let now: Vec<_> = crew.beats().collect();
            if before.is_empty() || now.iter().zip(&before).all(|(now, before)| now != before) {
                self.tell("WATCHDOG=1");
                before = now;
            }
        }
    }

    /// Nobody is waited for, and a failure changes nothing.
    fn tell(&self, state: &str) {
        if let Some(ear) = &self.ear
            && let Err(error) = send(ear, state)
        {
            tracing::warn!(%error, "the supervisor cannot be told");
        }
    }
}

fn send(ear: &SocketAddr, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), ear).map(drop)
}

/// A path, or an abstract name behind an `@`.
fn address(ear: &OsStr) -> io::Result<SocketAddr> {
    match ear.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(ear),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard_by(socket: &UnixDatagram, ear: SocketAddr) -> String {
        let supervisor = Supervisor {
            ear: Some(ear),
            watchdog: None,
        };
        supervisor.stops();
        let mut bytes = [0; 100];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    #[test]
    fn the_supervisor_hears_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard = heard_by(&socket, address(path.as_os_str()).unwrap());
        assert_eq!(heard, "STOPPING=1\nSTATUS=draining");
        let name = format!("@portcullis-test-{}", std::process::id());
        let ear = address(OsStr::new(&name)).unwrap();
        let socket = UnixDatagram::bind_addr(&ear).unwrap();
        assert_eq!(heard_by(&socket, ear), "STOPPING=1\nSTATUS=draining");
    }

    #[test]
    fn nobody_hears_what_is_said_to_nobody() {
        for other in ["", "relative", "vsock:2:1234"] {
            assert!(address(OsStr::new(other)).is_err(), "{other:?}");
        }
        Supervisor::default().ready();
        let gone = address(OsStr::new("/nowhere/at/all")).unwrap();
        assert!(send(&gone, "READY=1").is_err());
    }
}
