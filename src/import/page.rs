//! A configuration as it is written: sections, keys, and a remark where somebody will ask.

use std::fmt::Write;

use toml::Value;

/// The text of a configuration, which grows.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A page that says where it comes from.
    pub(super) fn from(source: &str) -> Self {
        let mut page = Self::default();
        page.remark(&format!("Made from {source}."));
        page
    }

    /// A line that nobody but people reads.
    pub(super) fn remark(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.text, "# {}", line.trim_end());
        }
    }

    /// A section begins: `server`, `[routes]`, or several names as one path.
    pub(super) fn section(&mut self, path: &[&str]) {
        let path: Vec<_> = path.iter().map(|name| key(name)).collect();
        let _ = write!(self.text, "\n[{}]\n", path.join("."));
    }

    /// One more of a list of sections.
    pub(super) fn element(&mut self, name: &str) {
        let _ = write!(self.text, "\n[[{}]]\n", key(name));
    }

    /// A key of the section.
    pub(super) fn key(&mut self, name: &str, value: impl Into<Value>) {
        let _ = writeln!(self.text, "{} = {}", key(name), shown(&value.into()));
    }

    /// A key with a remark behind it.
    pub(super) fn key_with_remark(&mut self, name: &str, value: impl Into<Value>, remark: &str) {
        let _ = writeln!(
            self.text,
            "{} = {}  # {}",
            key(name),
            shown(&value.into()),
            remark.replace('\n', " ")
        );
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A text that means itself: `${` is no environment variable.
pub(super) fn plain(text: &str) -> Value {
    Value::String(text.replace("${", "$${"))
}

/// A text in which `${NAME}` is the environment's.
pub(super) fn open(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// A list of texts that mean themselves.
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Value {
    Value::Array(texts.into_iter().map(plain).collect())
}

/// A list of texts in which `${NAME}` is the environment's.
pub(super) fn open_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Value {
    Value::Array(texts.into_iter().map(open).collect())
}

/// A bare key where that is possible.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => basic(name),
    }
}

/// On one line, whatever it is.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => basic(text),
        Value::Array(values) => {
            let shown: Vec<_> = values.iter().map(shown).collect();
            format!("[{}]", shown.join(", "))
        }
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let shown: Vec<_> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), self::shown(value)))
                .collect();
            format!("{{ {} }}", shown.join(", "))
        }
        other => other.to_string(),
    }
}

/// A basic string (TOML 1.0): nothing in it ends it, or the line.
fn basic(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_reads_as_it_was() {
        let odd = "a\"b\\c\nd\te\u{0}f ä [x] # {y} = 'z' ${HOME}";
        let mut page = Page::from("a\nb");
        page.section(&["issuers", odd]);
        page.key(odd, Value::String(odd.to_owned()));
        page.key_with_remark("list", list([odd, "x"]), "one\ntwo");
        page.key(
            "table",
            Value::Table([(odd.to_owned(), 1.into())].into_iter().collect()),
        );
        page.element("routes");
        page.key("on", true);
        let text = page.into_text();
        let read: toml::Table = text.parse().unwrap();
        let issuer = &read["issuers"][odd];
        assert_eq!(issuer[odd].as_str(), Some(odd));
        assert_eq!(
            issuer["list"][0].as_str(),
            Some(odd.replace("${", "$${").as_str())
        );
        assert_eq!(issuer["table"][odd].as_integer(), Some(1));
        assert_eq!(read["routes"][0]["on"].as_bool(), Some(true));
        assert!(text.starts_with("# Made from a\n# b.\n"), "{text}");
    }
}
