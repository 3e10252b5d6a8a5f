//! Keeps the process below the most memory that it may hold.

use std::{sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;

use crate::{
    gateway::Gateway,
    pressure::{Level, resident},
};

/// Looks at the memory that the process holds, and says what is to be done.
pub(super) struct Memory {
    gateway: Arc<Gateway>,
    /// In bytes.
    ceiling: u64,
    level: Level,
}

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

impl Memory {
    /// `None` when there is no ceiling.
    pub(super) fn new(gateway: Arc<Gateway>) -> Option<Self> {
        let ceiling = gateway.limits().memory.bytes()?;
        tracing::info!(ceiling, "the memory of the process has a ceiling");
        gateway.metrics().memory.ceiling.set(whole(ceiling));
        Some(Self {
            gateway,
            ceiling,
            level: Level::Calm,
        })
    }

    /// Looks until it is dropped.
    pub(super) async fn run(mut self) {
        let mut interval = tokio::time::interval(PAUSE);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match resident() {
                Some(bytes) => self.look(bytes),
                None => {
                    tracing::warn!("the system does not say how much memory the process holds");
                    return;
                }
            }
        }
    }

    /// The process holds `resident` bytes.
    fn look(&mut self, resident: u64) {
        let metrics = &self.gateway.metrics().memory;
        metrics.resident.set(whole(resident));
        let level = self.level.after(resident, self.ceiling);
        if level == self.level {
            return;
        }
        // What keeps others from coming in is first, and what makes room follows.
        self.gateway.pressure().set(level);
        metrics.pressure.set(level as i64);
        let ceiling = self.ceiling;
        match level {
            Level::Calm => tracing::info!(resident, ceiling, "there is memory enough again"),
            Level::Shedding => {
                tracing::warn!(resident, ceiling, "memory is short: the caches are cut");
            }
            Level::Refusing => tracing::error!(
                resident,
                ceiling,
                "memory is short: new connections and requests are refused"
            ),
        }
        if level > self.level {
            metrics.sheds.inc();
            self.gateway.cut_caches(true);
        } else if level == Level::Calm {
            self.gateway.cut_caches(false);
        }
        self.level = level;
    }
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, config, limits::Limits, pressure::Ceiling, telemetry::Metrics};

    fn memory() -> Memory {
        let text = "[upstream]\nurl = \"http://127.0.0.1:9\"\n\
                    [issuers.\"https://idp.example\"]\njwks_uri = \"https://idp.example/jwks\"\n";
        let clock = Clock::system();
        let here = std::path::Path::new("/nowhere");
        let config = config::parse("test.toml", text, here, &|_| None, &clock).unwrap();
        let limits = Limits {
            memory: Ceiling::Bytes(1000),
            ..Limits::default()
        };
        let gateway = Gateway::new(config.policy, limits, clock, Arc::new(Metrics::default()));
        Memory::new(Arc::new(gateway)).unwrap()
    }

    #[test]
    fn caches_are_cut_first_then_work_is_refused_and_all_comes_back() {
        let mut memory = memory();
        let full = memory.gateway.token_cache().capacity;
        for (resident, refuses, sheds) in [
            (100, false, 0),
            (850, false, 1),
            (900, false, 1),
            (960, true, 2),
            (910, true, 2),
            (890, false, 2),
            (700, false, 2),
        ] {
            memory.look(resident);
            assert_eq!(memory.gateway.pressure().refuses(), refuses, "{resident}");
            let metrics = &memory.gateway.metrics().memory;
            assert_eq!(metrics.sheds.get(), sheds, "{resident}");
            let capacity = memory.gateway.token_cache().capacity;
            assert_eq!(capacity == full, memory.level == Level::Calm, "{resident}");
        }
        let metrics = &memory.gateway.metrics().memory;
        assert_eq!((metrics.resident.get(), metrics.ceiling.get()), (700, 1000));
    }

    #[test]
    fn without_a_ceiling_nobody_looks() {
        let off = Limits {
            memory: Ceiling::Off,
            ..Limits::default()
        };
        assert_eq!(off.memory.bytes(), None);
    }
}
