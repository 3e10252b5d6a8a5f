//! The body of a response by its framing (RFC 9112 §6 and §7).

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How far a response's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    /// So many bytes are still to come.
    Length(u64),
    /// It comes in chunks.
    Chunked(Chunk),
    /// It ends with the connection.
    ToEnd,
}

/// Where in a chunked body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// At a chunk's size.
    Size,
    /// In a chunk, with so many bytes to come.
    Data(u64),
    /// Behind a chunk's data.
    DataEnd,
    /// Among the trailers, of which so many bytes have gone by.
    Trailers(usize),
    /// Behind it all.
    Ended,
}

/// A body that is not framed as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body's chunks are malformed")]
pub(super) struct BadChunk;

/// The longest line with a chunk's size, extensions included, in bytes.
const MAX_SIZE_LINE: usize = 1024;
/// The most bytes of trailers.
const MAX_TRAILERS: usize = 16 * 1024;
/// Up to this length data is copied out, so that the buffer that it came in can be used again.
const COPIED: usize = 1024;

impl Decoder {
    /// Whether the body has come to its end. One that ends with the connection never has.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Ended))
    }

    /// The next data in `input`; `None` when there is none yet, or none any more. Trailers are put into
    /// `trailers`, if somebody wants them.
    ///
    /// # Errors
    /// [`BadChunk`].
    pub(super) fn decode(
        &mut self,
        input: &mut BytesMut,
        trailers: Option<&mut HeaderMap>,
    ) -> Result<Option<Bytes>, BadChunk> {
        match self {
            Self::ToEnd => Ok(take(input, u64::MAX)),
            Self::Length(left) => {
                let data = take(input, *left);
                *left -= data.as_ref().map_or(0, |data| data.len() as u64);
                Ok(data)
            }
            Self::Chunked(chunk) => chunk.decode(input, trailers),
        }
    }
}

impl Chunk {
    fn decode(
        &mut self,
        input: &mut BytesMut,
        mut trailers: Option<&mut HeaderMap>,
    ) -> Result<Option<Bytes>, BadChunk> {
        loop {
            *self = match *self {
                Self::Ended => return Ok(None),
                Self::Size => match line(input, MAX_SIZE_LINE)? {
                    None => return Ok(None),
                    Some(line) => match size(&line)? {
                        0 => Self::Trailers(0),
                        size => Self::Data(size),
                    },
                },
                Self::Data(left) => {
                    let Some(data) = take(input, left) else {
                        return Ok(None);
                    };
                    let left = left - data.len() as u64;
                    *self = if left == 0 {
                        Self::DataEnd
                    } else {
                        Self::Data(left)
                    };
                    return Ok(Some(data));
                }
                Self::DataEnd => match line(input, 0)? {
                    None => return Ok(None),
                    Some(_) => Self::Size,
                },
                Self::Trailers(seen) => match line(input, MAX_TRAILERS - seen)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => Self::Ended,
                    Some(line) => {
                        if let Some(trailers) = &mut trailers {
                            add(trailers, &line)?;
                        }
                        Self::Trailers((seen + line.len() + 2).min(MAX_TRAILERS))
                    }
                },
            };
        }
    }
}

fn take(input: &mut BytesMut, most: u64) -> Option<Bytes> {
    let length = input.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    if length == 0 {
        return None;
    }
    if length > COPIED {
        return Some(input.split_to(length).freeze());
    }
    let data = Bytes::copy_from_slice(input.get(..length)?);
    input.advance(length);
    Some(data)
}

/// A line without its CRLF, `most` bytes at most; `None` when its end has not come.
fn line(input: &mut BytesMut, most: usize) -> Result<Option<Bytes>, BadChunk> {
    let Some(end) = memchr::memchr(b'\n', input) else {
        return if input.len() > most.saturating_add(1) {
            Err(BadChunk)
        } else {
            Ok(None)
        };
    };
    let length = end.checked_sub(1).ok_or(BadChunk)?;
    if length > most || input.get(length) != Some(&b'\r') {
        return Err(BadChunk);
    }
    let line = input.get(..length).unwrap_or_default();
    if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(BadChunk);
    }
    let line = Bytes::copy_from_slice(line);
    input.advance(end + 1);
    Ok(Some(line))
}

