//! What a message must not show of a configuration: a report prints source lines, and secrets stand in them.

use std::ops::Range;

/// What is shown in place of a secret.
const REDACTED: &str = "[redacted]";

/// Whether the value of this key is a secret, whoever reads it. The private members of a JWK
/// (RFC 7518 §6) are among them.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if key.ends_with("_file") {
        return false;
    }
    ["secret", "passw", "private", "credential"]
        .iter()
        .any(|word| key.contains(word))
        || matches!(
            key.as_str(),
            "token" | "k" | "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "priv"
        )
}

/// A part of a text in which every secret is replaced.
pub(super) struct Redacted {
    text: String,
    /// Where each shown piece came from and where it stands now, in order; secrets are pieces too.
    pieces: Vec<(Range<usize>, Range<usize>)>,
}

impl Redacted {
    /// `window` of `text` without its `secrets`, which may overlap.
    pub(super) fn new(text: &str, window: Range<usize>, mut secrets: Vec<Range<usize>>) -> Self {
        secrets.sort_by_key(|s| s.start);
        let mut shown = Self {
            text: String::new(),
            pieces: Vec::new(),
        };
        let mut at = window.start;
        for secret in secrets {
            let (start, end) = (secret.start.max(at), secret.end.min(window.end));
            if start >= end {
                continue;
            }
            shown.push(at..start, text.get(at..start).unwrap_or_default());
            shown.push(start..end, REDACTED);
            at = end;
        }
        shown.push(at..window.end, text.get(at..window.end).unwrap_or_default());
        shown
    }

    fn push(&mut self, from: Range<usize>, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.pieces.push((from, start..self.text.len()));
    }

    /// Where the byte `at` of the original stands in the shown text.
    pub(super) fn place_of(&self, at: usize) -> usize {
        for (from, to) in &self.pieces {
            if at < from.end {
                let copied = from.len() == to.len();
                let within = at.saturating_sub(from.start);
                return if copied { to.start + within } else { to.start };
            }
        }
        self.text.len()
    }

    /// The shown text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// Secrets in one line that are found by their looks: passwords in URLs, and, where the text could
/// not be parsed, what follows a secret's key.
pub(super) fn in_line(text: &str, line: Range<usize>, syntax: bool) -> Vec<Range<usize>> {
    let Some(content) = text.get(line.clone()) else {
        return Vec::new();
    };
    let mut found = userinfo(content);
    if syntax {
        if continues_a_secret(text.get(..line.start).unwrap_or_default(), content) {
            found.push(0..content.len());
        }
        found.extend(after_secret_keys(content));
    }
    found
        .into_iter()
        .map(|s| s.start + line.start..s.end + line.start)
        .collect()
}

/// `user:password@` of every URL.
fn userinfo(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(scheme) = line.get(at..).and_then(|rest| rest.find("://")) {
        let start = at + scheme + 3;
        let rest = line.get(start..).unwrap_or_default();
        let end = rest
            .find(['/', '"', '\'', '?', '#', ' '])
            .unwrap_or(rest.len());
        if let Some(sign) = rest.get(..end).and_then(|authority| authority.rfind('@')) {
            found.push(start..start + sign);
        }
        at = start;
    }
    found
}

/// Everything behind a key that `is_secret`: in a text with errors nobody knows where the value ends.
fn after_secret_keys(line: &str) -> Option<Range<usize>> {
    line.match_indices(['=', ':']).find_map(|(sign, _)| {
        let key = line
            .get(..sign)?
            .trim_end()
            .trim_end_matches(['"', '\''])
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .next()?;
        is_secret(key).then_some(sign + 1..line.len())
    })
}

/// Whether a line may be the inside of a value whose key stands further up and `is_secret`.
fn continues_a_secret(before: &str, line: &str) -> bool {
    if key_of(line).is_some() || line.trim_start().starts_with('[') {
        return false;
    }
    before.lines().rev().find_map(key_of).is_some_and(is_secret)
}

/// The key of a line that looks like `key = value`; base64 that ends with `=` does not.
fn key_of(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim().trim_matches(['"', '\'']);
    let named = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.%\"'".contains(c));
    let valued = !value.trim().is_empty() && !value.starts_with('=');
    (named && valued).then(|| key.rsplit(['.', '"', '\'']).next().unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, syntax: bool) -> String {
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        let line = start..text.len();
        let secrets = in_line(text, line.clone(), syntax);
        Redacted::new(text, line, secrets).into_text()
    }

    #[test]
    fn knows_secrets_by_name() {
        for key in [
            "shared_secret",
            "password",
            "token",
            "k",
            "d",
            "client_secret",
            "Passwort",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "shared_secret_file",
            "token_file",
            "kid",
            "listen",
            "n",
            "e",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn places_move_with_the_text() {
        let text = r#"a = "hunter2", b = 1"#;
        let secrets = Vec::from_iter([Range { start: 4, end: 13 }]);
        let redacted = Redacted::new(text, 0..text.len(), secrets);
        assert_eq!(redacted.place_of(0), 0);
        assert_eq!(redacted.place_of(4), 4);
        assert_eq!(redacted.place_of(6), 4);
        let b = redacted.place_of(15);
        assert_eq!(redacted.into_text().get(b..), Some("b = 1"));
    }

    #[test]
    fn hides_the_userinfo_of_urls() {
        assert_eq!(
            shown(r#"url = "http://me:pw@host/a@b""#, false),
            r#"url = "http://[redacted]@host/a@b""#
        );
        assert_eq!(
            shown(r#"url = "http://host/a@b""#, false),
            r#"url = "http://host/a@b""#
        );
    }

    #[test]
    fn hides_what_follows_a_secret_key_in_broken_text() {
        assert_eq!(
            shown(r#"shared_secret = "hunter2 "#, true),
            "shared_secret =[redacted]"
        );
        assert_eq!(
            shown(r#"{ kid = "a", k = "hunter2 "#, true),
            r#"{ kid = "a", k =[redacted]"#
        );
        assert_eq!(
            shown(r#""password": "hunter2 "#, true),
            r#""password":[redacted]"#
        );
        assert_eq!(
            shown("shared_secret = \"\"\"\nhunter2\\q", true),
            "[redacted]"
        );
        assert_eq!(
            shown("shared_secret = \"\"\"\naHVudGVyMg==", true),
            "[redacted]"
        );
        assert_eq!(shown("audiences = [\n\"a\" \"b\"", true), "\"a\" \"b\"");
        assert_eq!(
            shown(r#"listen = "0.0.0.0:80"#, true),
            r#"listen = "0.0.0.0:80"#
        );
    }
}
