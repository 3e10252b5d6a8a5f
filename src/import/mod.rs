//! Other programs' configurations, as ours: Open Liberty's `server.xml`, a registry of Liberty Create, and
//! Envoy's `jwt_authn`.
//!
//! What cannot be carried over is said, with the reason: a rule that is lost in silence is an open door.

use std::{fmt, io, path::PathBuf};

pub mod create;
pub mod envoy;
pub mod liberty;
mod page;

/// What came of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The configuration, and files that it names.
    pub files: Vec<File>,
    /// What was not carried over, in the order in which it was found.
    pub left: Vec<Left>,
}

/// A file to write.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// Something that was not carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it is, in the words of its configuration.
    pub what: String,
    /// Why, or what to do instead.
    pub why: String,
}

/// Why a configuration cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such file, or it is too large, or no text.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is no XML.
    #[error("it is not XML: {0}")]
    Xml(roxmltree::Error),
    /// It is no YAML.
    #[error("it is not YAML: {0}")]
    Yaml(String),
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    Json(serde_json::Error),
    /// It is something else.
    #[error("{0}")]
    Other(String),
}

/// The name of the configuration among the files.
pub const CONFIGURATION: &str = "portcullis.toml";

impl Left {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// The texts may hold secrets that stood in what was read.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.name)
    }
}
