//! The thread that reads, so that no worker waits for a disk.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc::Receiver},
};

use redb::ReadableDatabase;
use tokio::sync::oneshot;

use super::{
    layout::{self, ONCE, RECORDS},
    shared::Shared,
    tables,
};
use crate::{
    clock::Clock,
    store::{Key, StoreError},
};

/// A question, and who waits for the answer.
pub(super) enum Question {
    Contains(Key, oneshot::Sender<Result<bool, StoreError>>),
    Get(Key, oneshot::Sender<Result<Option<Vec<u8>>, StoreError>>),
}

/// Answers questions until nobody can ask any more.
pub(super) struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) questions: Receiver<Question>,
    pub(super) clock: Clock,
}

impl Reader {
    pub(super) fn run(self) {
        while let Ok(question) = self.questions.recv() {
            match question {
                // Nobody waits any more.
                Question::Contains(_, answer) if answer.is_closed() => {}
                Question::Get(_, answer) if answer.is_closed() => {}
                Question::Contains(key, answer) => {
                    let _ = answer.send(self.guarded(|| self.contains(key)));
                }
                Question::Get(key, answer) => {
                    let _ = answer.send(self.guarded(|| self.get(key)));
                }
            }
        }
    }

    fn contains(&self, key: Key) -> Result<bool, redb::Error> {
        let database = self.shared.database();
        let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let table = database.begin_read()?.open_table(ONCE)?;
        let entry = table.get(&key.0)?;
        Ok(entry.is_some_and(|entry| self.clock.now() < layout::read_used(entry.value()).0))
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, redb::Error> {
        let database = self.shared.database();
        let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let table = database.begin_read()?.open_table(RECORDS)?;
        let Some(entry) = table.get(&key.0)? else {
            return Ok(None);
        };
        let (end, value) = tables::read_record(entry.value())?;
        Ok((self.clock.now() < end).then(|| value.to_vec()))
    }

    fn guarded<T>(&self, read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let error = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(redb::Error::DatabaseClosed)) => return Err(StoreError::Unavailable),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        self.shared.fail(&error);
        Err(StoreError::Unavailable)
    }
}
