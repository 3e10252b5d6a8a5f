//! What a request had to wait for besides its upstream.

use std::{pin::pin, task::Poll, time::Instant};

use super::Record;

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// An issuer's keys.
    Keys,
    /// An issuer's word on a token.
    Introspection,
    /// What the upstream is shown.
    Credential,
}

impl Wait {
    /// Its name as a span.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "fetch keys",
            Self::Introspection => "introspect token",
            Self::Credential => "fetch credential",
        }
    }
}

/// Waits for `future`, and notes in `record` how long that took. What is there at once is not noted.
pub async fn waiting<T>(record: Option<&Record>, wait: Wait, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let Some(record) = record else {
        return future.await;
    };
    let mut began = None;
    let answer = std::future::poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            began.get_or_insert_with(Instant::now);
        }
        match polled {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if let Some(began) = began {
        record.waited(wait, began);
    }
    answer
}
