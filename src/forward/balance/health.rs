//! Health checks: one prober asks each address whether it serves.

use std::{future::poll_fn, io, sync::Arc};

use http::{Method, StatusCode};
use tokio::task::JoinSet;

use super::{
    super::{ForwardError, Upstream, connect, reply, wire::Wire},
    Endpoint, HealthCheck,
};
use crate::clock::Clock;

/// How many interim responses (1xx) are passed over.
const MAX_INTERIM: usize = 4;

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("the health check took too long")]
    TooLong,
    #[error("the health check failed: {0}")]
    Forward(#[from] ForwardError),
    #[error("the health check was answered with {0}")]
    Status(StatusCode),
}

/// Checks the addresses of `upstream` again and again, all of them at once.
pub(super) async fn keep(upstream: Upstream, clock: Clock) {
    let upstream = Arc::new(upstream);
    let Some(check) = upstream.group.settings().health.clone() else {
        return;
    };
    loop {
        let mut checks = JoinSet::new();
        for endpoint in &*upstream.group.endpoints() {
            let (upstream, endpoint) = (Arc::clone(&upstream), Arc::clone(endpoint));
            let (check, clock) = (check.clone(), clock.clone());
            checks.spawn_local(async move {
                let checked =
                    tokio::time::timeout(check.timeout, ask(&upstream, &endpoint, &check));
                let answer = checked.await.unwrap_or(Err(ProbeError::TooLong));
                tell(&upstream, &endpoint, &check, answer, &clock);
            });
        }
        while checks.join_next().await.is_some() {}
        tokio::time::sleep(check.interval).await;
    }
}

fn tell(
    upstream: &Upstream,
    endpoint: &Endpoint,
    check: &HealthCheck,
    answer: Result<(), ProbeError>,
    clock: &Clock,
) {
    let needed = match &answer {
        Ok(()) => check.healthy,
        Err(_) => check.unhealthy,
    };
    let changed = endpoint.is_checked(answer.is_ok(), needed);
    let (name, place) = (&*upstream.name, &endpoint.place);
    match answer {
        Ok(()) if changed => tracing::info!(upstream = name, endpoint = %place, "healthy again"),
        Ok(()) => {}
        Err(error) => {
            endpoint.remember(&error, clock.now());
            if changed {
                tracing::warn!(upstream = name, endpoint = %place, %error, "unhealthy");
            }
        }
    }
}

/// One request on a connection of its own, which carries nothing of anybody's.
async fn ask(
    upstream: &Upstream,
    endpoint: &Endpoint,
    check: &HealthCheck,
) -> Result<(), ProbeError> {
    let mut wire = connect::connect(upstream, endpoint).await?;
    let host = upstream.host.as_ref().unwrap_or(&endpoint.server.host);
    let head = &mut wire.output.head;
    head.extend_from_slice(b"GET ");
    head.extend_from_slice(check.path.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    head.extend_from_slice(host.as_bytes());
    head.extend_from_slice(b"\r\nuser-agent: portcullis-health\r\nconnection: close\r\n\r\n");
    poll_fn(|context| wire.poll_flush(context))
        .await
        .map_err(ForwardError::Closed)?;
    let status = answer(&mut wire).await?;
    let good = check.statuses.iter();
    if good.clone().any(|range| range.contains(&status.as_u16())) {
        return Ok(());
    }
    Err(ProbeError::Status(status))
}

async fn answer(wire: &mut Wire) -> Result<StatusCode, ForwardError> {
    for _ in 0..MAX_INTERIM {
        let reply = loop {
            let read = reply::read(&mut wire.input, &Method::GET);
            if let Some(reply) = read.map_err(ForwardError::Malformed)? {
                break reply;
            }
            let count = poll_fn(|context| wire.poll_read(context)).await;
            if count.map_err(ForwardError::Closed)? == 0 {
                return Err(ForwardError::Closed(io::ErrorKind::UnexpectedEof.into()));
            }
        };
        if !reply.status.is_informational() {
            return Ok(reply.status);
        }
    }
    Err(ForwardError::Malformed(reply::BadReply::TooLarge))
}
