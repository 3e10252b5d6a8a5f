//! What a client may choose, written so that no reader takes it for anything but text: only visible ASCII comes out.

/// The most bytes that one field takes in a line.
pub(super) const FIELD: usize = 2048;

/// The digits of both forms.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A JSON string (RFC 8259 §7) of what may be no UTF-8, with its quotation marks. Cut at [`FIELD`].
pub(super) fn json(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let begin = out.len();
    for chunk in text.utf8_chunks() {
        let replaced = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for character in chunk.valid().chars().chain(replaced) {
            if out.len() - begin > FIELD {
                break;
            }
            match character {
                '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
                ' '..='~' => out.push(character as u8),
                _ => {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        out.extend_from_slice(b"\\u");
                        let [high, low] = unit.to_be_bytes();
                        hex(out, high);
                        hex(out, low);
                    }
                }
            }
        }
    }
    out.push(b'"');
}

/// The form of the web servers: `\xHH` for all but visible ASCII, and for what ends a quoted field. A space is
/// itself only where the field is `quoted`. Cut at [`FIELD`]; nothing at all is `-`.
pub(super) fn common(out: &mut Vec<u8>, text: &[u8], quoted: bool) {
    if text.is_empty() {
        return out.push(b'-');
    }
    let begin = out.len();
    for byte in text {
        if out.len() - begin > FIELD {
            break;
        }
        match byte {
            b'"' | b'\\' => escaped(out, *byte),
            b' ' if quoted => out.push(b' '),
            b'!'..=b'~' => out.push(*byte),
            _ => escaped(out, *byte),
        }
    }
}

fn escaped(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(b"\\x");
    hex(out, byte);
}

fn hex(out: &mut Vec<u8>, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        out.extend(DIGITS.get(usize::from(digit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8]) -> [String; 3] {
        let (mut one, mut two, mut three) = (Vec::new(), Vec::new(), Vec::new());
        json(&mut one, text);
        common(&mut two, text, true);
        common(&mut three, text, false);
        [one, two, three].map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn no_text_ends_its_field_or_its_line() {
        let [json, quoted, bare] = written(b"a b\"c\\d\r\n\x1b[31m\x7f\0");
        assert_eq!(json, r#""a b\"c\\d\u000d\u000a\u001b[31m\u007f\u0000""#);
        assert_eq!(quoted, r"a b\x22c\x5cd\x0d\x0a\x1b[31m\x7f\x00");
        assert_eq!(bare, r"a\x20b\x22c\x5cd\x0d\x0a\x1b[31m\x7f\x00");
        assert_eq!(written(b"")[1], "-");
    }

    #[test]
    fn what_is_no_ascii_comes_back_from_json_and_not_as_itself() {
        for text in ["ü", "\u{202e}gpj", "\u{85}", "🔑"] {
            let [json, quoted, _] = written(text.as_bytes());
            assert!(json.is_ascii() && quoted.is_ascii());
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        let read: String = serde_json::from_str(&written(b"a\xff\xfeb")[0]).unwrap();
        assert_eq!(read, "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn a_field_has_an_end() {
        for text in [&[b'\n'; 100_000][..], &[b'a'; 100_000]] {
            assert!(written(text).iter().all(|text| text.len() < FIELD + 20));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_one_field(text in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let [json, quoted, bare] = written(&text);
            let read: String = serde_json::from_str(&json).unwrap();
            proptest::prop_assert_eq!(read, String::from_utf8_lossy(&text));
            proptest::prop_assert!(!quoted.contains('"') && !quoted.contains('\n'));
            proptest::prop_assert!(!bare.is_empty() && !bare.contains(' '));
        }
    }
}
