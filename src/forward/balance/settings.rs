//! How an upstream at several addresses is treated, prepared from `[upstreams.NAME]`.

use std::{ops::RangeInclusive, time::Duration};

use http::StatusCode;

/// What is said of an upstream beside where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[ejection]`: who fails is left alone for a while.
    pub ejection: Ejection,
    /// `[health]`: what is asked to know whether an address serves.
    pub health: Option<HealthCheck>,
    /// `[retry]`: what is tried once more.
    pub retry: Retry,
    /// `[limits]`: how much one address gets at a time.
    pub share: Share,
    /// `dns_refresh`: how often names are looked up.
    pub dns_refresh: Duration,
}

/// `[ejection]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// `failures`: so many in a row; 0: nobody is ejected.
    pub failures: u32,
    /// `time`: the first time; each time after that takes twice as long.
    pub time: Duration,
    /// `max_percent`: of the addresses, that may be out at a time; one may always be.
    pub max_percent: u32,
}

/// `[health]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// `path`: what is asked for.
    pub path: Box<str>,
    /// `interval`: between two checks.
    pub interval: Duration,
    /// `timeout`: of one check.
    pub timeout: Duration,
    /// `healthy`: so many good answers in a row bring an address back.
    pub healthy: u32,
    /// `unhealthy`: so many bad ones in a row take it out.
    pub unhealthy: u32,
    /// `statuses`: the good answers.
    pub statuses: Vec<RangeInclusive<u16>>,
}

/// `[retry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// `attempts`: how often a request is sent at most.
    pub attempts: u32,
    /// `on`: after what.
    pub on: Causes,
    /// `budget_percent`: retries under way, of all requests under way.
    pub budget_percent: u32,
}

/// After what a request is tried once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causes {
    /// No connection could be made: nothing was sent.
    pub connect_failure: bool,
    /// The connection was closed before anything of an answer came.
    pub closed: bool,
    /// These answers.
    pub statuses: Vec<StatusCode>,
}

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// `requests`: under way at one address, of all workers together; 0: as many as come.
    pub requests: usize,
    /// `queue`: how many may wait for their turn.
    pub queue: usize,
    /// `queue_timeout`: how long.
    pub queue_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ejection: Ejection {
                failures: 5,
                time: Duration::from_secs(10),
                max_percent: 50,
            },
            health: None,
            retry: Retry::default(),
            share: Share {
                requests: 0,
                queue: 100,
                queue_timeout: Duration::from_secs(1),
            },
            dns_refresh: Duration::from_secs(30),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            on: Causes {
                connect_failure: true,
                closed: true,
                statuses: Vec::new(),
            },
            budget_percent: 20,
        }
    }
}
