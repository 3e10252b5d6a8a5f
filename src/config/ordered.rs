//! JSON to be written, whose members keep the order in which a reader wants them.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A value whose objects keep their order.
#[derive(Clone, Debug)]
pub(super) enum Ordered {
    /// A value without members.
    Plain(Value),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(String, Self)>),
}

impl Ordered {
    /// An object of these members.
    pub(super) fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The same object with one more member; anything else as it is.
    pub(super) fn with(self, name: &str, value: impl Into<Self>) -> Self {
        match self {
            Self::Object(mut members) => {
                members.push((name.to_owned(), value.into()));
                Self::Object(members)
            }
            other => other,
        }
    }

    /// A list of what these become.
    pub(super) fn list<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<T> for Ordered {
    fn from(value: T) -> Self {
        Self::Plain(value.into())
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(serializer),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order() {
        let object = Ordered::object([("b", 1.into()), ("a", Ordered::list([true]))]);
        let text = serde_json::to_string(&object.with("0", "x")).unwrap();
        assert_eq!(text, r#"{"b":1,"a":[true],"0":"x"}"#);
        assert_eq!(
            serde_json::to_string(&Ordered::from(2).with("a", 1)).unwrap(),
            "2"
        );
    }
}
