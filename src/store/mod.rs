//! What is good once: keys that are remembered until a time, so that no second request uses them. And
//! [`Records`]: values under such keys, and [`Buckets`]: how many requests are left.
//!
//! A [`Store`] answers later, for it may stand on a disk, or elsewhere, and be shared by several gateways.
//! Here are the gateway's own memory, [`Memory`], a file that outlives it, [`Disk`], and a server for several,
//! [`Redis`].

use std::{future::Future, pin::Pin};

use aws_lc_rs::digest;

use crate::clock::UnixTime;

pub mod buckets;
mod disk;
mod memory;
mod on_failure;
mod open;
pub mod records;
mod redis;

pub use buckets::{Ask, Buckets, Level, Levels, LocalBuckets, Rate};
pub use disk::{Disk, DiskError};
pub use memory::Memory;
pub use on_failure::{OnFailure, Use};
pub use open::{Opened, Settings, open};
pub use records::{Change, Records};
pub use redis::{Address, Redis, RedisSettings};

/// What is remembered: a SHA-256, so that a store holds neither names nor identifiers of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

/// Who remembers. What one owner has remembered never takes the room of another one's whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner([u8; 32]);

/// An answer that comes later.
pub type Answer<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// How many keys a store holds where nobody says how many.
pub const DEFAULT_CAPACITY: usize = 1_000_000;

/// What part of the room for keys one owner may take: others must find some, whatever an issuer does.
const SHARE: usize = 4;

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// How many keys it holds.
    pub entries: usize,
    /// How many it may hold.
    pub capacity: usize,
    /// How many records it holds beside them.
    pub records: usize,
    /// Of a store on disk.
    pub disk: Option<OnDisk>,
}

/// What a store on disk has done, and what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnDisk {
    /// What its file takes on the disk, in bytes.
    pub bytes: u64,
    /// What it may take.
    pub capacity: u64,
    /// How often changes were made durable; one such commit has all that wait.
    pub commits: u64,
    /// How often the file could not be read or written.
    pub errors: u64,
    /// Changes and questions that were refused because too many waited, or were too late.
    pub refused: u64,
    /// Whether it can be asked now.
    pub is_open: bool,
}

/// How a store elsewhere is doing, which several gateways share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// Whether it can be asked now.
    pub is_open: bool,
    /// Whether it ever could.
    pub was_open: bool,
    /// Whether it throws keys away when it is full.
    pub evicts: bool,
    /// Commands that were done.
    pub commands: u64,
    /// Connections that proved to be of use.
    pub connects: u64,
    /// Connections that failed, and commands that it refused.
    pub errors: u64,
    /// Questions that were refused because it cannot be asked, too many waited, or the answer was late.
    pub refused: u64,
    /// What is wrong with it.
    pub trouble: Option<String>,
}

/// Why a store does not answer. Whoever asked refuses then: what is not known to be new is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room, for this owner or at all. Nothing that is still needed is forgotten for it.
    #[error("the store is full: it holds as many keys as it may, and none of them has ended")]
    Full,
    /// It cannot be asked.
    #[error("the store does not answer")]
    Unavailable,
}

/// Remembers keys until they end. All workers ask the same one at the same time.
pub trait Store: Send + Sync {
    /// Remembers `key` until `until`, that second not included; true for the first who asks, and false
    /// for everybody else until then. Of two who ask at once, one is the first.
    ///
    /// # Errors
    /// [`StoreError`]; then it is not known, and the key may or may not be remembered.
    fn consume_once(&self, owner: Owner, key: Key, until: UnixTime) -> Answer<'_, bool>;

    /// Whether `key` is remembered. It changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn contains(&self, key: Key) -> Answer<'_, bool>;

    /// How full it is, if that is known here.
    fn size(&self) -> Option<Size>;

    /// How it is doing, if it is elsewhere.
    fn remote(&self) -> Option<Remote> {
        None
    }
}

impl Key {
    /// The key of `names` among those of one kind: no other names have the same one.
    #[must_use]
    pub fn of(kind: &str, names: &[&[u8]]) -> Self {
        Self(sha256(kind, names))
    }

    /// The digest itself.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Owner {
    /// Everything of one kind that is remembered.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        Self(sha256(kind, &[]))
    }

    /// What is remembered for `issuer`.
    #[must_use]
    pub fn issuer(issuer: &str) -> Self {
        Self(sha256("issuer", &[issuer.as_bytes()]))
    }
}

/// Each piece goes behind its length, so that none can be taken for part of another.
fn sha256(kind: &str, names: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for piece in std::iter::once(kind.as_bytes()).chain(names.iter().copied()) {
        context.update(&(piece.len() as u64).to_be_bytes());
        context.update(piece);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_are_another_key() {
        let key = |kind, names: [&str; 2]| Key::of(kind, &names.map(str::as_bytes));
        let first = key("jti", ["https://a.example", "1"]);
        assert_eq!(first, key("jti", ["https://a.example", "1"]));
        for (kind, names) in [
            ("jti", ["https://a.example", "2"]),
            ("jti", ["https://b.example", "1"]),
            ("jti", ["https://a.example1", ""]),
            ("jti", ["", "https://a.example1"]),
            ("jti", ["https://a.example\x001", ""]),
            ("session", ["https://a.example", "1"]),
        ] {
            assert_ne!(first, key(kind, names), "{kind} {names:?}");
        }
        assert_ne!(Owner::of("session"), Owner::issuer("session"));
    }
}
