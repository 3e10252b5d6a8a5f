//! Follows the frames that a client sends (RFC 9113 §4.1), and counts those that cost the gateway
//! something and bring no request any further.
//!
//! `h2` bounds the floods that fill its memory. What only takes time it serves for ever: each of these
//! frames is allowed, and may be answered.

/// The preface of a connection (RFC 9113 §3.4).
pub(in crate::server) const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Where in its frames a connection is, and how many of them it may still waste.
pub(super) struct Frames {
    /// How many bytes of a payload, or of the preface, are still to come.
    skip: usize,
    head: [u8; HEAD],
    /// How many bytes of `head` have come.
    have: usize,
    /// Whether a header block has begun and not ended.
    in_block: bool,
    /// Whether the payload to come belongs to it.
    of_block: bool,
    credit: u64,
    /// When the credit was last looked at, in milliseconds.
    since: u64,
}

/// The client wastes the gateway's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flood;

const HEAD: usize = 9;

/// What a wasteful frame costs. Credit is counted in bytes: a kibibyte of a body, either way, pays for
/// one frame, so that a client may say for every kibibyte that it has read it.
const FRAME: u64 = 1024;

/// What a connection has to begin with, and never more: a thousand frames.
const FULL: u64 = 1000 * FRAME;

/// What a millisecond brings: fifteen frames a second, enough for any pace of PING.
const A_MILLISECOND: u64 = FRAME / 64;

/// What an answered request brings: it may have been cancelled together with another one, and have said
/// something about its priority.
const ANSWER: u64 = 8 * FRAME;

/// What a frame of each kind costs.
const fn cost(kind: u8, flags: u8, length: usize) -> u64 {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const END_STREAM: u8 = 1;
    match kind {
        DATA if length > 0 || flags & END_STREAM != 0 => 0,
        // How many there may be is bounded by the streams, and by those that are given up.
        HEADERS => 0,
        // A stream that is given up took a request's time. SETTINGS must be answered, and may change all
        // streams.
        RST_STREAM | SETTINGS => 4 * FRAME,
        // PRIORITY, PING, WINDOW_UPDATE, CONTINUATION, DATA without data, and what nobody knows.
        _ => FRAME,
    }
}

impl Frames {
    /// Before the preface.
    pub(super) const fn new() -> Self {
        Self {
            skip: PREFACE.len(),
            head: [0; HEAD],
            have: 0,
            in_block: false,
            of_block: false,
            credit: FULL,
            since: 0,
        }
    }

    /// Whether a header block has begun and not ended.
    pub(super) const fn is_in_block(&self) -> bool {
        self.in_block || self.of_block
    }

