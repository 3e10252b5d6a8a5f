//! Words of strangers and of the configuration, made fit to be shown to an operator: short, and without anything
//! that a terminal or a page obeys.

use crate::jose::json::Text;

/// The most values that are shown side by side.
pub(super) const MOST: usize = 20;
/// The most characters of one value.
const LONGEST: usize = 160;

/// The beginning of `text`, with control characters and those that turn the direction of writing escaped.
pub(super) fn fit(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(most) {
        match is_odd(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// One value.
pub(super) fn one(text: &str) -> String {
    fit(text, LONGEST)
}

/// The first of `all`, and how many more there are.
pub(super) fn several(all: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut all = all.into_iter();
    let mut shown: Vec<String> = all
        .by_ref()
        .take(MOST)
        .map(|text| one(text.as_ref()))
        .collect();
    match all.count() {
        0 => {}
        more => shown.push(format!("and {more} more")),
    }
    shown
}

/// A claim's value: a string as it is, each element of an array, anything else as it is written.
pub(super) fn values(value: &Text<'_>) -> Vec<String> {
    match value.elements() {
        Some(elements) => several(elements.map(|element| text(&element))),
        None => vec![one(&text(value))],
    }
}

fn text(value: &Text<'_>) -> String {
    match value.string() {
        Some(text) => text.into_owned(),
        None => value.as_written().to_owned(),
    }
}

fn is_odd(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_plain() {
        assert_eq!(fit("häuser", 10), "häuser");
        assert_eq!(
            fit("a\r\n\u{1b}[31m\u{202e}", 10),
            "a\\u{d}\\u{a}\\u{1b}[31m\\u{202e}"
        );
        assert_eq!(fit("abcdef", 3), "abc…");
        assert_eq!(several(["a", "b"]), ["a", "b"]);
        let many = several((0..25).map(|n| n.to_string()));
        assert_eq!(many.len(), MOST + 1);
        assert_eq!(many.last().unwrap(), "and 5 more");
    }
}
