//! Names of servers, looked up beside the requests.

use std::{collections::BTreeSet, fmt, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use super::Group;

/// What a resolver answers with.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// How names become addresses: a function of a host and a port.
#[derive(Clone)]
pub struct Resolver(Arc<LookUp>);

type LookUp = dyn Fn(&str, u16) -> Addresses + Send + Sync;

/// How long one look-up may take. The system's own is longer, and may hold a thread meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a failure, and between two that requests ask for.
const PAUSE: Duration = Duration::from_secs(1);

/// The most addresses of one name that are used.
const MOST: usize = 64;

impl Resolver {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|host, port| {
            let host = host.to_owned();
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        })
    }

    /// One that asks `function`.
    #[must_use]
    pub fn new(function: impl Fn(&str, u16) -> Addresses + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<BTreeSet<SocketAddr>> {
        let found = tokio::time::timeout(PATIENCE, (self.0)(host, port)).await;
        let found = found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if found.is_empty() {
            return Err(io::Error::other("the name has no address"));
        }
        // In order, so that the same answer is the same whatever its order was.
        Ok(found
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .take(MOST)
            .collect())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// Looks up the name of server number `number` of `group`, again and again: after its time, and soon when
/// a connection could not be made.
pub(super) async fn keep(group: Arc<Group>, number: usize, resolver: Resolver) {
    let Some(server) = group.servers().get(number).map(Arc::clone) else {
        return;
    };
    let Some((host, port)) = server.name() else {
        return;
    };
    let every = group.settings().dns_refresh;
    loop {
        let pause = match resolver.look_up(host, port).await {
            Ok(found) => {
                server.set_lookup_error(None);
                group.found(&server, &found);
                every
            }
            Err(error) => {
                tracing::warn!(upstream = group.name(), server = &*server.label, %error,
                    "the name cannot be looked up; its last addresses stay");
                server.set_lookup_error(Some(error.to_string().into()));
                group.found_nothing();
                every.min(PAUSE)
            }
        };
        let least = pause.min(PAUSE);
        tokio::time::sleep(least).await;
        tokio::select! {
            () = tokio::time::sleep(pause.saturating_sub(least)) => {}
            () = group.look_up_is_wanted() => {}
        }
    }
}

#[cfg(test)]
mod tests;
