//! The protocol of Redis, version 2: commands as bytes, and bytes as replies. What a reply may hold is bounded.

use crate::store::records::MAX_VALUE;

/// What Redis answers to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A word, such as `OK`.
    Simple(String),
    /// What is wrong. The first word says which kind it is.
    Error(String),
    /// A number.
    Integer(i64),
    /// Bytes, or nothing.
    Bulk(Option<Vec<u8>>),
    /// Several, or nothing.
    Array(Option<Vec<Reply>>),
}

/// What came is no reply, or one that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAReply;

/// The longest line: a word, a number or an error.
const MAX_LINE: usize = 4096;

/// The most bytes of one value. The longest record fits with its end, and so does all that INFO says.
const MAX_BULK: usize = MAX_VALUE + 64 * 1024;

/// The most elements of one list, and how deep one may stand in another.
const MAX_ELEMENTS: usize = 256;
const MAX_DEPTH: usize = 2;

/// The bytes of the command with these arguments.
pub(super) fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let bytes: usize = arguments.iter().map(|one| one.len() + 16).sum();
    let mut out = Vec::with_capacity(bytes + 16);
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
    out
}

impl Reply {
    /// The reply that `bytes` begin with, and how many of them it takes; `None` when its end is still to come.
    ///
    /// # Errors
    /// [`NotAReply`] when they cannot become one, whatever comes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, NotAReply> {
        let mut rest = Rest { bytes, taken: 0 };
        let reply = rest.reply(0)?;
        Ok(reply.map(|reply| (reply, rest.taken)))
    }
}

/// What of some bytes has not been read yet.
struct Rest<'b> {
    bytes: &'b [u8],
    taken: usize,
}

impl Rest<'_> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply>, NotAReply> {
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let (kind, rest) = line.split_at_checked(1).ok_or(NotAReply)?;
        let text = || str::from_utf8(rest).map_err(|_| NotAReply);
        Ok(match kind {
            b"+" => Some(Reply::Simple(text()?.to_owned())),
            b"-" => Some(Reply::Error(String::from_utf8_lossy(rest).into_owned())),
            b":" => Some(Reply::Integer(number(rest)?)),
            b"$" => match length(rest, MAX_BULK)? {
                Some(length) => self.bulk(length)?.map(|bulk| Reply::Bulk(Some(bulk))),
                None => Some(Reply::Bulk(None)),
            },
            b"*" if depth < MAX_DEPTH => match length(rest, MAX_ELEMENTS)? {
                Some(length) => self.array(length, depth)?,
                None => Some(Reply::Array(None)),
            },
            _ => return Err(NotAReply),
        })
    }

    /// What stands before the next end of a line.
    fn line(&mut self) -> Result<Option<Vec<u8>>, NotAReply> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return if rest.len() > MAX_LINE {
                Err(NotAReply)
            } else {
                Ok(None)
            };
        };
        let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        let line = line.filter(|line| line.len() <= MAX_LINE);
        self.taken += end + 1;
        line.map(|line| Some(line.to_vec())).ok_or(NotAReply)
    }

    fn bulk(&mut self, length: usize) -> Result<Option<Vec<u8>>, NotAReply> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(end) = rest.get(length..length + 2) else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err(NotAReply);
        }
        self.taken += length + 2;
        Ok(rest.get(..length).map(<[u8]>::to_vec))
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<Option<Reply>, NotAReply> {
        let mut elements = Vec::with_capacity(length);
        for _ in 0..length {
            let Some(element) = self.reply(depth + 1)? else {
                return Ok(None);
            };
            elements.push(element);
        }
        Ok(Some(Reply::Array(Some(elements))))
    }
}

fn number(text: &[u8]) -> Result<i64, NotAReply> {
    let text = str::from_utf8(text).map_err(|_| NotAReply)?;
    text.parse().map_err(|_| NotAReply)
}

/// A length of at most `most`; `None` for -1, which stands for nothing.
fn length(text: &[u8], most: usize) -> Result<Option<usize>, NotAReply> {
    match number(text)? {
        -1 => Ok(None),
        length => usize::try_from(length)
            .ok()
            .filter(|length| *length <= most)
            .map(Some)
            .ok_or(NotAReply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(Some(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_command_is_a_list_of_bytes() {
        let bytes = command(&[b"SET", b"a\r\nb", b""]);
        assert_eq!(bytes, b"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
    }

    #[test]
    fn every_kind_of_reply_is_read_and_no_part_of_one() {
        for (text, reply) in [
            ("+OK\r\n", Reply::Simple("OK".to_owned())),
            ("-OOM no\r\n", Reply::Error("OOM no".to_owned())),
            (":-7\r\n", Reply::Integer(-7)),
            ("$-1\r\n", Reply::Bulk(None)),
            ("$0\r\n\r\n", bulk("")),
            ("$4\r\na\r\nb\r\n", bulk("a\r\nb")),
            ("*-1\r\n", Reply::Array(None)),
            (
                "*2\r\n$1\r\na\r\n:1\r\n",
                Reply::Array(Some(vec![bulk("a"), Reply::Integer(1)])),
            ),
        ] {
            let bytes = text.as_bytes();
            for end in 0..bytes.len() {
                assert_eq!(Reply::parse(&bytes[..end]), Ok(None), "{text:?} to {end}");
            }
            let expected = Ok(Some((reply, bytes.len())));
            assert_eq!(Reply::parse(bytes), expected, "{text:?}");
            let two = [bytes, b"+next\r\n"].concat();
            assert_eq!(Reply::parse(&two), expected, "{text:?} and another one");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for text in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "+OK\n",
            ":\r\n",
            ":1x\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$1\r\nabc",
            "$99999999\r\n",
            "*257\r\n",
            "*99999999999\r\n",
            "*1\r\n*1\r\n*1\r\n:1\r\n",
            "%1\r\n",
        ] {
            assert_eq!(Reply::parse(text.as_bytes()), Err(NotAReply), "{text:?}");
        }
        let long = vec![b'+'; MAX_LINE + 1];
        assert_eq!(Reply::parse(&long), Err(NotAReply));
        assert_eq!(Reply::parse(&long[1..]), Ok(None));
    }
}
