//! What a server says of itself, and whether it will do.

use super::{error::RedisError, settings::Address};

/// What `INFO` says that matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    version: String,
    is_replica: bool,
    is_cluster: bool,
    is_sentinel: bool,
    is_loading: bool,
    is_bounded: bool,
    policy: String,
}

/// The first version with users and `SET` as it is used.
const LEAST: u32 = 6;

impl About {
    /// Reads lines of `name:value`; others say nothing.
    pub(super) fn parse(info: &str) -> Self {
        let mut about = Self::default();
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            match name {
                "redis_version" => about.version = value.chars().take(32).collect(),
                "role" => about.is_replica = value == "slave",
                "redis_mode" => {
                    about.is_cluster |= value == "cluster";
                    about.is_sentinel = value == "sentinel";
                }
                "cluster_enabled" => about.is_cluster |= value == "1",
                "loading" => about.is_loading = value == "1",
                "maxmemory" => about.is_bounded = value != "0",
                "maxmemory_policy" => about.policy = value.chars().take(32).collect(),
                _ => {}
            }
        }
        about
    }

    /// The same, if it will do.
    ///
    /// # Errors
    /// [`RedisError`] says why it will not.
    pub(super) fn check(self, address: &Address) -> Result<Self, RedisError> {
        let address = address.clone();
        let major = self.version.split('.').next().and_then(|n| n.parse().ok());
        if major.is_none_or(|major: u32| major < LEAST) {
            Err(RedisError::Version(address, self.version))
        } else if self.is_sentinel {
            Err(RedisError::Sentinel(address))
        } else if self.is_cluster {
            Err(RedisError::Cluster(address))
        } else if self.is_replica {
            Err(RedisError::Replica(address))
        } else if self.is_loading {
            Err(RedisError::Loading(address))
        } else {
            Ok(self)
        }
    }

    /// Whether it throws keys away when its memory is full.
    pub(super) fn evicts(&self) -> bool {
        self.is_bounded && self.policy != "noeviction"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nloading:0\r\n\
                        maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\nrole:master\r\n\
                        cluster_enabled:0\r\n";

    fn address() -> Address {
        Address {
            host: "redis.internal".into(),
            port: 6379,
        }
    }

    #[test]
    fn a_primary_will_do() {
        let about = About::parse(GOOD).check(&address()).unwrap();
        assert!(!about.evicts(), "without a bound it throws nothing away");
        let bounded = GOOD.replace("maxmemory:0", "maxmemory:100");
        assert!(About::parse(&bounded).evicts());
        let kept = bounded.replace("allkeys-lru", "noeviction");
        assert!(!About::parse(&kept).evicts());
    }

    #[test]
    fn what_will_not_do_is_named() {
        for (from, to, says) in [
            (
                "role:master",
                "role:slave",
                "redis.internal:6379 is a replica",
            ),
            (
                "cluster_enabled:0",
                "cluster_enabled:1",
                "is part of a cluster",
            ),
            ("standalone", "sentinel", "is a sentinel: set \"master\""),
            ("loading:0", "loading:1", "still reads its data"),
            ("7.0.15", "5.0.14", "runs version 5.0.14; version 6.0"),
            ("redis_version:7.0.15", "", "version 6.0"),
        ] {
            let error = About::parse(&GOOD.replace(from, to)).check(&address());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(says), "{to}: {error}");
        }
    }
}
