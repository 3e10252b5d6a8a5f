//! Where a chunked body ends (RFC 9112 §7.1). The HTTP library reads the chunks; this only follows.

/// How far a chunked body is.
///
/// Nothing here is laxer than the HTTP library: if this saw an end where the library sees none, the two
/// would disagree about what is a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the digits of a size; how many of them there were.
    Size(u64, u8),
    /// In the blanks behind a size, which no digit may follow.
    SizeBlank(u64),
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
    /// In a trailer's name.
    TrailerName,
    /// In a trailer's value.
    TrailerValue,
    /// Before the line feed that ends a trailer line.
    TrailerEnd,
    /// Before the line feed that ends it all.
    End,
}

/// The chunks are not framed as they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The most digits of a size, leading zeros included: more than any chunk needs, and no number overflows.
const DIGITS: u8 = 15;

impl Chunks {
    pub(super) const fn new() -> Self {
        Self::Size(0, 0)
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
            (Self::Size(size, digits), _) if digits < DIGITS && byte.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(byte).to_digit(16)?);
                Some(Self::Size(size << 4 | digit, digits + 1))
            }
            (Self::Size(size, 1..) | Self::SizeBlank(size), b' ' | b'\t') => {
                Some(Self::SizeBlank(size))
            }
            (Self::Size(size, 1..) | Self::SizeBlank(size), b';') => Some(Self::Extension(size)),
            (Self::Size(size, 1..) | Self::SizeBlank(size) | Self::Extension(size), b'\r') => {
                Some(Self::SizeEnd(size))
            }
            (Self::Extension(size), _) => is_text(byte).then_some(Self::Extension(size)),
            (Self::SizeEnd(0), b'\n') | (Self::TrailerEnd, b'\n') => Some(Self::Trailer),
            (Self::SizeEnd(size), b'\n') => Some(Self::Data(size)),
            (Self::DataReturn, b'\r') => Some(Self::DataEnd),
            (Self::DataEnd, b'\n') => Some(Self::new()),
            (Self::Trailer, b'\r') => Some(Self::End),
            (Self::TrailerName, b':') => Some(Self::TrailerValue),
            (Self::Trailer | Self::TrailerName, _) => is_token(byte).then_some(Self::TrailerName),
            (Self::TrailerValue, b'\r') => Some(Self::TrailerEnd),
            (Self::TrailerValue, _) => is_text(byte).then_some(Self::TrailerValue),
            _ => None,
        }
    }
}

/// What may stand in a field's name (RFC 9110 §5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// What may stand in a line: no control character, and so no line end that is none (RFC 9110 §5.5).
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
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
            "1\t ;\tx;\u{e9}\r\na\r\n000000000000000\r\nA: b\tc\u{e9}\r\n\r\n",
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
            "0x3\r\nabc",
            "+3\r\nabc",
            " 3\r\nabc",
            "3 3\r\nabc",
            "3 x\r\nabc",
            "3_0\r\n",
            "3\r\r\nabc",
            "3\x0b\r\nabc",
            "3;a\rb\r\nabc",
            "3;a\0b\r\nabc",
            "3;\x7f\r\nabc",
            "0000000000000003\r\nabc",
            "fffffffffffffffe\r\nabc",
            "0\r\nA: b\n\r\n",
            "0\r\nA: b\nC: d\r\n\r\n",
            "0\r\nA: b\rC: d\r\n\r\n",
            "0\r\nA: b\r\r\n\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nA: b\r\n\tfolded\r\n\r\n",
            "0\r\nA: \0\r\n\r\n",
            "0\r\nA b\r\n\r\n",
            "0\r\nA : b\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(
                Chunks::new().follow(body.as_bytes()),
                Err(Broken),
                "{body:?}"
            );
        }
    }
}
