//! The getters of a section for numbers, sizes, times and choices: what is out of range is an error.

use std::{ops::RangeInclusive, time::Duration};

use super::{duration, schema::closest, section::Section, shape::Shape, size, value::Value};
use crate::claims::scope::is_token;

impl Section<'_> {
    /// A whole number in `range`.
    pub(super) fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        self.reads(name, || {
            let whole = |end: &T| end.to_string().parse().unwrap_or_default();
            Shape::Number(whole(range.start()), whole(range.end()))
        });
        let node = self.node(name)?;
        let Value::Number(number) = &node.value else {
            self.expected(name, node, "a whole number");
            return None;
        };
        let number = number.as_u64().and_then(|n| T::try_from(n).ok());
        number.filter(|n| range.contains(n)).or_else(|| {
            let (low, high) = range.into_inner();
            let message = format!("\"{name}\" must be a whole number from {low} to {high}");
            self.context.error(node.span, message);
            None
        })
    }

    /// A number from 0 to 1, as how many of 2^32.
    pub(super) fn fraction(&self, name: &str) -> Option<u64> {
        let node = self.node(name)?;
        let Value::Number(number) = &node.value else {
            self.expected(name, node, "a number from 0 to 1");
            return None;
        };
        match number.as_f64().filter(|n| (0.0..=1.0).contains(n)) {
            // Between 0 and 2^32: nothing is cut off but what is smaller than one of them.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(fraction) => Some((fraction * 4_294_967_296.0) as u64),
            None => {
                let message = format!("\"{name}\" must be a number from 0 to 1");
                let help = "write 0.01 for one of a hundred";
                self.context.error_with_help(node.span, message, help);
                None
            }
        }
    }

    /// Scopes, each of the characters of RFC 6749 §3.3.
    pub(super) fn scopes(&self, name: &str) -> Option<Vec<Box<str>>> {
        let texts = self.texts(name)?;
        for text in texts.iter().filter(|text| !is_token(text.text)) {
            let help = "each scope is a string of its own: [\"orders:read\", \"orders:write\"]";
            self.context.error_with_help(text.span, "not a scope", help);
        }
        Some(texts.into_iter().map(|text| text.text.into()).collect())
    }

    /// A number of bytes in `range`; `None` also for `""`.
    pub(super) fn size<T: TryFrom<u64>>(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        self.reads(name, || Shape::Size(*range.start(), *range.end()));
        let node = self.node(name)?;
        let parsed = match &node.value {
            Value::Text(text) if text.is_empty() => return None,
            Value::Text(text) => size::parse(text).map_err(|e| e.to_string()),
            Value::Number(n) => n
                .as_u64()
                .ok_or_else(|| "a size is a whole number".to_owned()),
            _ => {
                self.expected(name, node, "a size such as \"16KiB\"");
                return None;
            }
        };
        match parsed {
            Ok(bytes) if range.contains(&bytes) => T::try_from(bytes).ok(),
            Ok(_) => {
                let (low, high) = range.into_inner();
                let (low, high) = (size::render(low), size::render(high));
                let message = format!("\"{name}\" must be from {low} to {high}");
                self.context.error(node.span, message);
                None
            }
            Err(message) => {
                let help = "write \"16KiB\", \"1MiB\", \"8KB\" or a number of bytes";
                self.context.error_with_help(node.span, message, help);
                None
            }
        }
    }

    /// As [`Section::size`], where an empty string is an error.
    pub(super) fn some_size<T: TryFrom<u64>>(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        self.is_not_empty(name)?;
        self.size(name, range)
    }

    /// A time in `range`; `None` also for `""`.
    pub(super) fn duration(&self, name: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.reads(name, || Shape::Duration(*range.start(), *range.end()));
        let node = self.node(name)?;
        let parsed = match &node.value {
            Value::Text(text) if text.is_empty() => return None,
            Value::Text(text) => duration::parse(text),
            Value::Number(number) => {
                let message = format!("\"{name}\" needs a unit");
                let help = format!("write \"{number}s\" for seconds");
                self.context.error_with_help(node.span, message, help);
                return None;
            }
            _ => {
                self.expected(name, node, "a duration such as \"30s\"");
                return None;
            }
        };
        match parsed {
            Ok(time) if range.contains(&time) => Some(time),
            Ok(_) => {
                let (low, high) = range.into_inner();
                let (low, high) = (duration::render(low), duration::render(high));
                let message = format!("\"{name}\" must be from {low} to {high}");
                self.context.error(node.span, message);
                None
            }
            Err(error) => {
                let help = "write \"30s\", \"5m\" or \"1h 30m\"";
                self.context
                    .error_with_help(node.span, error.to_string(), help);
                None
            }
        }
    }

    /// As [`Section::duration`], where an empty string is an error.
    pub(super) fn some_duration(
        &self,
        name: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.is_not_empty(name)?;
        self.duration(name, range)
    }

    fn is_not_empty(&self, name: &str) -> Option<()> {
        let node = self.node(name).filter(|node| node.is_text(""));
        let Some(node) = node else {
            return Some(());
        };
        let help = "leave it out for the default";
        self.context
            .error_with_help(node.span, format!("\"{name}\" cannot be empty"), help);
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.reads_one_of(name, choices);
        let found = self.text(name)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == found.text) {
            return Some(*choice);
        }
        let words: Vec<_> = choices
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let message = format!("\"{name}\" must be {}", words.join(" or "));
        let help = closest(found.text, choices.iter().map(|(word, _)| *word));
        match help {
            Some(word) => {
                self.context.error_with_help(
                    found.span,
                    message,
                    format!("did you mean \"{word}\"?"),
                );
            }
            None => self.context.error(found.span, message),
        }
        None
    }
}
