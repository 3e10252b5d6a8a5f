//! Follows the bytes of a connection from request to request, so that each head is judged before the
//! HTTP library reads it.

use super::{
    chunks::Chunks,
    head::{self, Framing},
};
use crate::{gateway::Code, limits::Limits};

/// Where in its requests a connection is.
pub(super) struct Watch {
    part: Part,
    /// The beginning of a head whose end has not come.
    begun: Vec<u8>,
    /// Empty lines before the request line that is awaited.
    empty: usize,
    /// How many heads have ended.
    heads: u64,
    /// How many of the bytes last seen stand behind a head that asks for another protocol.
    behind: usize,
}

enum Part {
    Head,
    Body(u64),
    Chunks(Chunks),
    /// Behind a head that asks for another protocol: nobody knows yet what this is.
    Switch,
}

/// From here on nothing is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// How many of the bytes are still good.
    pub(super) good: usize,
    /// What the client is told when everything before is answered; `None` in the middle of a body,
    /// whose request is then the one that is answered.
    pub(super) code: Option<Code>,
}

/// Some clients send an empty line too many after a body (RFC 9112 §2.2), but not more of them.
const EMPTY_LINES: usize = 4;

impl Watch {
    pub(super) const fn new() -> Self {
        Self {
            part: Part::Head,
            begun: Vec::new(),
            empty: 0,
            heads: 0,
            behind: 0,
        }
    }

    /// How many heads have ended.
    pub(super) const fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the last head asks for another protocol; the number of bytes that came behind it, which
    /// were not followed.
    pub(super) const fn waits_to_switch(&self) -> Option<usize> {
        match self.part {
            Part::Switch => Some(self.behind),
            Part::Head | Part::Body(_) | Part::Chunks(_) => None,
        }
    }

    /// The other protocol is none: what comes next is a head.
    pub(super) fn goes_on(&mut self) {
        self.part = Part::Head;
    }

