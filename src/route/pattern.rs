//! Path patterns: `/orders/{id}`, `/files/{*rest}`.

use super::target;
use crate::bind::Segment;

/// Why a text is no path pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A brace stands inside a segment.
    #[error("\"{0}\": braces enclose a whole segment, as in /orders/{{id}} or /files/{{*rest}}")]
    Brace(String),
    /// `{}`, or a name that is no identifier.
    #[error("\"{0}\": a parameter's name is made of letters, digits and _")]
    Name(String),
    /// Two parameters have one name.
    #[error("\"{0}\": the name stands twice; each parameter has a name of its own")]
    Twice(String),
    /// `{*rest}` stands before the end.
    #[error("\"{0}\": what takes all the rest stands at the end")]
    CatchAll(String),
    /// A literal part is not canonical, so that no request could ever match it.
    #[error("\"{0}\" is written \"{1}\"")]
    NotCanonical(String, String),
    /// A literal part has no canonical form.
    #[error(transparent)]
    Target(#[from] target::TargetError),
}

/// The pattern as the router takes it. Parameters are named by their place, so that `/a/{id}` and
/// `/a/{name}/x` can stand side by side.
///
/// # Errors
/// [`PatternError`].
pub fn compile(pattern: &str) -> Result<String, PatternError> {
    let mut compiled = String::with_capacity(pattern.len());
    let literal: String = pattern
        .split('/')
        .map(|s| if s.starts_with('{') { "x" } else { s })
        .collect::<Vec<_>>()
        .join("/");
    let canonical = target::canonical(&literal)?;
    if canonical != literal {
        return Err(PatternError::NotCanonical(
            literal.clone(),
            canonical.into_owned(),
        ));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut segments = pattern.split('/').skip(1).enumerate().peekable();
    while let Some((place, segment)) = segments.next() {
        compiled.push('/');
        let Some(name) = segment.strip_prefix('{') else {
            if segment.contains(['{', '}']) {
                return Err(PatternError::Brace(segment.to_owned()));
            }
            compiled.push_str(segment);
            continue;
        };
        let name = name
            .strip_suffix('}')
            .ok_or_else(|| PatternError::Brace(segment.to_owned()))?;
        let (star, name) = name
            .strip_prefix('*')
            .map_or(("", name), |name| ("*", name));
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(PatternError::Name(segment.to_owned()));
        }
        if names.contains(&name) {
            return Err(PatternError::Twice(segment.to_owned()));
        }
        names.push(name);
        if !star.is_empty() && segments.peek().is_some() {
            return Err(PatternError::CatchAll(segment.to_owned()));
        }
        compiled.push_str(&format!("{{{star}p{place}}}"));
    }
    Ok(compiled)
}

/// The names of the parameters of a pattern that compiles, and where each stands.
pub fn parameters(pattern: &str) -> impl Iterator<Item = (&str, Segment)> {
    let segments = pattern.split('/').skip(1).enumerate();
    segments.filter_map(|(place, segment)| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let (rest, name) = name
            .strip_prefix('*')
            .map_or((false, name), |name| (true, name));
        Some((name, Segment { place, rest }))
    })
}

/// What a compiled pattern that ends in `{*rest}` covers besides: the path before it, with and without
/// a slash. `/admin/{*rest}` guards `/admin` too, because whoever writes it means so.
pub fn also_covered(compiled: &str) -> Vec<String> {
    let Some(before) = compiled.rfind("/{*").and_then(|at| compiled.get(..at)) else {
        return Vec::new();
    };
    let mut covered = vec![format!("{before}/")];
    if !before.is_empty() {
        covered.push(before.to_owned());
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_by_their_place() {
        assert_eq!(compile("/orders/{id}").unwrap(), "/orders/{p1}");
        assert_eq!(compile("/{*rest}").unwrap(), "/{*p0}");
        assert_eq!(compile("/").unwrap(), "/");
        assert_eq!(also_covered("/{*rest}"), ["/"]);
        assert_eq!(also_covered("/admin/{*rest}"), ["/admin/", "/admin"]);
        assert!(also_covered("/admin").is_empty());
    }

    #[test]
    fn what_no_request_could_match_is_refused() {
        for pattern in [
            "", "orders", "/a//b", "/a/../b", "/a{id}", "/{id}x", "/{}", "/{*a}/b", "/%61",
            "/{a b}", "/a;b", "/{id",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
