//! One thread for all questions over a network: connections live longer there than on a worker, and a
//! worker that waits is not held up by the connections of others.

use std::sync::OnceLock;

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// A thread that begins with the first question and ends when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Thread(OnceLock<Option<Running>>);

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// Dropping it ends the thread, and with it all that is under way there.
    _alive: oneshot::Sender<()>,
}

impl Thread {
    /// Runs `work` there. When there can be no such thread, `work` is dropped.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(running) = self.0.get_or_init(Running::begin) {
            running.handle.spawn(work);
        }
    }
}

impl Running {
    fn begin() -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("users".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(ended);
                // A name that is still being resolved does not keep it.
                runtime.shutdown_background();
            })
            .ok()?;
        Some(Self {
            handle,
            _alive: alive,
        })
    }
}
