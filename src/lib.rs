//! Portcullis lets a request through to its upstream only when the JSON Web Token it carries is good.
//!
//! The modules stand in the order in which a request meets them. What a request has proved so far is
//! its type, and each type can be made only by the step that proves it:
//!
//! ```text
//! token::RawToken        bytes that a request carried
//! jose::Unverified       split and decoded, within limits: names an issuer and a key, nothing else
//! jose::Verified         the signature is good                    only jose::verify makes one
//! claims::Identity       time, audience, type, claims are good    only claims::check makes one
//! authz::Permit          this identity may do this request        only authz::permit makes one
//! forward::send(Permit)  the request goes to the upstream
//! ```
//!
//! [`gateway::Gateway::handle`] is the whole pipeline on one page.

pub mod admin;
pub mod app;
pub mod authz;
pub mod claims;
pub mod cli;
pub mod clock;
pub mod config;
pub mod deadline;
pub mod forward;
pub mod gateway;
pub mod gather;
pub mod identity;
pub mod issuer;
pub mod jose;
pub mod limits;
pub mod route;
pub mod secret;
pub mod server;
pub mod telemetry;
pub mod token;
