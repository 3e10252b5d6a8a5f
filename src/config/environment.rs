//! `${NAME}` in strings: the value of an environment variable. `$${` is a plain `${`.

/// Why a string's variables cannot be replaced. No value of a variable is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvironmentError {
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    Missing(String),
    /// `${` is not followed by a name and `}`.
    #[error(
        "\"${{\" must be followed by a variable's name and \"}}\"; a plain \"${{\" is written \"$${{\""
    )]
    Malformed,
}

/// Replaces every `${NAME}` in `text`. A value is taken as it is: variables in it are not replaced.
///
/// # Errors
/// [`EnvironmentError`] for the first that is wrong.
pub(super) fn expand(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, EnvironmentError> {
    // Nearly every string of a large issuers file: one byte is sought faster than two.
    if !text.contains('$') {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let (name, after) = after.split_once('}').ok_or(EnvironmentError::Malformed)?;
        if !is_name(name) {
            return Err(EnvironmentError::Malformed);
        }
        let value = environment(name).ok_or_else(|| EnvironmentError::Missing(name.to_owned()))?;
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_host(text: &str) -> Result<String, EnvironmentError> {
        expand(text, &|name| match name {
            "HOST" => Some("idp.example".to_owned()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn replaces_variables() {
        assert_eq!(
            with_host("https://${HOST}/a/${HOST}").unwrap(),
            "https://idp.example/a/idp.example"
        );
        assert_eq!(with_host("plain $HOST {x} $").unwrap(), "plain $HOST {x} $");
    }

    #[test]
    fn two_dollars_are_one() {
        assert_eq!(with_host("$${HOST}").unwrap(), "${HOST}");
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        assert_eq!(with_host("${NESTED}").unwrap(), "${HOST}");
    }

    #[test]
    fn refuses_what_is_missing_or_malformed() {
        assert_eq!(
            with_host("${NOBODY}"),
            Err(EnvironmentError::Missing("NOBODY".to_owned()))
        );
        for text in ["${HOST", "${}", "${A B}", "${1A}"] {
            assert_eq!(with_host(text), Err(EnvironmentError::Malformed), "{text}");
        }
    }
}
