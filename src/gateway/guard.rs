//! A defect of the gateway ends the request in which it shows, and nothing else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

/// A panic came out of a future.
pub(super) struct Panicked;

/// Runs `future` to its end, or to its panic. What it shares with others is atomic, behind a lock that
/// does not mind, or given back by a drop; what is its own goes with it. It stays where it is pinned: moving
/// it would cost more than the guard.
pub(super) async fn guarded<T>(
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Panicked> {
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_comes_out_as_an_error_and_a_value_as_it_is() {
        let calm = pin!(async {
            tokio::task::yield_now().await;
            7
        });
        assert!(matches!(guarded(calm).await, Ok(7)));
        for late in [false, true] {
            let panics = pin!(async {
                if late {
                    tokio::task::yield_now().await;
                }
                panic!("this panic is part of the test");
            });
            let outcome: Result<(), Panicked> = guarded(panics).await;
            assert!(outcome.is_err());
        }
    }
}