    /// Whether the last byte was the last of a request, or none came yet.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.part, Part::Head) && self.begun.is_empty() && self.empty == 0
    }

    /// Whether the last byte was one of a head that has not ended.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.part, Part::Head) && (!self.begun.is_empty() || self.empty > 0)
    }

    /// Follows `bytes`, which come next.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn follow(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Stop> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let good = bytes.len() - rest.len();
            let taken = match &mut self.part {
                Part::Head => self.head(rest, limits).map_err(|code| Stop {
                    good,
                    code: Some(code),
                })?,
                Part::Body(left) => {
                    let here = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= here as u64;
                    if *left == 0 {
                        self.part = Part::Head;
                    }
                    here
                }
                Part::Chunks(chunks) => match chunks.follow(rest) {
                    Ok(None) => rest.len(),
                    Ok(Some(taken)) => {
                        self.part = Part::Head;
                        taken
                    }
                    Err(_) => return Err(Stop { good, code: None }),
                },
                Part::Switch => {
                    self.behind = rest.len();
                    return Ok(());
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Follows a head; how many of the bytes belong to it.
    fn head(&mut self, bytes: &[u8], limits: &Limits) -> Result<usize, Code> {
        if !self.begun.is_empty() {
            let before = self.begun.len();
            self.begun.extend_from_slice(bytes);
            let begun = std::mem::take(&mut self.begun);
            let taken = self.whole_head(&begun, limits)?;
            if taken.is_none() {
                self.begun = begun;
            }
            return Ok(taken.map_or(bytes.len(), |taken| taken.saturating_sub(before)));
        }
        let taken = self.whole_head(bytes, limits)?;
        if taken.is_none() {
            self.begun.extend_from_slice(bytes);
        }
        Ok(taken.unwrap_or(bytes.len()))
    }

    /// Judges the head at the beginning of `bytes`, if its end is there; its length.
    fn whole_head(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Code> {
        let mut head = bytes;
        self.empty = 0;
        while let [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] = head {
            head = rest;
            self.empty += 1;
        }
        if self.empty > EMPTY_LINES {
            return Err(Code::RequestMalformed);
        }
        let end = end(head).unwrap_or(head.len());
        let Some(framing) = head::check(head.get(..end).unwrap_or_default(), limits)? else {
            return Ok(None);
        };
        let taken = bytes.len() - head.len() + end;
        self.empty = 0;
        self.heads += 1;
        self.behind = 0;
        self.part = match framing {
            Framing::Length(0) => Part::Head,
            Framing::Length(length) => Part::Body(length),
            Framing::Chunked => Part::Chunks(Chunks::new()),
            Framing::Upgrade => Part::Switch,
        };
        Ok(Some(taken))
    }
}

/// Where the empty line ends, as lenient about line ends as the HTTP library.
fn end(head: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', head).find_map(|at| match head.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    const TWO: &str =
        "POST /2 HTTP/1.1\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nX : y\r\n\r\n..";
    const THREE: &str = "POST /3 HTTP/1.1\nTransfer-Encoding: chunked\n\n2\r\n\r\n\r\n0\r\n\r\n";
    const BAD: &str = "GET /4 HTTP/1.1\r\nHost : a\r\n\r\n";

    #[test]
    fn the_bad_one_of_several_requests_is_found_however_they_are_cut() {
        let good = format!("{ONE}{TWO}\r\n{THREE}{ONE}");
        let all = format!("{good}{BAD}");
        let limits = Limits::default();
        for cut in 0..good.len() {
            let (first, second) = all.as_bytes().split_at(cut);
            let mut watch = Watch::new();
            assert_eq!(watch.follow(first, &limits), Ok(()), "cut at {cut}");
            let stop = watch.follow(second, &limits).unwrap_err();
            assert_eq!(stop.code, Some(Code::RequestMalformed), "cut at {cut}");
            assert_eq!(stop.good, good.len() - cut, "cut at {cut}");
        }
        assert_eq!(Watch::new().follow(good.as_bytes(), &limits), Ok(()));
    }

    #[test]
    fn nothing_behind_a_head_that_asks_for_another_protocol_is_followed() {
        const SWITCH: &str = "GET /5 HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n";
        const OTHER: &str = "\0\r\n\r\n";
        let all = format!("{ONE}{SWITCH}{OTHER}");
        let limits = Limits::default();
        for cut in 0..all.len() {
            let (first, second) = all.as_bytes().split_at(cut);
            let mut watch = Watch::new();
            assert_eq!(watch.follow(first, &limits), Ok(()), "cut at {cut}");
            assert_eq!(watch.follow(second, &limits), Ok(()), "cut at {cut}");
            let behind = OTHER.len().min(second.len());
            assert_eq!(watch.waits_to_switch(), Some(behind), "cut at {cut}");
            assert!(watch.heads() == 2 && !watch.is_between());
            watch.goes_on();
            assert!(watch.follow(OTHER.as_bytes(), &limits).is_err());
        }
    }

    #[test]
    fn a_head_that_drips_is_judged_when_it_is_too_large() {
        let limits = Limits {
            request_line_bytes: 64,
            header_bytes: 1024,
            ..Limits::default()
        };
        let drip = |bytes: &[u8]| {
            let mut watch = Watch::new();
            let mut stops = bytes
                .iter()
                .filter_map(|byte| watch.follow(&[*byte], &limits).err());
            stops.next().and_then(|stop| stop.code)
        };
        assert_eq!(drip(ONE.as_bytes()), None);
        assert_eq!(drip(&[b'a'; 100]), Some(Code::UriTooLong));
        let fields = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(2000));
        assert_eq!(drip(fields.as_bytes()), Some(Code::HeadersTooLarge));
        assert_eq!(drip(b"\r\n\r\n\r\n\r\n\r\n"), Some(Code::RequestMalformed));
        assert_eq!(drip(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), None);
    }

    #[test]
    fn it_knows_when_it_is_in_a_head_and_when_between_requests() {
        let limits = Limits::default();
        let mut watch = Watch::new();
        for (bytes, inside, between, heads) in [
            ("GET / HTTP/1.1\r\n", true, false, 0),
            ("\r\n", false, true, 1),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na",
                false,
                false,
                2,
            ),
            ("a", false, true, 2),
            ("\r\n", true, false, 2),
            (
                "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                false,
                true,
                4,
            ),
            ("G", true, false, 4),
        ] {
            assert_eq!(watch.follow(bytes.as_bytes(), &limits), Ok(()));
            assert_eq!(watch.is_in_head(), inside, "{bytes:?}");
            assert_eq!(watch.is_between(), between, "{bytes:?}");
            assert_eq!(watch.heads(), heads, "{bytes:?}");
        }
    }

    #[test]
    fn broken_chunks_end_it_without_a_word_of_its_own() {
        let bytes = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let stop = Watch::new().follow(format!("{bytes}zz").as_bytes(), &Limits::default());
        assert_eq!(
            stop,
            Err(Stop {
                good: bytes.len(),
                code: None
            })
        );
    }
}
