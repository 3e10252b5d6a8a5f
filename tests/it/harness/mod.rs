//! What the tests stand on: a gateway in this process, an issuer and an upstream that do as they are
//! told, a client that sends any bytes, and tokens that the gateway's own code had no part in.
//!
//! Everything blocks, and everything waits for an event; [`PATIENCE`] only ends a test that hangs.

mod canary;
mod client;
mod decision;
mod envelope;
mod gateway;
pub(crate) mod h2_upstream;
pub(crate) mod h2_wire;
pub(crate) mod http2;
mod issuer;
mod listener;
pub(crate) mod mint;
mod program;
mod refused;
mod reload;
mod stage;
mod tls;
mod tls_issuer;
mod upstream;
mod wire;

use std::time::Duration;

pub(crate) use canary::Canary;
pub(crate) use client::{Connection, Request, Response, get, post, request};
pub(crate) use decision::decide;
pub(crate) use envelope::{Envelope, Recipient};
pub(crate) use gateway::Gateway;
pub(crate) use h2_upstream::H2Upstream;
pub(crate) use issuer::{Issuer, Publish};
pub(crate) use listener::{Nobody, listen, nobody};
pub(crate) use mint::{Signer, Token};
pub(crate) use program::Program;
pub(crate) use refused::refused;
pub(crate) use stage::{Builder, FILE, Stage};
pub(crate) use tls::{Authority, Pair, TlsClient, TlsConnection, TlsUpstream};
pub(crate) use tls_issuer::{TlsIssuer, stranger as strange_client};
pub(crate) use upstream::{Reply, Seen, Upstream};

/// The `iss` of the default configuration.
pub(crate) const ISSUER: &str = "https://idp.example.com/realms/orders";

/// The audience of the default configuration.
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// What the clock of the default stage shows when a test begins.
pub(crate) const NOW: i64 = 1_800_000_000;

/// How long anything is waited for before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
