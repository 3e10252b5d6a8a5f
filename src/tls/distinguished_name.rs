//! A distinguished name as text (RFC 4514), in ASCII alone: it goes into a header field.

use std::fmt::Write as _;

use spki::der::{
    Decode as _, Encode as _, Error, Reader as _, SliceReader, Tag,
    asn1::{AnyRef, ObjectIdentifier},
};

/// The attribute types that have a short name (RFC 4514 §3).
const SHORT: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The name `der` as text, the last of its parts first; `None` when it is no name.
pub(super) fn text(der: &[u8]) -> Option<String> {
    render(der).ok()
}

fn render(der: &[u8]) -> Result<String, Error> {
    let mut parts = Vec::new();
    let name = AnyRef::from_der(der)?;
    let mut sets = SliceReader::new(name.value())?;
    while !sets.is_finished() {
        let set = AnyRef::decode(&mut sets)?;
        let mut attributes = SliceReader::new(set.value())?;
        let mut part = Vec::new();
        while !attributes.is_finished() {
            let attribute = AnyRef::decode(&mut attributes)?;
            let mut reader = SliceReader::new(attribute.value())?;
            let kind = ObjectIdentifier::decode(&mut reader)?;
            part.push(one(kind, AnyRef::decode(&mut reader)?)?);
        }
        parts.push(part.join("+"));
    }
    parts.reverse();
    Ok(parts.join(","))
}

fn one(kind: ObjectIdentifier, value: AnyRef<'_>) -> Result<String, Error> {
    let oid = kind.to_string();
    let short = SHORT.iter().find(|(known, _)| *known == oid);
    let is_text = matches!(
        value.header().tag(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String
    );
    match short {
        Some((_, name)) if is_text => Ok(format!("{name}={}", escaped(value.value()))),
        Some((_, name)) => Ok(format!("{name}=#{}", hex(&value.to_der()?))),
        None => Ok(format!("{oid}=#{}", hex(&value.to_der()?))),
    }
}

/// RFC 4514 §2.4; whatever is not printable ASCII becomes a backslash and two digits.
fn escaped(value: &[u8]) -> String {
    let mut text = String::new();
    for (place, byte) in value.iter().enumerate() {
        let at_edge = place == 0 || place + 1 == value.len();
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b' ' if at_edge => text.push_str("\\20"),
            b'#' if place == 0 => text.push_str("\\#"),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => {
                let _ = write!(text, "\\{other:02X}");
            }
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_name_is_escaped() {
        assert_eq!(escaped(b"a, b"), "a\\, b");
        assert_eq!(escaped(b" #a "), "\\20#a\\20");
        assert_eq!(escaped(b"#a"), "\\#a");
        assert_eq!(escaped("Zo\u{eb}\r\n".as_bytes()), "Zo\\C3\\AB\\0D\\0A");
        assert_eq!(escaped(b"a=b\\\"c"), "a\\=b\\\\\\\"c");
    }

    #[test]
    fn what_is_no_name_has_no_text() {
        assert_eq!(text(b""), None);
        assert_eq!(text(b"\x30\x05\x31\x03"), None);
        assert_eq!(text(b"\x30\x00").as_deref(), Some(""));
    }
}
