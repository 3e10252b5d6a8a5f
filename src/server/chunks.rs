//! Where a chunked body ends (RFC 9112 §7.1). The HTTP library reads the chunks; this only follows.

/// How far a chunked body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the digits of a size; whether there was one yet.
    Size(u64, bool),
    /// In what stands between a size and the end of its line.
    Extension(u64),
    /// Before the line feed that ends a size's line.
    SizeEnd(u64),
    /// So many bytes of data are to come.
    Data(u64),
    /// Before the carriage return after the data.
    DataReturn,
    /// Before the line feed after the data.
    DataEnd,
    /// At the beginning of a trailer line, or of the empty line.
    Trailer,
    /// In a trailer line.
    TrailerLine,
    /// Before the line feed that ends it all.
    End,
}

/// The chunks are not framed as they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Chunks {
    pub(super) const fn new() -> Self {
        Self::Size(0, false)
    }

    /// Follows `bytes`; how many of them belong to the body, if it ends among them.
    ///
    /// # Errors
    /// [`Broken`].
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if let Self::Data(left) = self {
                let here = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= here as u64;
                rest = rest.get(here..).unwrap_or_default();
                if *left == 0 {
                    *self = Self::DataReturn;
                }
                continue;
            }
            rest = after;
            if *self == Self::End && byte == b'\n' {
                return Ok(Some(bytes.len() - rest.len()));
            }
            *self = self.after(byte).ok_or(Broken)?;
        }
        Ok(None)
    }

    /// What comes after `byte`.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size(size, _), digit) if digit.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(digit).to_digit(16)?);
                Some(Self::Size(size.checked_mul(16)?.checked_add(digit)?, true))
            }
            (Self::Size(size, true) | Self::Extension(size), b'\r') => Some(Self::SizeEnd(size)),
            (Self::Size(size, true), b';' | b' ' | b'\t') => Some(Self::Extension(size)),
            (Self::Extension(_), b'\n') => None,
            (Self::Extension(size), _) => Some(Self::Extension(size)),
            (Self::SizeEnd(0), b'\n') => Some(Self::Trailer),
            (Self::SizeEnd(size), b'\n') => Some(Self::Data(size)),
            (Self::DataReturn, b'\r') => Some(Self::DataEnd),
            (Self::DataEnd, b'\n') => Some(Self::new()),
            (Self::Trailer, b'\r') => Some(Self::End),
            (Self::Trailer, b'\n') => None,
            (Self::Trailer, _) => Some(Self::TrailerLine),
            (Self::TrailerLine, b'\n') => Some(Self::Trailer),
            (Self::TrailerLine, _) => Some(Self::TrailerLine),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_it_says_however_it_is_cut() {
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "00a;x=\"y\"\r\n0123456789\r\n1 \r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n",
        ] {
            let bytes = format!("{body}GET / HTTP/1.1\r\n\r\n");
            for cut in 0..body.len() {
                let (first, second) = bytes.as_bytes().split_at(cut);
                let mut chunks = Chunks::new();
                assert_eq!(chunks.follow(first), Ok(None), "{body:?} cut at {cut}");
                assert_eq!(chunks.follow(second), Ok(Some(body.len() - cut)));
            }
        }
    }

    #[test]
    fn what_is_framed_otherwise_is_broken() {
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            ";a\r\n",
            "3\nabc",
            "3\r\nabcd",
            "3\r\nabc\n",
            "3\r\nabc0\r\n",
            "1;a\nb\r\n",
            "10000000000000000\r\n",
            "0\r\n\n",
            "0\r\n\rx",
        ] {
            assert_eq!(
                Chunks::new().follow(body.as_bytes()),
                Err(Broken),
                "{body:?}"
            );
        }
    }
}
