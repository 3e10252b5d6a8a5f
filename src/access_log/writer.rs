//! The thread that writes.

use std::{io, sync::mpsc::Receiver, thread, time::Duration};

use super::{Format, Message, line, pseudonym::Pseudonyms, sink::Sink};
use crate::telemetry::metrics::AccessLogMetrics;

/// What the thread has.
pub(super) struct Writer {
    pub(super) events: Receiver<Message>,
    pub(super) sink: Sink,
    pub(super) format: Format,
    pub(super) pseudonyms: Pseudonyms,
    pub(super) metrics: AccessLogMetrics,
}

/// Lines that are not written yet.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
}

/// How many bytes are written at once, at least, while there is more.
const ENOUGH: usize = 64 * 1024;

/// How long it does not look after it has written: nobody has to wake it for each request of many.
const NAP: Duration = Duration::from_millis(10);

impl Writer {
    /// Starts the thread. It ends when nobody can send anything any more.
    pub(super) fn start(self) -> io::Result<()> {
        let thread = thread::Builder::new().name("access-log".to_owned());
        thread.spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        let mut batch = Batch::default();
        let mut failing = false;
        while let Ok(message) = self.events.recv() {
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Event(event) => {
                        let subject = self.pseudonyms.of(&event);
                        line::write(&mut batch.bytes, self.format, &event, subject.as_deref());
                        batch.lines += 1;
                    }
                    Message::Reopen => {
                        self.put(&mut batch, &mut failing);
                        self.reopen();
                    }
                    Message::Flush(done) => {
                        self.put(&mut batch, &mut failing);
                        let _ = done.try_send(());
                    }
                }
                if batch.bytes.len() >= ENOUGH {
                    self.put(&mut batch, &mut failing);
                }
                next = self.events.try_recv().ok();
            }
            self.put(&mut batch, &mut failing);
            thread::sleep(NAP);
        }
    }

    fn put(&mut self, batch: &mut Batch, failing: &mut bool) {
        let Batch { bytes, lines } = std::mem::take(batch);
        if lines == 0 {
            return;
        }
        match self.sink.write(&bytes) {
            Ok(()) => {
                self.metrics.lines.inc_by(lines);
                if std::mem::take(failing) {
                    tracing::info!("the access log can be written again");
                }
            }
            Err(error) => {
                self.metrics.write_failed.inc_by(lines);
                if !std::mem::replace(failing, true) {
                    tracing::error!(%error, "the access log cannot be written; its lines are lost");
                }
            }
        }
    }

    fn reopen(&mut self) {
        match self.sink.reopen() {
            Ok(()) => tracing::info!("access log opened again"),
            Err(error) => {
                tracing::error!(%error, "the access log cannot be opened again; the old file goes on");
            }
        }
    }
}
