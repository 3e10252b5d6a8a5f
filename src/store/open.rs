//! The store that a configuration asks for.

use std::{path::PathBuf, sync::Arc};

use super::{
    Buckets, DEFAULT_CAPACITY, Disk, DiskError, Memory, OnFailure, Records, Redis, RedisSettings,
    Store,
};
use crate::clock::Clock;

/// What is kept, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many used tokens and ended sessions.
    pub entries: usize,
    /// The file that it is kept in; `None`: in memory.
    pub path: Option<PathBuf>,
    /// What the file may take, in bytes.
    pub max_size: u64,
    /// The server that keeps it, for several gateways; then neither a file nor memory does.
    pub redis: Option<RedisSettings>,
    /// What becomes of a request when the store cannot be asked.
    pub on_failure: OnFailure,
}

/// One store, for all of its uses.
pub struct Opened {
    /// What is good once.
    pub once: Arc<dyn Store>,
    /// What is kept with a value.
    pub records: Arc<dyn Records>,
    /// Rate limits that other gateways count too; `None` where no other gateway sees the store.
    pub buckets: Option<Arc<dyn Buckets>>,
}

/// Opens the store that `settings` ask for; a file is made when it is not there. Blocks: a file is read
/// from its beginning to its end, or the first answer of a server is awaited for two seconds.
///
/// # Errors
/// [`DiskError`] when there is a file and it cannot be used, or none can be made. A server that cannot be used is
/// none: it is tried again, and whoever needs it is refused meanwhile.
pub fn open(settings: &Settings, clock: Clock) -> Result<Opened, DiskError> {
    if let Some(redis) = &settings.redis {
        let redis = Redis::open(redis.clone(), clock).map_err(DiskError::Thread)?;
        let redis = Arc::new(redis);
        Ok(Opened {
            buckets: Some(Arc::<Redis>::clone(&redis)),
            once: Arc::<Redis>::clone(&redis),
            records: redis,
        })
    } else if settings.path.is_some() {
        Ok(Opened::both(Disk::open(settings, clock)?))
    } else {
        Ok(Opened::both(Memory::new(settings.entries, clock)))
    }
}

impl Opened {
    fn both<S: Store + Records + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self {
            once: Arc::<S>::clone(&store),
            records: store,
            buckets: None,
        }
    }
}

impl Settings {
    /// Whether other gateways see it too.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.redis.is_some()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            entries: DEFAULT_CAPACITY,
            path: None,
            max_size: 1 << 30,
            redis: None,
            on_failure: OnFailure::default(),
        }
    }
}
