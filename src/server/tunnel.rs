//! A connection that has switched protocols: bytes both ways, until both ends are done or one is given up.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    sync::atomic::AtomicI64,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{client::Client, worker::Shop};
use crate::{deadline::Deadline, forward::Tunnel};

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both ends said that they were done.
    Closed,
    /// One end broke the connection.
    Broken,
    /// Nothing moved for too long.
    Idle,
    /// The token that it began with is good no more.
    Expired,
}

/// One of the two directions.
#[derive(Default)]
struct Way {
    /// What was read and not yet written, one read's worth at most.
    held: BytesMut,
    /// How many bytes were written.
    carried: u64,
    /// Whether something was written that may stand in a buffer.
    unflushed: bool,
    /// Whether the end has come.
    ending: bool,
    /// Whether the end was passed on.
    ended: bool,
}

/// How much is read at once, in bytes. It stands on the stack, so that a silent tunnel holds no buffer.
const ROOM: usize = 16 * 1024;

impl End {
    const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::Idle => "idle",
            Self::Expired => "expired",
        }
    }
}

/// Carries what `client` and `upstream` say to each other, and returns when that is over. `early` is what
/// the client said before it heard that the protocol is another.
pub(super) async fn carry(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut upstream: Box<Tunnel>,
    early: BytesMut,
    state: &Rc<Client>,
    shop: &Shop,
) {
    let _counted = Counted::new(&shop.gateway.metrics().tunnels);
    let expiry = upstream.lifetime.map(|lifetime| {
        let expiry = state.pace.client.another();
        expiry.set(lifetime);
        expiry
    });
    let label = upstream.label.take();
    let idle = state.limits.tunnel_idle_timeout;
    state.pace.client.set(idle);
    let (mut up, mut down) = (Way::default(), Way::default());
    up.held = early;
    let end = std::future::poll_fn(|context| {
        let (moved, end) = poll_both(&mut client, &mut *upstream, &mut up, &mut down, context);
        if let Some(entry) = &upstream.entry {
            entry.has_carried(down.carried, up.carried);
        }
        if moved {
            state.pace.client.set(idle);
        }
        if end.is_ready() {
            return end;
        }
        if expiry.as_ref().is_some_and(|expiry| fires(expiry, context)) {
            return Poll::Ready(End::Expired);
        }
        state.pace.client.poll(context).map(|()| End::Idle)
    })
    .await;
    if let Some(entry) = &upstream.entry {
        entry.is_whole();
    }
    let id = label.as_ref().map(|label| &*label.request_id);
    tracing::info!(
        route = label.as_ref().map(|label| &*label.route),
        request_id = id.and_then(|id| str::from_utf8(id).ok()),
        client = state.peer.address.map(tracing::field::display),
        reason = end.name(),
        "tunnel ends",
    );
}

/// A tunnel that is counted until this is dropped.
struct Counted(Gauge<i64, AtomicI64>);

