//! `[signing]`.

use std::path::PathBuf;

use crate::jose::Algorithm;

/// Where keys are kept, and how new ones are made. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The directory of the keys; `None`: nothing is signed.
    pub directory: Option<PathBuf>,
    /// What new keys sign by.
    pub algorithm: Algorithm,
    /// How long a new key is published before it signs.
    pub publish_for: i64,
    /// The longest life of a token that a new key signs.
    pub token_lifetime: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            directory: None,
            algorithm: Algorithm::Es256,
            publish_for: 3600,
            token_lifetime: 3600,
        }
    }
}
