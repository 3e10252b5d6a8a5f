//! The configuration: a TOML file becomes settings that the rooms can use as they are.

use std::path::Path;

use crate::{admin, clock::Clock, gateway::Policy, server};

pub mod error;

pub use error::Report;

/// A configuration that is right, with everything prepared.
pub struct Config {
    /// `[server]`.
    pub server: server::Settings,
    /// `[admin]`; `None`: turned off.
    pub admin: Option<admin::Settings>,
    /// Everything that decisions are made from.
    pub policy: Policy,
    /// What is allowed and yet worth a second look, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads the file and every file that it names.
///
/// # Errors
/// A [`Report`] of every error at once.
pub fn load(_path: &Path, _clock: &Clock) -> Result<Config, Report> {
    todo!()
}

/// As [`load`], for a text that is already here. `name` stands in the messages, relative paths are
/// relative to `base`, and `environment` answers `${NAME}`.
///
/// # Errors
/// As [`load`].
pub fn parse(
    _name: &str,
    _text: &str,
    _base: &Path,
    _environment: &dyn Fn(&str) -> Option<String>,
    _clock: &Clock,
) -> Result<Config, Report> {
    todo!()
}
