//! The configuration: a TOML file becomes settings that the rooms can use as they are.
//!
//! A text is read as a tree of values that know where they stand (`toml_source`, `json_source`).
//! A `Section` reads typed values from it and records what is wrong; one file a section says which
//! keys there are. Nothing stops at the first error.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    access_log, admin,
    clock::Clock,
    gateway::Policy,
    issuer::{KeyCache, file::Stamp},
    server,
    signing::{self, Signer},
    spans, store,
};

pub mod error;

mod access_log_section;
mod admin_section;
mod authorizers;
mod bind;
mod claim_headers;
mod context;
mod credential_endpoint;
mod credential_token;
mod decryption;
mod directory;
mod duration;
mod environment;
mod fetch;
mod fetch_certificate;
mod files;
mod identity_section;
mod introspection;
mod issuer;
mod issuer_discovery;
mod issuer_headers;
mod issuer_identity;
mod issuer_key_set;
mod issuer_keys;
mod issuer_name;
mod issuer_trust_store;
mod issuer_validity;
mod issuers;
mod json_schema;
mod json_source;
mod large_text;
mod limits;
mod measures;
mod ordered;
mod parts;
mod rate_limit;
mod redact;
mod reference;
mod reference_page;
mod root;
mod route;
mod schema;
mod secret;
mod section;
mod server_section;
mod server_tls;
mod session_section;
mod shape;
mod signing_section;
mod size;
mod store_redis;
mod store_section;
mod tls_identity;
mod token;
mod token_service_client;
mod token_service_section;
mod toml_source;
mod tracing_section;
mod tree;
mod upgrades;
mod upstream;
mod upstream_balance;
mod upstream_credential;
mod upstream_tls;
mod upstream_url;
mod url;
mod user_file;
mod user_registry;
mod value;
mod when;
mod when_text;

#[cfg(test)]
mod tests;

pub use duration::{DurationError, parse as parse_duration, render as render_duration};
pub use error::Report;
pub use json_schema::{SCHEMA_LINE, json_schema};
pub use reference::reference;
pub use reference_page::reference_page;

/// A configuration that is right, with everything prepared.
pub struct Config {
    /// `[server]`.
    pub server: server::Settings,
    /// `[admin]`; `None`: turned off.
    pub admin: Option<admin::Settings>,
    /// Everything that decisions are made from.
    pub policy: Policy,
    /// Where fetched keys are kept for the next run, if they are.
    pub key_cache: Option<KeyCache>,
    /// `[store]`: what is remembered, and where.
    pub store: store::Settings,
    /// `[access_log]`; `None`: there is none.
    pub access_log: Option<access_log::Settings>,
    /// `[tracing]`: whose traces are continued, and which requests are recorded.
    pub tracing: spans::Settings,
    /// The gateway's own keys, if `[signing]` has a directory.
    pub signer: Option<Arc<Signer>>,
    /// What is allowed and yet worth a second look, one sentence each.
    pub warnings: Vec<String>,
    /// The file that it was read from, if it was one.
    pub file: Option<PathBuf>,
    /// Every file whose change is a change of the configuration.
    pub files: Files,
}

/// Files, and what each looked like right before it was read.
pub type Files = BTreeMap<PathBuf, Stamp>;

/// Reads the file and every file that it names.
///
/// # Errors
/// A [`Report`] of every error at once.
pub fn load(path: &Path, clock: &Clock) -> Result<Config, Report> {
    let stamp = Stamp::of(path);
    let text = match files::read_text(path, files::MAX_CONFIGURATION) {
        Ok(text) => text,
        Err(error) => {
            let mut report = Report::of([error.to_string()]);
            report.files.insert(path.to_owned(), stamp);
            return Err(report);
        }
    };
    let base = path.parent().unwrap_or(Path::new(""));
    let environment = |name: &str| std::env::var(name).ok();
    let name = path.display().to_string();
    match parse(&name, &text, base, &environment, clock) {
        Ok(mut config) => {
            config.file = Some(path.to_owned());
            config.files.insert(path.to_owned(), stamp);
            Ok(config)
        }
        Err(mut report) => {
            report.files.insert(path.to_owned(), stamp);
            Err(report)
        }
    }
}

/// Reads `[signing]` of the file alone, and no keys: they may not be there yet.
///
/// # Errors
/// A [`Report`] of every error in it.
pub fn signing(path: &Path) -> Result<signing::Settings, Report> {
    let text = files::read_text(path, files::MAX_CONFIGURATION)
        .map_err(|error| Report::of([error.to_string()]))?;
    let environment = |name: &str| std::env::var(name).ok();
    let clock = Clock::system();
    let base = path.parent().unwrap_or(Path::new(""));
    let context = context::Context::new(base, &environment, &clock);
    let settings = {
        let node = toml_source::read(&context, &path.display().to_string(), &text);
        root::decode_signing(&context, &node)
    };
    context.finish().map(|_| settings)
}

/// As [`load`], for a text that is already here. `name` stands in the messages, relative paths are
/// relative to `base`, and `environment` answers `${NAME}`.
///
/// # Errors
/// As [`load`].
pub fn parse(
    name: &str,
    text: &str,
    base: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    clock: &Clock,
) -> Result<Config, Report> {
    let context = context::Context::new(base, environment, clock);
    let decoded = {
        let node = toml_source::read(&context, name, text);
        root::decode(&context, &node)
    };
    match (context.finish(), decoded) {
        (Ok((warnings, files)), Some(config)) => Ok(Config {
            warnings,
            files,
            ..config
        }),
        (Err(report), _) => Err(report),
        (Ok(_), None) => {
            // Whoever answers None has said why; were that forgotten, nothing may be served.
            Err(Report::of([format!("{name} cannot be used")]))
        }
    }
}
