//! Whether a connection that says nothing is still there.

use std::time::{Duration, Instant};

/// What is known of a connection's silence.
#[derive(Debug)]
pub(super) struct Keepalive {
    /// Bytes that had come at the last look.
    heard: u64,
    quiet_since: Instant,
    /// When it was asked, and has not answered.
    asked: Option<Instant>,
    /// Whether its answer was the last that came.
    answered: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Fine,
    /// It is to be asked, with a PING.
    Ask,
    /// It does not answer.
    Dead,
}

/// How long a connection with requests on it may say nothing before it is asked.
const QUIET: Duration = Duration::from_secs(10);
/// How long until one that answered, and has said nothing since, is asked again. Servers of gRPC take more
/// than a few PINGs in five minutes without an answer in between for an attack.
const QUIET_AND_ALIVE: Duration = Duration::from_secs(310);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// A PING's answer as it comes, in bytes.
const PONG: u64 = 17;

impl Keepalive {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            heard: 0,
            quiet_since: now,
            asked: None,
            answered: false,
        }
    }

    /// Whether it was asked, and has not answered.
    pub(super) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Looks at a connection on which `heard` bytes have come in all; `awaited` is whether anybody waits for
    /// something on it, `doubted` whether somebody waited in vain.
    pub(super) fn look(
        &mut self,
        now: Instant,
        heard: u64,
        awaited: bool,
        doubted: bool,
    ) -> Verdict {
        let more = heard.wrapping_sub(self.heard);
        if more > 0 {
            self.answered = self.asked.take().is_some() && more <= PONG;
            self.heard = heard;
            self.quiet_since = now;
        }
        if let Some(asked) = self.asked {
            let waited = now.saturating_duration_since(asked);
            return if waited < ANSWER {
                Verdict::Fine
            } else {
                Verdict::Dead
            };
        }
        let quiet = now.saturating_duration_since(self.quiet_since);
        let patience = if self.answered {
            QUIET_AND_ALIVE
        } else {
            QUIET
        };
        if (awaited && quiet >= patience) || (doubted && more == 0) {
            self.asked = Some(now);
            return Verdict::Ask;
        }
        Verdict::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_is_quiet_is_asked_and_given_up_without_an_answer() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(start);
        assert_eq!(
            keepalive.look(start + 9 * SECOND, 0, true, false),
            Verdict::Fine
        );
        assert_eq!(
            keepalive.look(start + 10 * SECOND, 0, true, false),
            Verdict::Ask
        );
        assert_eq!(
            keepalive.look(start + 19 * SECOND, 0, true, false),
            Verdict::Fine
        );
        assert_eq!(
            keepalive.look(start + 20 * SECOND, 0, true, false),
            Verdict::Dead
        );
    }

    #[test]
    fn who_answers_is_not_asked_again_soon() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(start);
        assert_eq!(
            keepalive.look(start + 10 * SECOND, 0, true, false),
            Verdict::Ask
        );
        assert_eq!(
            keepalive.look(start + 11 * SECOND, PONG, true, false),
            Verdict::Fine
        );
        assert_eq!(
            keepalive.look(start + 300 * SECOND, PONG, true, false),
            Verdict::Fine
        );
        assert_eq!(
            keepalive.look(start + 321 * SECOND, PONG, true, false),
            Verdict::Ask
        );
        // One that has said something else since is as one that was never asked.
        assert_eq!(
            keepalive.look(start + 322 * SECOND, 999, true, false),
            Verdict::Fine
        );
        assert_eq!(
            keepalive.look(start + 332 * SECOND, 999, true, false),
            Verdict::Ask
        );
    }

    #[test]
    fn who_talks_or_is_not_awaited_is_not_asked() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(start);
        for second in 1..100_u32 {
            let heard = u64::from(second);
            assert_eq!(
                keepalive.look(start + second * SECOND, heard, true, false),
                Verdict::Fine
            );
        }
        assert_eq!(
            keepalive.look(start + 500 * SECOND, 99, false, false),
            Verdict::Fine
        );
    }

    #[test]
    fn who_is_doubted_is_asked_at_once() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(start);
        assert_eq!(keepalive.look(start, 0, false, true), Verdict::Ask);
        assert_eq!(
            keepalive.look(start + 10 * SECOND, 0, false, true),
            Verdict::Dead
        );
    }
}
