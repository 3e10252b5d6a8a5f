//! The first part of a distinguished name (RFC 4514): the name of a group, where a user's entry lists
//! the groups by their distinguished names.

/// The value of the first attribute: `admins` of `cn=admins,ou=groups,dc=example`.
pub(super) fn first_value(dn: &str) -> Option<String> {
    let (attribute, value) = dn.split_once('=')?;
    let is_in = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let attribute = attribute.trim();
    if attribute.is_empty() || !attribute.chars().all(is_in) {
        return None;
    }
    let value = value.trim_start_matches(' ');
    // BER in hexadecimal, and the quotes of older versions, are for no name of a group.
    if value.starts_with(['#', '"']) {
        return None;
    }
    let mut out = Vec::new();
    let mut bytes = value.bytes();
    // How much of it is left when blanks at the end are cut, which only an escape keeps.
    let mut kept = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' | b';' => break,
            b'\\' => {
                out.push(escaped(&mut bytes)?);
                kept = out.len();
            }
            b' ' => out.push(byte),
            b'"' | b'<' | b'>' | 0 => return None,
            _ => {
                out.push(byte);
                kept = out.len();
            }
        }
    }
    out.truncate(kept);
    String::from_utf8(out).ok()
}

fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    let Some(high) = char::from(first).to_digit(16) else {
        let special = matches!(
            first,
            b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'
        );
        return special.then_some(first);
    };
    let low = char::from(bytes.next()?).to_digit(16)?;
    u8::try_from(high << 4 | low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_read() {
        for (dn, value) in [
            ("cn=admins,ou=groups,dc=x", "admins"),
            ("CN = order clerks , OU=x", "order clerks"),
            ("cn=a\\,b,dc=x", "a,b"),
            ("cn=a\\2cb,dc=x", "a,b"),
            ("cn=a\\20,dc=x", "a "),
            ("cn=\\C3\\A9", "é"),
            ("cn=a+uid=b,dc=x", "a"),
            ("2.5.4.3=a=b,dc=x", "a=b"),
            ("cn=,dc=x", ""),
        ] {
            assert_eq!(first_value(dn).as_deref(), Some(value), "{dn}");
        }
    }

    #[test]
    fn what_is_no_name_has_no_value() {
        for dn in [
            "", "admins", "=a", "c n=a", "cn=#0401", "cn=\"a\"", "cn=a\\", "cn=a\\zb", "cn=a\\c3",
            "cn=a<b",
        ] {
            assert_eq!(first_value(dn), None, "{dn}");
        }
    }
}
