//! The pipeline, on one page.

use ipnet::IpNet;

use crate::{forward::Upstream, issuer::Registry, route::Routes};

/// What every decision is made from: one immutable value that a reload replaces as a whole.
pub struct Policy {
    /// Which requests go where.
    pub routes: Routes,
    /// Whom the gateway trusts.
    pub registry: Registry,
    /// Where requests are forwarded to; routes name them by their number.
    pub upstreams: Vec<Upstream>,
    /// Peers whose `X-Forwarded-*` count.
    pub trusted_proxies: Vec<IpNet>,
    /// What clients call, without a slash at its end: for the audience rule and for challenges.
    pub public_url: Option<Box<str>>,
}
