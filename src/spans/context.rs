//! `traceparent`: a trace, the span in it that asks, and whether somebody records it.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// `traceparent` (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The flag of a trace that whoever asks records.
const SAMPLED: u8 = 0x01;
/// The flag of a trace whose identifier is random (level 2).
const RANDOM: u8 = 0x02;
/// `00-` 32 digits `-` 16 digits `-` 2 digits.
const LENGTH: usize = 55;

/// Where a request stands in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// An identifier of a trace, as 32 hexadecimal digits.
#[derive(Clone, Copy)]
pub struct TraceId([u8; 16]);

impl Context {
    /// A new trace.
    #[must_use]
    pub fn new(sampled: bool) -> Self {
        Self {
            trace: fastrand::u128(1..).to_be_bytes(),
            span: new_span(),
            flags: RANDOM | u8::from(sampled),
        }
    }

    /// What the request says: once, and well. Otherwise it says nothing.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let context = values.next().and_then(Self::parse)?;
        values.next().is_none().then_some(context)
    }

    /// Reads a value. Of a version that is not known yet, the part that every version has is read; flags that
    /// are not known are left out.
    #[must_use]
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let (known, rest) = value.as_bytes().split_at_checked(LENGTH)?;
        let known: &[u8; LENGTH] = known.try_into().ok()?;
        let [version] = digits(&known[..2])?;
        let ends = match version {
            0x00 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        let dashes = [known[2], known[35], known[52]] == *b"---";
        let (trace, span) = (digits(&known[3..35])?, digits(&known[36..52])?);
        let [flags] = digits(&known[53..])?;
        let has_ids = trace != [0; 16] && span != [0; 8];
        (ends && dashes && has_ids).then_some(Self {
            trace,
            span,
            flags: flags & (SAMPLED | RANDOM),
        })
    }

    /// The value of the field, in version 00.
    #[must_use]
    pub fn render(&self) -> [u8; LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], u128::from_be_bytes(self.trace));
        let span = u64::from_be_bytes(self.span);
        write_hex(&mut text[36..52], u128::from(span));
        write_hex(&mut text[53..], u128::from(self.flags));
        text
    }

    /// Whether somebody records it.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The trace's identifier.
    #[must_use]
    pub const fn trace(&self) -> TraceId {
        TraceId(self.trace)
    }

    /// The identifier of the span that asks.
    #[must_use]
    pub const fn span(&self) -> [u8; 8] {
        self.span
    }

    /// Its flags.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self {
            span: new_span(),
            ..*self
        }
    }
}

impl TraceId {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A new identifier of a span.
pub(super) fn new_span() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

/// The bytes that lower-case hexadecimal digits stand for.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

/// Writes the last digits of `number` in hexadecimal, filling `place`.
pub(crate) fn write_hex(place: &mut [u8], number: u128) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = number.to_be_bytes();
    for (pair, byte) in place.rchunks_exact_mut(2).zip(bytes.iter().rev()) {
        let digits = [
            DIGITS.get(usize::from(byte >> 4)),
            DIGITS.get(usize::from(byte & 15)),
        ];
        for (place, digit) in pair.iter_mut().zip(digits) {
            *place = digit.copied().unwrap_or(b'0');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(text: &str) -> Option<Context> {
        Context::parse(&HeaderValue::from_bytes(text.as_bytes()).ok()?)
    }

    fn text(context: Context) -> String {
        String::from_utf8(context.render().to_vec()).unwrap()
    }

    #[test]
    fn a_good_one_is_read_and_written_as_it_was() {
        let context = parse(GOOD).unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.trace().to_string(), TRACE);
        for flags in ["00", "01", "02", "03"] {
            let good = GOOD.replace("-01", &format!("-{flags}"));
            assert_eq!(text(parse(&good).unwrap()), good);
        }
        // Flags that nobody knows are not handed on.
        let strange = parse(&GOOD.replace("-01", "-ff")).unwrap();
        assert_eq!(text(strange), GOOD.replace("-01", "-03"));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for later in ["01", "cc", "fe"] {
            let versioned = GOOD.replacen("00", later, 1);
            assert_eq!(text(parse(&versioned).unwrap()), GOOD);
            assert_eq!(text(parse(&format!("{versioned}-what")).unwrap()), GOOD);
            for bad in ["x", ".what", " "] {
                assert_eq!(parse(&format!("{versioned}{bad}")), None, "{bad}");
            }
        }
    }

    #[test]
    fn a_bad_one_is_none() {
        for bad in [
            "",
            "nonsense",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-"),
            &format!("{GOOD}-what"),
            &format!("{GOOD} "),
            &format!(" {}", &GOOD[..54]),
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("00", "0g", 1),
            &GOOD.replace("4bf9", "4Bf9"),
            &GOOD.replace("4bf9", "4_f9"),
            &GOOD.replace(TRACE, &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", "0000000000000000"),
            &GOOD.replace("-01", "-0x"),
            &GOOD.replace('-', "_"),
            &GOOD.replacen("-0", "00", 1),
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_is_said_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(Context::of(&headers), None);
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert_eq!(Context::of(&headers), parse(GOOD));
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert_eq!(Context::of(&headers), None);
    }

    #[test]
    fn a_new_one_is_good_and_of_its_own() {
        for sampled in [true, false] {
            let new = Context::new(sampled);
            assert_eq!(parse(&text(new)), Some(new));
            assert_eq!(new.is_sampled(), sampled);
            assert_eq!(new.flags() & RANDOM, RANDOM);
            assert_ne!(Context::new(sampled), new);
            let sibling = new.sibling();
            assert_eq!(sibling.trace, new.trace);
            assert_ne!(sibling.span, new.span);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_one_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = Context::parse(&value);
            }
        }

        #[test]
        fn what_is_read_is_what_is_written(
            value in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
        ) {
            if let Some(context) = parse(&value) {
                prop_assert_eq!(&text(context)[2..53], &value[2..53]);
                prop_assert_eq!(parse(&text(context)), Some(context));
            } else {
                prop_assert!(value.starts_with("ff") || value.contains("-0000000000000000"));
            }
        }
    }
}
