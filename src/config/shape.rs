//! What may stand at a key: its type, its range, its words. One truth for the decoder, the JSON Schema and
//! the reference.

use std::time::Duration;

use super::{
    duration,
    schema::{Key, Schema, Setting},
    size, toml_source,
    value::Value,
};

/// One millisecond.
pub(super) const MILLI: Duration = Duration::from_millis(1);
/// Ten milliseconds.
pub(super) const CENTI: Duration = Duration::from_millis(10);
/// One second.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// One minute.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// One hour.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// One day.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// What its default or its example is: a boolean, a number, a string, a duration, a size, strings.
    Inferred,
    /// True or false.
    Boolean,
    /// A whole number, from the first to the second.
    Number(u64, u64),
    /// A duration, from the first to the second.
    Duration(Duration, Duration),
    /// Any number.
    Decimal,
    /// A number from 0.0 to 1.0.
    Fraction,
    /// A size in bytes, from the first to the second.
    Size(u64, u64),
    /// Any string.
    Text,
    /// A string that is not empty.
    SomeText,
    /// One of these words.
    Choice(Words),
    /// A list with at least so many elements.
    List(usize, &'static Self),
    /// Names of one's own, and what stands at each.
    Map(&'static Self),
    /// A section with these keys.
    Section(fn() -> &'static Schema),
    /// One of several.
    Either(&'static [Self]),
    /// Whatever JSON has.
    Anything,
}

/// The words of a choice.
pub(super) type Words = fn() -> Vec<&'static str>;

/// What keys of a section say about each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Exactly one of these is set.
    One(&'static [&'static str]),
    /// At most one of these is set.
    OneOrNone(&'static [&'static str]),
    /// At least one of these is there.
    Some(&'static [&'static str]),
}

/// A list of strings, none of them empty.
pub(super) const TEXTS: Shape = Shape::List(0, &Shape::SomeText);
/// The same, with at least one.
pub(super) const SOME_TEXTS: Shape = Shape::List(1, &Shape::SomeText);
/// A string or a list of them.
pub(super) const ONE_OR_MORE: Shape = Shape::Either(&[Shape::SomeText, SOME_TEXTS]);
/// `""`, which turns something off.
pub(super) const NONE: Shape = Shape::Choice(|| vec![""]);

impl Key {
    /// What may stand there, also where the table leaves it to the default or the example.
    pub(super) fn shape(&self) -> Shape {
        match (self.shape, self.setting) {
            (
                Shape::Inferred,
                Setting::Default(text) | Setting::Example(text) | Setting::Unset(text),
            ) => inferred(text),
            (shape, _) => shape,
        }
    }
}

fn inferred(text: &str) -> Shape {
    match toml_source::read_example(text).map(|node| node.value) {
        Some(Value::Boolean(_)) => Shape::Boolean,
        Some(Value::Number(_)) => Shape::Number(0, u64::MAX),
        Some(Value::Text(text)) if duration::parse(&text).is_ok() => {
            Shape::Duration(Duration::ZERO, Duration::MAX)
        }
        Some(Value::Text(text)) if text.ends_with('B') && size::parse(&text).is_ok() => {
            Shape::Size(0, u64::MAX)
        }
        Some(Value::List(nodes)) if nodes.iter().all(|n| matches!(n.value, Value::Text(_))) => {
            TEXTS
        }
        Some(Value::Text(_)) => Shape::Text,
        Some(Value::List(_) | Value::Table(_) | Value::Date | Value::Null) | None => {
            Shape::Anything
        }
    }
}

/// The decoder reads what the tables say; a development build stops where it does not.
impl Shape {
    /// Whether `read` is one of what may stand there.
    pub(super) fn allows(&self, read: &Self) -> bool {
        match (self, read) {
            (Self::Either(shapes), _) => shapes.iter().any(|shape| shape.allows(read)),
            (Self::Boolean, Self::Boolean) | (Self::Inferred | Self::Anything, _) => true,
            (Self::Number(low, high), Self::Number(l, h))
            | (Self::Size(low, high), Self::Size(l, h)) => (low, high) == (l, h),
            (Self::Duration(low, high), Self::Duration(l, h)) => (low, high) == (l, h),
            (Self::Choice(words), Self::Choice(read)) => words() == read(),
            (Self::List(..), Self::List(..)) => true,
            _ => false,
        }
    }
}
