//! The parameters of a query or a form, as generous upstreams read them.

/// Calls `found` with each value of the parameter `name` in form-encoded text, decoded.
///
/// Some upstreams end a parameter at `;` too, ignore case, or read `tenant[]` and `tenant[0]` as
/// `tenant`: whatever any of them would take for the parameter is found.
pub fn each(encoded: &[u8], name: &str, mut found: impl FnMut(&str)) {
    let mut look = |encoded: &[u8]| {
        for (key, value) in form_urlencoded::parse(encoded) {
            if is_alias(&key, name) {
                found(&value);
            }
        }
    };
    look(encoded);
    if encoded.contains(&b';') {
        for part in encoded.split(|byte| matches!(byte, b'&' | b';')) {
            look(part);
        }
    }
}

fn is_alias(key: &str, name: &str) -> bool {
    if key == name {
        return true;
    }
    // What stands behind a NUL or a bracket is cut off, and blanks around a name are dropped.
    let plain = |text: &str| {
        let end = text.find(['[', '\0']).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().trim().to_lowercase()
    };
    plain(key) == plain(name)
}
