//! The issuer and the upstream, on one thread beside the gateway.

use std::{
    convert::Infallible,
    io,
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use tokio::sync::oneshot;

use super::io::Connection;

/// The longest request body that is read, in bytes.
const BODY_BYTES: usize = 1024 * 1024;
/// The pause after a failed accept, so that a full file table is no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers the requests of one listener.
pub(super) type Answer = dyn Fn(Request<Bytes>) -> Response<Full<Bytes>> + Send + Sync;

/// The thread that serves the issuer and the upstream. It ends when this is dropped.
pub(super) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Serves each listener with its answer, on a thread of its own.
    ///
    /// # Errors
    /// What the system says when the thread or its runtime cannot be made.
    pub(super) fn start(services: Vec<(TcpListener, Arc<Answer>)>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        for (listener, answer) in services {
            listener.set_nonblocking(true)?;
            let _inside = runtime.enter();
            runtime.spawn(serve(tokio::net::TcpListener::from_std(listener)?, answer));
        }
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("demo".to_owned())
            .spawn(move || {
                // An error means that the sender is gone, which is the same wish.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to end.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, answer: Arc<Answer>) {
    loop {
        let Ok((stream, _peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Only a matter of speed.
        let _ = stream.set_nodelay(true);
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let service = service_fn(move |request| handle(request, Arc::clone(&answer)));
            // A client that breaks off is no event worth a word here.
            let _ = http1::Builder::new()
                .serve_connection(Connection(stream), service)
                .await;
        });
    }
}

async fn handle(
    request: Request<Incoming>,
    answer: Arc<Answer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => Ok(answer(Request::from_parts(parts, body.to_bytes()))),
        Err(_) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            Ok(response)
        }
    }
}
