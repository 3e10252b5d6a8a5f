//! Text that a stranger chose, made fit for an operator's log: short, printable, on one line.

/// How many characters of it are shown.
const SHOWN: usize = 40;

/// The beginning of `text`, with everything but printable ASCII escaped.
pub(super) fn excerpt(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters
        .by_ref()
        .take(SHOWN)
        .flat_map(char::escape_default)
        .collect();
    if characters.next().is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_plain_text_stays_and_the_rest_is_escaped_or_cut() {
        assert_eq!(excerpt("at+jwt"), "at+jwt");
        assert_eq!(
            excerpt("a\r\n\u{1b}[31m\u{202e}"),
            "a\\r\\n\\u{1b}[31m\\u{202e}"
        );
        assert_eq!(
            excerpt(&"é".repeat(9_000)).len(),
            SHOWN * "\\u{e9}".len() + 3
        );
    }
}