    /// Follows `bytes`, which come next, `now` in milliseconds.
    ///
    /// # Errors
    /// [`Flood`].
    pub(super) fn follow(&mut self, bytes: &[u8], now: u64) -> Result<(), Flood> {
        let passed = now.saturating_sub(std::mem::replace(&mut self.since, now));
        self.earn(passed.saturating_mul(A_MILLISECOND));
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.skip > 0 {
                let here = self.skip.min(rest.len());
                self.skip -= here;
                rest = rest.get(here..).unwrap_or_default();
                self.of_block &= self.skip > 0;
                continue;
            }
            let here = (HEAD - self.have).min(rest.len());
            let (begin, after) = rest.split_at_checked(here).unwrap_or_default();
            if let Some(space) = self.head.get_mut(self.have..self.have + here) {
                space.copy_from_slice(begin);
            }
            self.have += here;
            rest = after;
            if self.have == HEAD {
                self.have = 0;
                self.frame()?;
            }
        }
        Ok(())
    }

    /// So many bytes were written.
    pub(super) fn has_written(&mut self, bytes: usize) {
        self.earn(bytes as u64);
    }

    /// A request was answered to its end.
    pub(super) fn has_answered(&mut self) {
        self.earn(ANSWER);
    }

    fn earn(&mut self, credit: u64) {
        self.credit = self.credit.saturating_add(credit).min(FULL);
    }

    /// A frame's head is there.
    fn frame(&mut self) -> Result<(), Flood> {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const PUSH_PROMISE: u8 = 5;
        const CONTINUATION: u8 = 9;
        const END_HEADERS: u8 = 4;
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.skip = length;
        if matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION) {
            self.in_block = flags & END_HEADERS == 0;
            self.of_block = length > 0;
        }
        if kind == DATA {
            self.earn(length as u64);
        }
        let left = self.credit.checked_sub(cost(kind, flags, length));
        self.credit = left.ok_or(Flood)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![
            0,
            0,
            u8::try_from(payload.len()).unwrap(),
            kind,
            flags,
            0,
            0,
            0,
            1,
        ];
        frame.extend_from_slice(payload);
        frame
    }

    fn begun() -> Frames {
        let mut frames = Frames::new();
        assert_eq!(frames.follow(&PREFACE, 0), Ok(()));
        frames
    }

    /// How many frames of a kind pass before they are a flood.
    fn passing(kind: u8, flags: u8, payload: &[u8]) -> Option<usize> {
        let mut frames = begun();
        (0..20_000).find(|_| frames.follow(&frame(kind, flags, payload), 0).is_err())
    }

    #[test]
    fn what_brings_nothing_further_is_a_flood() {
        for (kind, payload) in [(2, 5), (6, 8), (8, 4), (9, 1), (0, 0), (0xee, 3)] {
            assert_eq!(passing(kind, 0, &vec![0; payload]), Some(1000), "{kind}");
        }
        for (kind, payload) in [(3, 4), (4, 0), (4, 6)] {
            assert_eq!(passing(kind, 0, &vec![0; payload]), Some(250), "{kind}");
        }
    }

    #[test]
    fn what_belongs_to_requests_is_not() {
        assert_eq!(passing(1, 4, b"head"), None);
        assert_eq!(passing(0, 0, b"data"), None);
        assert_eq!(passing(0, 1, b""), None);
    }

    #[test]
    fn time_bodies_and_answers_pay() {
        let ping = frame(6, 0, &[0; 8]);
        let mut frames = begun();
        for second in 0..10_000 {
            assert_eq!(frames.follow(&ping.repeat(15), second * 1000), Ok(()));
        }
        let mut frames = begun();
        let update = frame(8, 0, &[0; 4]);
        for _ in 0..10_000 {
            assert_eq!(frames.follow(&update, 0), Ok(()));
            frames.has_written(1024);
        }
        let reset = frame(3, 0, &[0; 4]);
        for _ in 0..10_000 {
            assert_eq!(frames.follow(&reset.repeat(2), 0), Ok(()));
            frames.has_answered();
        }
        // The answers to a flood do not pay for it.
        let mut flood = (0..2000).map(|_| {
            frames.has_written(17);
            frames.follow(&ping, 0)
        });
        assert!(flood.any(|followed| followed.is_err()));
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut all = PREFACE.to_vec();
        for _ in 0..3 {
            all.extend(frame(4, 0, &[0; 6]));
            all.extend(frame(1, 4, &[6; 40]));
            all.extend(frame(0, 0, &[6; 200]));
        }
        let spent = FULL - 3 * 4 * FRAME;
        for cut in 0..all.len() {
            let mut frames = Frames::new();
            let (first, second) = all.split_at(cut);
            assert_eq!(frames.follow(first, 0), Ok(()));
            assert_eq!(frames.follow(second, 0), Ok(()));
            assert_eq!(frames.credit, spent + 600, "cut at {cut}");
            assert!(!frames.is_in_block());
        }
        let mut frames = Frames::new();
        for byte in &all {
            assert_eq!(frames.follow(&[*byte], 0), Ok(()));
        }
        assert_eq!(frames.credit, spent + 600);
    }

    #[test]
    fn it_knows_when_a_header_block_has_not_ended() {
        let mut frames = begun();
        for (bytes, inside) in [
            (&frame(1, 0, b"abc")[..], true),
            (&frame(9, 0, b"abc"), true),
            (&frame(9, 4, b""), false),
            (&frame(1, 4, b"abc")[..10], true),
            (b"bc", false),
            (&frame(0, 0, b"abc")[..10], false),
        ] {
            assert_eq!(frames.follow(bytes, 0), Ok(()));
            assert_eq!(frames.is_in_block(), inside, "{bytes:?}");
        }
    }
}
