//! Portcullis lets a request through to its upstream only when the JSON Web Token it carries is good.
//!
//! What a request has proved so far is its type, and each type can be made only by the step that
//! proves it:
//!
//! ```text
//! token::RawToken          bytes that a request carried            token::extract
//! jose::Unverified         split and decoded, within limits        jose::compact::parse
//! jose::Verified           the signature is good                   only jose::verify::verify
//! introspection::Vouched   or: its issuer says that it is active   only introspection::Introspection::ask
//! claims::Identity         time, audience and claims are good      only claims::check
//! identity::Principal      the identity, with its headers          only identity::Memo
//! authz::Permit            this identity may do this request       only authz::permit
//! forward::forward(Permit) the request goes to the upstream
//! ```
//!
//! [`authz::Permit::public`] is the one other way to a permit: for a public route, or for a request
//! without a token where the route lets that pass.
//!
//! [`gateway::Gateway::decide`] is all the checks on one page, and [`gateway::Gateway::handle`] what
//! a worker calls for each request. `ARCHITECTURE.md` shows the rest of the house.
//!
//! # A gateway inside another program
//!
//! ```no_run
//! use std::path::Path;
//!
//! use portcullis::{app::App, clock::Clock, config};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let clock = Clock::system();
//!     // Every error of the file at once, each with line, column and a caret.
//!     let config = config::load(Path::new("portcullis.toml"), &clock)
//!         .map_err(|report| report.render(false))?;
//!     for warning in &config.warnings {
//!         eprintln!("{warning}");
//!     }
//!     let running = App::bind(config, clock)?.start()?;
//!     println!("listening on {:?}", running.addresses());
//!
//!     // It serves on threads of its own, while this one does something else. Then:
//!     if !running.drain() {
//!         eprintln!("requests were cut off");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`config::parse`] takes a text instead of a file, and [`app::Running::serve_until_signal`] serves
//! until SIGTERM or SIGINT. The library logs with `tracing`; without a subscriber, nobody reads it.

pub mod access_log;
pub mod admin;
pub mod app;
pub mod authz;
pub mod bind;
pub mod call;
pub mod claims;
pub mod cli;
pub mod clock;
pub mod config;
pub mod deadline;
pub mod explain;
pub mod forward;
pub mod gateway;
pub mod gather;
pub mod http2;
pub mod identity;
pub mod import;
pub mod introspection;
pub mod issued;
pub mod issuer;
pub mod jose;
pub mod limits;
pub mod outbound;
pub mod pressure;
pub mod rate;
pub mod reload;
pub mod route;
pub mod rule;
pub mod secret;
pub mod server;
pub mod session;
pub mod signing;
pub mod spans;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod token;
pub mod token_service;
pub mod users;
