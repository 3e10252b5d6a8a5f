//! A defect of the gateway ends the request in which it shows, and nothing else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// A panic came out of a future.
pub(super) struct Panicked;

/// Runs `future` to its end, or to its panic. What it shares with others is atomic, behind a lock that
/// does not mind, or given back by a drop; what is its own goes with it.
pub(super) async fn guarded<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let polling = AssertUnwindSafe(|| future.as_mut().poll(context));
        match catch_unwind(polling) {
            Ok(polled) => polled.map(Ok),
            // What it says may hold what a client sent, so nobody looks at it.
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}
