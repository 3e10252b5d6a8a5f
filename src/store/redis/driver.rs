//! The thread that speaks with Redis: it sends what waits in one piece, and gives each the reply that is its own.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use super::{
    error::RedisError,
    line::{self, Line, Stream},
    resp::{self, Reply},
    settings::{Address, RedisSettings},
    shared::Shared,
};

/// A command that waits, and who waits for it.
pub(super) struct Task {
    pub(super) command: Vec<u8>,
    pub(super) answer: oneshot::Sender<Reply>,
    pub(super) since: Instant,
    /// What it takes in memory, given back when it is done.
    pub(super) weight: OwnedSemaphorePermit,
}

/// Speaks with Redis until nobody can ask for any more.
pub(super) struct Driver {
    pub(super) settings: RedisSettings,
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: mpsc::Receiver<Task>,
    /// Told when the first attempt to connect has come to an end.
    pub(super) tried: Option<std::sync::mpsc::Sender<()>>,
}

/// A command that was sent.
struct Sent {
    answer: Option<oneshot::Sender<Reply>>,
    since: Instant,
    _weight: Option<OwnedSemaphorePermit>,
}

/// A connection at work.
struct Session<'d> {
    reader: ReadHalf<std::pin::Pin<Box<dyn Stream>>>,
    writer: WriteHalf<std::pin::Pin<Box<dyn Stream>>>,
    address: Address,
    shared: &'d Shared,
    timeout: Duration,
    out: BytesMut,
    is_flushed: bool,
    inbox: BytesMut,
    sent: VecDeque<Sent>,
    /// When something was last sent.
    used: Instant,
}

/// Why a connection ends.
enum End {
    /// Nobody asks any more.
    Done,
    /// It is of no use.
    Broken(RedisError),
}

/// How many commands are under way at once, and how many bytes wait to be written until others are taken.
const PIPELINE: usize = 1024;
const PIPELINE_BYTES: usize = 1 << 20;

/// How long nothing is sent until it is asked whether it is still there: so that no request finds out.
const IDLE: Duration = Duration::from_secs(1);

/// How long it waits until it connects again, at first and at most. Up to a half more comes by chance, so that
/// not all gateways come at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a connection lasts to be a good one.
const GOOD: Duration = Duration::from_secs(1);

impl Driver {
    /// Returns when nobody can ask any more.
    pub(super) async fn run(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let connected = tokio::select! {
                connected = line::connect(&self.settings) => Some(connected),
                () = refuse(&mut self.tasks) => None,
            };
            let error = match connected {
                None => break,
                Some(Err(error)) => error,
                Some(Ok(line)) => {
                    self.shared.open(&line.address.to_string(), line.evicts);
                    self.told();
                    let since = Instant::now();
                    let end = Session::of(line, &self.shared, self.settings.timeout);
                    match end.run(&mut self.tasks).await {
                        End::Done => break,
                        End::Broken(error) => {
                            if since.elapsed() > GOOD {
                                pause = FIRST_PAUSE;
                            }
                            error
                        }
                    }
                }
            };
            self.shared.close(&error);
            self.told();
            let chance = pause.mul_f64(fastrand::f64() / 2.0);
            tokio::select! {
                () = sleep(pause + chance) => {}
                () = refuse(&mut self.tasks) => break,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.shared.end();
    }

    fn told(&mut self) {
        if let Some(tried) = self.tried.take() {
            let _ = tried.send(());
        }
    }
}

/// Refuses all that comes, by dropping it; returns when nobody can ask any more.
async fn refuse(tasks: &mut mpsc::Receiver<Task>) {
    while tasks.recv().await.is_some() {}
}

impl<'d> Session<'d> {
    fn of(line: Line, shared: &'d Shared, timeout: Duration) -> Self {
        let (reader, writer) = tokio::io::split(line.stream);
        Self {
            reader,
            writer,
            address: line.address,
            shared,
            timeout,
            out: BytesMut::new(),
            is_flushed: true,
            inbox: BytesMut::new(),
            sent: VecDeque::new(),
            used: Instant::now(),
        }
    }

