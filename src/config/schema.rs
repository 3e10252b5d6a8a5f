//! The keys of a section in one place: name, default and one line of documentation each.

use super::{
    shape::{Rule, Shape},
    toml_source,
    value::{Node, Span, Table},
};

/// One key that a section knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is when it is absent.
    pub(super) setting: Setting,
    /// What it is for, in one line.
    pub(super) doc: &'static str,
    /// What may stand there.
    pub(super) shape: Shape,
}

/// What a key is when it is absent, and what the reference file shows. The texts are TOML.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setting {
    /// It has this value.
    Default(&'static str),
    /// It must be there or is needed for a file that works; the reference shows this one.
    Example(&'static str),
    /// Nothing stands in for it; the reference shows this one in a comment.
    Unset(&'static str),
    /// It is a section with keys of its own.
    Section,
}

/// The keys of a section, with their defaults parsed once.
#[derive(Debug)]
pub(super) struct Schema {
    /// What the section is called in messages.
    pub(super) title: &'static str,
    /// Its keys, in the order of the reference.
    pub(super) keys: Vec<Key>,
    /// What its keys say about each other.
    pub(super) rules: &'static [Rule],
    defaults: Vec<Option<Node>>,
}

impl Schema {
    /// A schema of these keys.
    pub(super) fn new(title: &'static str, keys: &[Key]) -> Self {
        Self::of(title, &[keys])
    }

    /// A schema of the keys in all of `groups`.
    pub(super) fn of(title: &'static str, groups: &[&[Key]]) -> Self {
        let keys = groups.concat();
        let default = |key: &Key| match key.setting {
            Setting::Default(text) => toml_source::read_default(text),
            Setting::Example(_) | Setting::Unset(_) | Setting::Section => None,
        };
        Self {
            title,
            defaults: keys.iter().map(default).collect(),
            keys,
            rules: &[],
        }
    }

    /// The same, with these rules.
    pub(super) fn with(self, rules: &'static [Rule]) -> Self {
        Self { rules, ..self }
    }

    /// Whether `reads` holds for what may stand at `name`. A key that leaves it to its default or example
    /// is let go here; a test asks for what it should say.
    pub(super) fn agrees(&self, name: &str, reads: impl FnOnce(&Shape) -> bool) -> bool {
        let Some(key) = self.keys.iter().find(|key| key.name == name) else {
            return false;
        };
        let agrees = reads(&key.shape());
        let said = !matches!(key.shape, Shape::Inferred);
        #[cfg(test)]
        if !agrees && !said {
            let mut unsaid = UNSAID.lock().unwrap();
            unsaid.insert(format!("{} {name}", self.title));
        }
        agrees || !said
    }

    /// Whether a key of this name belongs in the section.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// The value of a key that is absent.
    pub(super) fn default(&self, name: &str) -> Option<&Node> {
        let position = self.keys.iter().position(|key| key.name == name)?;
        self.defaults.get(position)?.as_ref()
    }
}

impl Key {
    /// The same, with what may stand there.
    pub(super) const fn is(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }
}

/// A key that has a default.
pub(super) const fn key(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        setting: Setting::Default(default),
        doc,
        shape: Shape::Inferred,
    }
}

/// A key that the reference shows with `example`, because nothing works without it.
pub(super) const fn needed(name: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        setting: Setting::Example(example),
        doc,
        shape: Shape::Inferred,
    }
}

/// A key that stands for nothing when it is absent.
pub(super) const fn unset(name: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        setting: Setting::Unset(example),
        doc,
        shape: Shape::Inferred,
    }
}

/// A section of its own.
pub(super) const fn section(name: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        setting: Setting::Section,
        doc,
        shape: Shape::Inferred,
    }
}

/// The table of a section that is absent.
pub(super) static EMPTY: Table = Table(Vec::new());

/// The name among `known` that `name` was probably meant to be.
pub(super) fn closest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&name, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= (k.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// Whether a span is in a text at all, and not a default's.
pub(super) fn is_written(span: Span) -> bool {
    span.source != u32::MAX
}

/// Keys whose decoder knows more of them than their table, as far as tests have come by.
#[cfg(test)]
pub(super) static UNSAID: std::sync::Mutex<std::collections::BTreeSet<String>> =
    std::sync::Mutex::new(std::collections::BTreeSet::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_closest_name() {
        let known = ["listen", "public_url", "workers"];
        assert_eq!(closest("lsten", known), Some("listen"));
        assert_eq!(closest("publicurl", known), Some("public_url"));
        assert_eq!(closest("Workers", known), Some("workers"));
        assert_eq!(closest("certificate", known), None);
    }
}
