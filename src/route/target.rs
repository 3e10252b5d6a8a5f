//! The request's target in its one canonical form, which is matched and forwarded.
//!
//! What two parsers could read in two ways is refused and not repaired: the gateway would match one
//! reading, and the upstream would serve the other.

use std::borrow::Cow;

/// Why a path has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A whole URL for something that is not HTTP.
    #[error("the target's scheme is neither http nor https")]
    Scheme,
    /// It does not begin with a slash.
    #[error("the target is not a path")]
    NotAPath,
    /// `//`.
    #[error("the path holds an empty segment (//)")]
    EmptySegment,
    /// `.` or `..`, also when percent-encoded.
    #[error("the path holds a dot segment (. or ..)")]
    DotSegment,
    /// A byte that no URL path holds unencoded: `\`, `;`, control characters, anything beyond ASCII.
    #[error("the path holds a character that is not allowed")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("the path holds a broken percent-encoding")]
    Percent,
    /// An encoded slash, backslash or control character.
    #[error("the path holds an encoded slash, backslash or control character")]
    Encoded,
    /// `%25` followed by two hexadecimal digits.
    #[error("the path is percent-encoded twice")]
    EncodedTwice,
    /// Encoded bytes that are no UTF-8, overlong forms included.
    #[error("the path's percent-encoded bytes are not UTF-8")]
    NotUtf8,
}

/// The canonical form of `path`: unreserved characters plain, all else that is encoded in upper case.
///
/// # Errors
/// [`TargetError`] for whatever could be read in two ways.
pub fn canonical(path: &str) -> Result<Cow<'_, str>, TargetError> {
    if !path.starts_with('/') {
        return Err(TargetError::NotAPath);
    }
    if !path.bytes().all(is_plain) {
        let decoded = decode(path)?;
        check_segments(&decoded)?;
        return Ok(Cow::Owned(decoded));
    }
    check_segments(path)?;
    Ok(Cow::Borrowed(path))
}

/// What may stand in a path as it is (RFC 3986 §3.3, without `;`).
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn check_segments(path: &str) -> Result<(), TargetError> {
    // A slash and a dot or a second slash is rare: most paths are done after this one look.
    if memchr::memmem::find(path.as_bytes(), b"//").is_some() {
        return Err(TargetError::EmptySegment);
    }
    if memchr::memmem::find(path.as_bytes(), b"/.").is_some()
        && path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
    {
        return Err(TargetError::DotSegment);
    }
    Ok(())
}

fn decode(path: &str) -> Result<String, TargetError> {
    let mut canonical = String::with_capacity(path.len());
    let mut beyond_ascii = Vec::new();
    let mut bytes = path.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            if !is_plain(byte) {
                return Err(TargetError::Character);
            }
            flush(&mut beyond_ascii)?;
            canonical.push(char::from(byte));
            continue;
        }
        let decoded = hex(bytes.next())? << 4 | hex(bytes.next())?;
        match decoded {
            0..=0x1f | 0x7f | b'/' | b'\\' => return Err(TargetError::Encoded),
            0x80.. => beyond_ascii.push(decoded),
            _ => flush(&mut beyond_ascii)?,
        }
        if is_unreserved(decoded) {
            canonical.push(char::from(decoded));
        } else {
            push_encoded(&mut canonical, decoded);
        }
    }
    flush(&mut beyond_ascii)?;
    if is_encoded_twice(&canonical) {
        return Err(TargetError::EncodedTwice);
    }
    Ok(canonical)
}

/// Whether decoding leaves something to decode. The canonical form is what counts: `%25%32%65` becomes
/// `%252e`.
fn is_encoded_twice(canonical: &str) -> bool {
    memchr::memmem::find_iter(canonical.as_bytes(), b"%25")
        .any(|at| starts_with_hex(canonical.as_bytes().get(at + 3..).unwrap_or_default()))
}

/// The bytes of one run beyond ASCII must be UTF-8, which Rust's reading of it takes strictly.
fn flush(beyond_ascii: &mut Vec<u8>) -> Result<(), TargetError> {
    if beyond_ascii.is_empty() {
        return Ok(());
    }
    std::str::from_utf8(beyond_ascii).map_err(|_| TargetError::NotUtf8)?;
    beyond_ascii.clear();
    Ok(())
}

fn hex(digit: Option<&u8>) -> Result<u8, TargetError> {
    match digit.copied() {
        Some(d @ b'0'..=b'9') => Ok(d - b'0'),
        Some(d @ b'a'..=b'f') => Ok(d - b'a' + 10),
        Some(d @ b'A'..=b'F') => Ok(d - b'A' + 10),
        _ => Err(TargetError::Percent),
    }
}

fn starts_with_hex(rest: &[u8]) -> bool {
    matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

fn push_encoded(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.extend(DIGITS.get(usize::from(digit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_taken_as_they_are() {
        for path in [
            "/",
            "/orders/42",
            "/a.b/.well-known/..x",
            "/a:b@c,d=1+2!$&'()*~",
            "/trailing/",
        ] {
            assert!(
                matches!(canonical(path), Ok(Cow::Borrowed(same)) if same == path),
                "{path}"
            );
        }
    }

    #[test]
    fn encodings_have_one_spelling() {
        assert_eq!(canonical("/%61dmin").unwrap(), "/admin");
        assert_eq!(canonical("/caf%c3%a9").unwrap(), "/caf%C3%A9");
        assert_eq!(canonical("/100%25").unwrap(), "/100%25");
        assert_eq!(
            canonical("/100%25%20x%25%2525").unwrap_err(),
            TargetError::EncodedTwice
        );
        assert_eq!(canonical("/1%25%20x%25").unwrap(), "/1%25%20x%25");
        assert_eq!(canonical("/a%20b%3bc").unwrap(), "/a%20b%3Bc");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        use TargetError::*;
        for (path, why) in [
            ("orders", NotAPath),
            ("*", NotAPath),
            ("//admin", EmptySegment),
            ("/public/../admin", DotSegment),
            ("/public/%2e%2e/admin", DotSegment),
            ("/public/.%2E/admin", DotSegment),
            ("/a/.", DotSegment),
            ("/a%2fb", Encoded),
            ("/a%5Cb", Encoded),
            ("/a\\b", Character),
            ("/a;x", Character),
            ("/a/..;/b", Character),
            ("/a%00", Encoded),
            ("/a%0d%0a", Encoded),
            ("/a%zz", Percent),
            ("/a%4", Percent),
            ("/a%c0%af", NotUtf8),
            ("/a%ff", NotUtf8),
            ("/a%c3x", NotUtf8),
            ("/a%252e", EncodedTwice),
            ("/a%25%32%65", EncodedTwice),
            ("/a%25%32e", EncodedTwice),
            ("/a%252%65", EncodedTwice),
            ("/caf\u{e9}", Character),
        ] {
            assert_eq!(canonical(path), Err(why), "{path}");
        }
    }
}