    async fn run(mut self, tasks: &mut mpsc::Receiver<Task>) -> End {
        loop {
            let has_room = self.sent.len() < PIPELINE && self.out.len() < PIPELINE_BYTES;
            let has_news = !self.out.is_empty() || !self.is_flushed;
            let oldest = self.sent.front().map(|sent| sent.since);
            let alarm = oldest.map_or(self.used + IDLE, |oldest| oldest + self.timeout);
            let done = tokio::select! {
                biased;
                read = self.reader.read_buf(&mut self.inbox) => match read {
                    Ok(0) => Err(self.closed("it went away")),
                    Ok(_) => self.deliver(),
                    Err(error) => Err(self.closed(&error.to_string())),
                },
                task = tasks.recv(), if has_room => match task {
                    None => return End::Done,
                    Some(task) => {
                        self.take(task);
                        Ok(())
                    }
                },
                written = write(&mut self.writer, &mut self.out, &mut self.is_flushed), if has_news => {
                    written.map_err(|error| self.closed(&error.to_string()))
                }
                () = sleep_until(alarm) => match oldest {
                    Some(_) => Err(RedisError::Late(self.address.clone())),
                    None => {
                        self.ping();
                        Ok(())
                    }
                },
            };
            if let Err(error) = done {
                return End::Broken(error);
            }
        }
    }

    /// Puts a command behind the others, unless nobody waits for it any more.
    fn take(&mut self, task: Task) {
        if task.answer.is_closed() || task.since.elapsed() >= self.timeout {
            return;
        }
        self.put(
            &task.command,
            Some(task.answer),
            task.since,
            Some(task.weight),
        );
    }

    fn ping(&mut self) {
        self.put(&resp::command(&[b"PING"]), None, Instant::now(), None);
    }

    fn put(
        &mut self,
        command: &[u8],
        answer: Option<oneshot::Sender<Reply>>,
        since: Instant,
        weight: Option<OwnedSemaphorePermit>,
    ) {
        self.out.extend_from_slice(command);
        self.used = since;
        self.sent.push_back(Sent {
            answer,
            since,
            _weight: weight,
        });
    }

    /// Gives every reply that has come to whoever waits for it.
    fn deliver(&mut self) -> Result<(), RedisError> {
        loop {
            let parsed = Reply::parse(&self.inbox);
            let parsed = parsed.map_err(|_| RedisError::NotRedis(self.address.clone()))?;
            let Some((reply, taken)) = parsed else {
                return Ok(());
            };
            self.inbox.advance(taken);
            let sent = self.sent.pop_front();
            let sent = sent.ok_or_else(|| RedisError::NotRedis(self.address.clone()))?;
            // Counted before it is told: whoever has an answer finds it in the figures.
            let error = match &reply {
                Reply::Error(text) => Some(line::refused(&self.address, text)),
                _ => None,
            };
            match &error {
                None => _ = self.shared.commands.fetch_add(1, Relaxed),
                Some(error @ RedisError::Refused(..)) => self.shared.refuse(error),
                Some(_) => {}
            }
            if let Some(answer) = sent.answer {
                let _ = answer.send(reply);
            }
            match error {
                None | Some(RedisError::Refused(..)) => {}
                // Another server may be the one to ask now.
                Some(error) => return Err(error),
            }
        }
    }

    fn closed(&self, why: &str) -> RedisError {
        RedisError::Closed(self.address.clone(), why.to_owned())
    }
}

/// Writes some of `out`, or has what was written sent. Nothing is lost when it is given up.
async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    out: &mut BytesMut,
    is_flushed: &mut bool,
) -> std::io::Result<()> {
    if out.is_empty() {
        writer.flush().await?;
        *is_flushed = true;
        return Ok(());
    }
    *is_flushed = false;
    match writer.write_buf(out).await? {
        0 => Err(std::io::ErrorKind::WriteZero.into()),
        _ => Ok(()),
    }
}
