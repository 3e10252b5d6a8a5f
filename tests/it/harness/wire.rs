//! HTTP/1.1 as bytes, read by nobody's library: what the gateway sends is seen as it is.

use std::{
    io::{self, BufRead, Read},
    str,
};

/// A start line and its header fields, in their order. Names are in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A body, how it was framed, and what followed it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether it came to the end that its framing promised.
    pub(crate) complete: bool,
}

impl Head {
    /// Reads a head; `None` when the stream ends before its first byte.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(line) = read_line(stream)? else {
            return Ok(None);
        };
        let fields = read_fields(stream)?;
        Ok(Some(Self { line, fields }))
    }

    /// The value of the field `name`, which must not stand there twice.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands there {} times", all.len());
        all.first().copied()
    }

    /// Every value of the field `name`.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.fields.iter().filter(|(key, _)| key == name);
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The body that this head announces; with `until_end`, one without framing goes on until the
    /// stream ends, else there is none.
    pub(crate) fn read_body(&self, stream: &mut impl BufRead, until_end: bool) -> Body {
        let mut body = Body::default();
        let outcome = if self.get("transfer-encoding") == Some("chunked") {
            read_chunks(stream, &mut body)
        } else if let Some(length) = self.get("content-length") {
            let length = length.parse().unwrap();
            read_exactly(stream, length, &mut body.bytes)
        } else if until_end {
            stream.read_to_end(&mut body.bytes).map(|_| ())
        } else {
            Ok(())
        };
        body.complete = outcome.is_ok();
        body
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    match line.strip_suffix(b"\r\n").map(str::from_utf8) {
        // Latin-1 and the like is of no interest here, but must not end a test's thread.
        Some(text) => Ok(Some(
            text.map_or_else(|_| format!("{line:02x?}"), str::to_owned),
        )),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not a line: {:?}", String::from_utf8_lossy(&line)),
        )),
    }
}

fn read_fields(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_exactly(stream: &mut impl BufRead, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(length).read_to_end(into)?;
    if read as u64 == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Body) -> io::Result<()> {
    loop {
        let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = u64::from_str_radix(&line, 16).map_err(io::Error::other)?;
        if length == 0 {
            body.trailers = read_fields(stream)?;
            return Ok(());
        }
        read_exactly(stream, length, &mut body.bytes)?;
        if read_line(stream)?.as_deref() != Some("") {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}