impl Counted {
    fn new(gauge: &Gauge<i64, AtomicI64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn fires(deadline: &Deadline, context: &Context<'_>) -> bool {
    deadline.poll(context).is_ready()
}

/// Moves what can be moved; whether anything was, and whether it is over.
fn poll_both<C, U>(
    client: &mut C,
    upstream: &mut U,
    up: &mut Way,
    down: &mut Way,
    context: &mut Context<'_>,
) -> (bool, Poll<End>)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut moved = false;
    let up = up.poll(client, upstream, &mut moved, context);
    let down = down.poll(upstream, client, &mut moved, context);
    let end = match (up, down) {
        (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(End::Broken),
        (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(End::Closed),
        _ => Poll::Pending,
    };
    (moved, end)
}

impl Way {
    /// Moves what can be moved; ready when the end was passed on. What is not taken is not read.
    fn poll<F, T>(
        &mut self,
        from: &mut F,
        to: &mut T,
        moved: &mut bool,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        F: AsyncRead + Unpin,
        T: AsyncWrite + Unpin,
    {
        loop {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            while !self.held.is_empty() {
                let count = ready!(Pin::new(&mut *to).poll_write(context, &self.held))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.held.advance(count);
                self.carried = self.carried.saturating_add(count as u64);
                (*moved, self.unflushed) = (true, true);
            }
            // A tunnel may be silent for long, and holds no buffer meanwhile.
            self.held = BytesMut::new();
            if self.ending {
                ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                self.ended = true;
                continue;
            }
            let mut room = [const { MaybeUninit::uninit() }; ROOM];
            let mut buffer = ReadBuf::uninit(&mut room);
            if Pin::new(&mut *from)
                .poll_read(context, &mut buffer)?
                .is_pending()
            {
                if self.unflushed {
                    ready!(Pin::new(&mut *to).poll_flush(context))?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
            *moved = true;
            self.take(buffer.filled(), to, context)?;
        }
    }

    /// Writes what was read, and holds what is not taken.
    fn take<T>(&mut self, read: &[u8], to: &mut T, context: &mut Context<'_>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin,
    {
        if read.is_empty() {
            self.ending = true;
            return Ok(());
        }
        let count = match Pin::new(to).poll_write(context, read) {
            Poll::Ready(count) => count?,
            Poll::Pending => 0,
        };
        self.unflushed |= count > 0;
        self.carried = self.carried.saturating_add(count as u64);
        self.held
            .extend_from_slice(read.get(count..).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// Two ends, and the tunnel between them, until it is over.
    async fn between<T>(
        room: usize,
        early: &[u8],
        play: impl AsyncFnOnce(DuplexStream, DuplexStream) -> T,
    ) -> (T, End) {
        let (client, mut near) = duplex(room);
        let (mut far, upstream) = duplex(room);
        let (mut up, mut down) = (Way::default(), Way::default());
        up.held = BytesMut::from(early);
        let carrying = std::future::poll_fn(|context| {
            poll_both(&mut near, &mut far, &mut up, &mut down, context).1
        });
        tokio::join!(play(client, upstream), carrying)
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_each_way_ends_by_itself() {
        for room in [1, 7, 100_000] {
            let long = vec![b'x'; 50_000];
            let (_, end) = between(room, b"early ", async |mut client, mut upstream| {
                let expected = [b"early ".as_slice(), &long].concat();
                let asking = async {
                    client.write_all(&long).await.unwrap();
                    client.shutdown().await.unwrap();
                    let mut answer = Vec::new();
                    client.read_to_end(&mut answer).await.unwrap();
                    assert_eq!(answer, b"answer");
                };
                let answering = async {
                    let mut asked = Vec::new();
                    upstream.read_to_end(&mut asked).await.unwrap();
                    assert_eq!(asked, expected);
                    // The client has ended, and the upstream has not.
                    upstream.write_all(b"answer").await.unwrap();
                    upstream.shutdown().await.unwrap();
                };
                tokio::join!(asking, answering);
            })
            .await;
            assert_eq!(end, End::Closed);
        }
    }

    #[tokio::test]
    async fn what_nobody_takes_is_not_read() {
        let (mut client, mut near) = duplex(1024);
        let (mut far, upstream) = duplex(1024);
        let (mut up, mut down) = (Way::default(), Way::default());
        let mut taken = 0;
        let mut context = Context::from_waker(std::task::Waker::noop());
        loop {
            let written = Pin::new(&mut client).poll_write(&mut context, &[b'x'; 512]);
            let Poll::Ready(Ok(count)) = written else {
                break;
            };
            taken += count;
            let (_, end) = poll_both(&mut near, &mut far, &mut up, &mut down, &mut context);
            assert!(end.is_pending());
        }
        assert!(taken <= 2 * 1024 + ROOM, "{taken}");
        assert!(up.held.len() <= ROOM);
        drop(upstream);
        let (_, end) = poll_both(&mut near, &mut far, &mut up, &mut down, &mut context);
        assert_eq!(end, Poll::Ready(End::Broken));
    }
}
