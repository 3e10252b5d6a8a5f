//! What the store asks of Redis, and what the replies mean.
//!
//! Times are those of the gateway that asks. Redis is told how long a key lasts, and a minute more: gateways
//! whose clocks differ by less than that agree on what was used up. A record says itself when it ends.

use super::{super::StoreError, Change, Key, UnixTime, resp, resp::Reply};

/// Makes commands, for keys under one prefix.
pub(super) struct Commands {
    once: Vec<u8>,
    record: Vec<u8>,
    rate: Vec<u8>,
}

/// Makes all changes or none: a script is one step of the server.
const APPLY: &str = include_str!("apply.lua");

/// How much longer Redis keeps a key, in seconds.
const MARGIN: i64 = 60;

/// The longest that it keeps one: ten years, in seconds.
const LONGEST: i64 = 10 * 366 * 86_400;

impl Commands {
    pub(super) fn new(prefix: &str) -> Self {
        let with = |kind| format!("{prefix}{kind}:").into_bytes();
        Self {
            once: with("once"),
            record: with("record"),
            rate: with("rate"),
        }
    }

    /// Remembers `key`, unless it is there.
    pub(super) fn consume(&self, key: Key, until: UnixTime, now: UnixTime) -> Vec<u8> {
        let (key, end) = (named(&self.once, key), until.0.to_string());
        let kept = milliseconds(until, now);
        resp::command(&[b"SET", &key, end.as_bytes(), b"NX", b"PX", kept.as_bytes()])
    }

    /// Whether `key` is there.
    pub(super) fn contains(&self, key: Key) -> Vec<u8> {
        resp::command(&[b"EXISTS", &named(&self.once, key)])
    }

    /// The record at `key`.
    pub(super) fn get(&self, key: Key) -> Vec<u8> {
        resp::command(&[b"GET", &named(&self.record, key)])
    }

    /// Where the bucket `key` is.
    pub(super) fn bucket(&self, key: Key) -> Vec<u8> {
        named(&self.rate, key)
    }

    /// Makes all of `changes` or none.
    pub(super) fn apply(&self, changes: &[Change], now: UnixTime) -> Vec<u8> {
        let mut arguments: Vec<Vec<u8>> = vec![b"EVAL".to_vec(), APPLY.as_bytes().to_vec()];
        arguments.push(changes.len().to_string().into_bytes());
        arguments.extend(changes.iter().map(|change| named(&self.record, change.key)));
        arguments.push(now.0.to_string().into_bytes());
        for change in changes {
            arguments.push(match &change.expected {
                None => b"*".to_vec(),
                Some(None) => b"-".to_vec(),
                Some(Some(value)) => [b"=", value.as_slice()].concat(),
            });
            let (new, kept) = match &change.new {
                None => (b"-".to_vec(), String::new()),
                Some((value, until)) => {
                    let end = format!("+{}:", until.0);
                    let new = [end.as_bytes(), value].concat();
                    (new, milliseconds(*until, now))
                }
            };
            arguments.extend([new, kept.into_bytes()]);
        }
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        resp::command(&arguments)
    }
}

/// Whether a key was remembered now, and not before.
///
/// # Errors
/// [`StoreError::Unavailable`] when the reply is no answer to that.
pub(super) fn is_consumed(reply: &Reply) -> Result<bool, StoreError> {
    match reply {
        Reply::Simple(word) if word == "OK" => Ok(true),
        Reply::Bulk(None) => Ok(false),
        _ => Err(StoreError::Unavailable),
    }
}

/// Yes or no.
///
/// # Errors
/// [`StoreError::Unavailable`] when the reply is neither.
pub(super) fn is_one(reply: &Reply) -> Result<bool, StoreError> {
    match reply {
        Reply::Integer(1) => Ok(true),
        Reply::Integer(0) => Ok(false),
        _ => Err(StoreError::Unavailable),
    }
}

/// The value of a record, if it has not ended.
///
/// # Errors
/// [`StoreError::Unavailable`] when somebody else wrote it.
pub(super) fn record(reply: Reply, now: UnixTime) -> Result<Option<Vec<u8>>, StoreError> {
    let stored = match reply {
        Reply::Bulk(None) => return Ok(None),
        Reply::Bulk(Some(stored)) => stored,
        _ => return Err(StoreError::Unavailable),
    };
    let colon = memchr::memchr(b':', &stored).ok_or(StoreError::Unavailable)?;
    let (end, value) = stored
        .split_at_checked(colon)
        .ok_or(StoreError::Unavailable)?;
    let end = str::from_utf8(end).ok().and_then(|end| end.parse().ok());
    let end = UnixTime(end.ok_or(StoreError::Unavailable)?);
    Ok((now < end).then(|| value.get(1..).unwrap_or_default().to_vec()))
}

/// Whether an error says that there is no memory; older versions wrap what a script was told.
pub(super) fn is_full(error: &str) -> bool {
    error.starts_with("OOM ") || error.contains("-OOM ")
}

fn named(kind: &[u8], key: Key) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    [kind, URL_SAFE_NO_PAD.encode(key.0).as_bytes()].concat()
}

/// How long Redis keeps what ends at `until`.
fn milliseconds(until: UnixTime, now: UnixTime) -> String {
    let seconds = until.since(now).clamp(1, LONGEST) + MARGIN;
    (seconds * 1000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1000);

    #[test]
    fn a_key_is_kept_a_minute_longer_than_it_counts() {
        for (until, kept) in [
            (1010, "70000"),
            (1000, "61000"),
            (0, "61000"),
            (i64::MIN, "61000"),
            (i64::MAX, "316224060000"),
        ] {
            assert_eq!(milliseconds(UnixTime(until), NOW), kept, "{until}");
        }
    }

    #[test]
    fn a_record_says_when_it_ends() {
        let at = |text: &str| record(Reply::Bulk(Some(text.as_bytes().to_vec())), NOW);
        assert_eq!(at("1001:a:b"), Ok(Some(b"a:b".to_vec())));
        assert_eq!(at("1001:"), Ok(Some(Vec::new())));
        assert_eq!(at("1000:a"), Ok(None));
        assert_eq!(record(Reply::Bulk(None), NOW), Ok(None));
        for wrong in ["", "a", ":a", "x:a", "99999999999999999999:a"] {
            assert_eq!(at(wrong), Err(StoreError::Unavailable), "{wrong:?}");
        }
    }

    #[test]
    fn a_reply_to_something_else_is_no_answer() {
        assert_eq!(is_consumed(&Reply::Simple("OK".to_owned())), Ok(true));
        assert_eq!(is_consumed(&Reply::Bulk(None)), Ok(false));
        assert_eq!(is_one(&Reply::Integer(1)), Ok(true));
        assert_eq!(is_one(&Reply::Integer(0)), Ok(false));
        for wrong in [
            Reply::Simple("QUEUED".to_owned()),
            Reply::Bulk(Some(b"OK".to_vec())),
            Reply::Integer(2),
            Reply::Array(None),
        ] {
            assert_eq!(is_consumed(&wrong), Err(StoreError::Unavailable));
            assert_eq!(is_one(&wrong), Err(StoreError::Unavailable));
        }
    }
}
