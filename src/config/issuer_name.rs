//! How the key of an issuer names its `iss`.

use percent_encoding::percent_decode_str;

/// Why a key names no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IssuerNameError {
    /// Nothing is there.
    #[error("an issuer's name cannot be empty")]
    Empty,
    /// A `%` without two hexadecimal digits.
    #[error("in an encoded name, % must be followed by two hexadecimal digits")]
    Encoding,
    /// The decoded bytes are no text.
    #[error("the decoded name is not valid UTF-8")]
    NotUtf8,
    /// No issuer is called that, and nobody would see the difference.
    #[error("an issuer's name cannot hold control characters, or begin or end with a space")]
    Invisible,
}

/// The `iss` that `key` names: percent-encoded, or a plain URL, which is taken as it is.
///
/// A plain URL has `://` in it, and an encoded one cannot: so a `%20` in a plain URL stays.
///
/// # Errors
/// [`IssuerNameError`] says what is wrong with it.
pub(super) fn decode(key: &str) -> Result<String, IssuerNameError> {
    let name = if key.contains("://") {
        key.to_owned()
    } else {
        let escapes = key.split('%').skip(1);
        let hex = |s: &str| s.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !escapes.into_iter().all(hex) {
            return Err(IssuerNameError::Encoding);
        }
        let name = percent_decode_str(key).decode_utf8();
        name.map_err(|_| IssuerNameError::NotUtf8)?.into_owned()
    };
    if name.is_empty() {
        return Err(IssuerNameError::Empty);
    }
    if name.trim() != name || name.contains(char::is_control) {
        return Err(IssuerNameError::Invisible);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_changes_nothing_else() {
        for (key, name) in [
            (
                "https%3A%2F%2Fidp.example.com%2FRealm%2F",
                "https://idp.example.com/Realm/",
            ),
            (
                "https%3a%2f%2fidp.example.com%3A8443",
                "https://idp.example.com:8443",
            ),
            (
                "https://idp.example.com/a%20b",
                "https://idp.example.com/a%20b",
            ),
            ("https%3A%2F%2Fidp%2Fa%2520b", "https://idp/a%20b"),
            ("accounts.example.com", "accounts.example.com"),
            ("a+b", "a+b"),
            ("caf%C3%A9", "café"),
        ] {
            assert_eq!(decode(key).as_deref(), Ok(name), "{key}");
        }
    }

    #[test]
    fn refuses_what_names_nobody() {
        assert_eq!(decode(""), Err(IssuerNameError::Empty));
        assert_eq!(decode("a%2"), Err(IssuerNameError::Encoding));
        assert_eq!(decode("a%zz"), Err(IssuerNameError::Encoding));
        assert_eq!(decode("a%FF"), Err(IssuerNameError::NotUtf8));
        assert_eq!(decode("a%00"), Err(IssuerNameError::Invisible));
        assert_eq!(decode("a%20"), Err(IssuerNameError::Invisible));
    }
}
