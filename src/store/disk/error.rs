//! Why a store on disk cannot be opened.

use std::io;

/// Why a store on disk cannot be opened. The texts name the file and say what to do.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The system refuses.
    #[error("{path}: {why}")]
    Io {
        /// The directory or file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// Others could put another file in its place.
    #[error("{0} can be written by others than its owner: chmod 700 {0}")]
    OpenDirectory(String),
    /// Others could read or write it.
    #[error("{0} can be read or written by others than its owner: chmod 600 {0}")]
    OpenFile(String),
    /// Another process has it.
    #[error("{0} is in use by another process: end that one, or give this one a file of its own")]
    InUse(String),
    /// It is damaged, or something else. It is never replaced.
    #[error(
        "{path} is damaged, or not a store of this program: {why}. Put back a copy, or move it away; \
         without it, what was used up or revoked is forgotten"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A later version wrote it.
    #[error(
        "{path} has format {found}, and this version knows format {known}: run the version that wrote it"
    )]
    Format {
        /// The file.
        path: String,
        /// Its format.
        found: u64,
        /// The format of this version.
        known: u64,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread for the store: {0}")]
    Thread(io::Error),
}