/// Adds the trailer that a line is.
fn add(trailers: &mut HeaderMap, line: &[u8]) -> Result<(), BadChunk> {
    let colon = memchr::memchr(b':', line).ok_or(BadChunk)?;
    let (name, value) = line.split_at_checked(colon).ok_or(BadChunk)?;
    let name = HeaderName::from_bytes(name).map_err(|_| BadChunk)?;
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let value = HeaderValue::from_bytes(value).map_err(|_| BadChunk)?;
    trailers.try_append(name, value).map_err(|_| BadChunk)?;
    Ok(())
}

/// Hexadecimal digits, and perhaps extensions, which nobody reads.
fn size(line: &[u8]) -> Result<u64, BadChunk> {
    let mut digits = line.split(|b| *b == b';').next().unwrap_or_default();
    while let [rest @ .., b' ' | b'\t'] = digits {
        digits = rest;
    }
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BadChunk);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| BadChunk)?;
    u64::from_str_radix(digits, 16).map_err(|_| BadChunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `bytes` in pieces of `step`; the data, and whether the body ended.
    fn decode(bytes: &[u8], step: usize) -> Result<(Vec<u8>, bool, usize), BadChunk> {
        let mut decoder = Decoder::Chunked(Chunk::Size);
        let (mut input, mut data) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            while let Some(some) = decoder.decode(&mut input, None)? {
                data.extend_from_slice(&some);
            }
        }
        Ok((data, decoder.is_done(), input.len()))
    }

    #[test]
    fn chunks_come_in_any_pieces() {
        let body = b"5;x=y\r\nhello\r\n00b\r\n big\r\nworld\r\n0\r\nX-T: 1\r\n\r\nrest";
        for step in 1..body.len() {
            let (data, done, left) = decode(body, step).unwrap();
            assert_eq!(
                (data.as_slice(), done, left),
                (&b"hello big\r\nworld"[..], true, 4)
            );
        }
        assert!(!decode(b"5\r\nhello\r\n0\r\n", 3).unwrap().1);
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bad in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+5\r\nhello",
            b"5\nhello",
            b"5\r\r\nhello\r\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n",
            b"1000000000000000\r\n",
            b" 5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"0\r\nX: y\n\r\n",
            b"0\r\nX: y\rZ: 1\r\n\r\n",
            b"5;a\rb\r\nhello\r\n",
            b"5;\0\r\nhello\r\n",
            b"5 5\r\nhello\r\n",
        ] {
            assert!(decode(bad, 1).is_err(), "{bad:?}");
            assert!(decode(bad, 100).is_err(), "{bad:?}");
        }
        let long = [b"5;".as_slice(), &[b'x'; MAX_SIZE_LINE + 2]].concat();
        assert!(decode(&long, 7).is_err());
        let endless = [b"0\r\n".as_slice(), &b"x: y\r\n".repeat(MAX_TRAILERS)].concat();
        assert!(decode(&endless, 4096).is_err());
    }

    #[test]
    fn a_length_is_kept_to() {
        let mut decoder = Decoder::Length(5);
        let mut input = BytesMut::from(&b"hel"[..]);
        assert_eq!(decoder.decode(&mut input, None).unwrap().unwrap(), "hel");
        assert!(!decoder.is_done() && decoder.decode(&mut input, None).unwrap().is_none());
        input.extend_from_slice(b"lorest");
        assert_eq!(decoder.decode(&mut input, None).unwrap().unwrap(), "lo");
        assert!(decoder.is_done() && decoder.decode(&mut input, None).unwrap().is_none());
        assert_eq!(input, "rest");
    }
}
