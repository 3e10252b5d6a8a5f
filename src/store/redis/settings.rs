//! `[store]` with a `url`.

use std::{fmt, time::Duration};

use crate::{secret::Secret, tls::Outgoing};

/// How Redis is reached, and what the gateway may wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// Where it is; with a `master`, where its sentinels are, which are asked in this order.
    pub addresses: Vec<Address>,
    /// What the sentinels call it.
    pub master: Option<Box<str>>,
    /// Who the gateway is to it; `None`: the user `default`.
    pub username: Option<Box<str>>,
    /// How it shows that.
    pub password: Option<Secret>,
    /// Which database.
    pub database: u32,
    /// TLS with it, and with its sentinels.
    pub tls: Option<Outgoing>,
    /// What all keys begin with.
    pub prefix: Box<str>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, or an IP address without brackets.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}
