//! The part of BER that LDAP uses (RFC 4511 §5.1): one-byte tags, definite lengths, nothing nested
//! deeper than whoever reads it goes down by himself.

/// Tags of the universal class.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// These bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads one element after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// A reader of the elements in `bytes`.
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub(super) const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element: its tag and its content.
    pub(super) fn any(&mut self) -> Result<(u8, &'b [u8]), Malformed> {
        let header = header(self.0)?.ok_or(Malformed)?;
        let rest = self.0.get(header.bytes..).ok_or(Malformed)?;
        let (content, rest) = rest.split_at_checked(header.length).ok_or(Malformed)?;
        self.0 = rest;
        Ok((header.tag, content))
    }

    /// The content of the next element, which has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'b [u8], Malformed> {
        match self.any()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// The next element, an integer or an enumeration of this tag, that is not negative.
    pub(super) fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        let content = self.expect(tag)?;
        let digits = match content {
            [0, rest @ ..] if !rest.is_empty() => rest,
            [first, ..] if *first < 0x80 => content,
            _ => return Err(Malformed),
        };
        if digits.len() > 4 {
            return Err(Malformed);
        }
        Ok(digits.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }
}

/// The beginning of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    /// Of the header itself, in bytes.
    pub(super) bytes: usize,
    /// Of the content, in bytes.
    pub(super) length: usize,
}

/// The most bytes that a header may have: a tag, and a length of four bytes and their number.
pub(super) const MAX_HEADER: usize = 6;

/// The header of the element that begins here; `None`: there is more to come of it.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let [tag, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    // A tag of more than one byte is in no message of LDAP.
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let long = usize::from(*first & 0x7f);
    if *first < 0x80 {
        return Ok(Some(Header {
            tag: *tag,
            bytes: 2,
            length: long,
        }));
    }
    if !(1..=4).contains(&long) {
        return Err(Malformed);
    }
    let Some(digits) = rest.get(..long) else {
        return Ok(None);
    };
    Ok(Some(Header {
        tag: *tag,
        bytes: 2 + long,
        length: digits.iter().fold(0, |n, byte| n << 8 | usize::from(*byte)),
    }))
}

/// An element.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + MAX_HEADER);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            // What is sent is far below four gigabytes.
            let digits = u32::try_from(content.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes();
            out.push(0x84);
            out.extend_from_slice(&digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// An element of elements.
pub(super) fn constructed(tag: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &elements.concat())
}

/// An integer, or an enumeration.
pub(super) fn number(tag: u8, number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    let mut content = Vec::with_capacity(5);
    if digits.first().is_some_and(|first| *first >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    element(tag, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let written = element(OCTETS, &content);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.expect(OCTETS), Ok(&*content));
            assert!(reader.is_at_end());
            for short in 0..written.len().min(300) {
                assert!(
                    Reader::new(&written[..short]).any().is_err(),
                    "{short} of {length}"
                );
            }
        }
        for n in [0, 1, 127, 128, 255, 256, 65_535, u32::MAX] {
            let written = number(INTEGER, n);
            assert_eq!(Reader::new(&written).number(INTEGER), Ok(n));
            assert!(Reader::new(&written).number(ENUMERATED).is_err());
        }
        assert_eq!(number(INTEGER, 128), [2, 2, 0, 128]);
    }

    #[test]
    fn what_ldap_does_not_send_is_malformed() {
        for bytes in [
            &[0x1f, 1, 0][..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0xff],
        ] {
            assert_eq!(header(bytes), Err(Malformed), "{bytes:?}");
        }
        for bytes in [&[][..], &[0x30], &[0x30, 0x82, 1]] {
            assert_eq!(header(bytes), Ok(None), "{bytes:?}");
        }
        for content in [&[][..], &[0x80], &[0xff, 0xff], &[1, 0, 0, 0, 0]] {
            let written = element(INTEGER, content);
            assert!(
                Reader::new(&written).number(INTEGER).is_err(),
                "{content:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0u8.., 0..64)) {
            let mut reader = Reader::new(&bytes);
            while reader.any().is_ok() {}
            let _ = Reader::new(&bytes).number(INTEGER);
        }
    }
}
