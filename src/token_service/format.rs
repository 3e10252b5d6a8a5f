//! The formats of a response: JSON, a form or XML, for success and error alike.

use http::{HeaderMap, header::ACCEPT};
use serde_json::{Map, Value};

/// How a response of the token endpoint is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 6749 §5.1.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// One element for each member.
    Xml,
}

impl Format {
    /// The format of the parameter `format`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "urlencoded" => Some(Self::Form),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// The first of the three that `Accept` names with any weight but none, else JSON.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter();
        let mut types = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        types.find_map(Self::of_type).unwrap_or_default()
    }

    fn of_type(range: &str) -> Option<Self> {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let is_refused = |parameter: &str| {
            let weight = parameter.trim().strip_prefix("q=");
            weight.is_some_and(|q| q.trim_matches(['0', '.']).is_empty())
        };
        if parameters.split(';').any(is_refused) {
            return None;
        }
        match &*name.trim().to_ascii_lowercase() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            "application/xml" | "text/xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// The content type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Xml => "application/xml",
        }
    }

    /// Writes `members`, whose values are strings and numbers.
    pub(super) fn write(self, members: &Map<String, Value>) -> String {
        match self {
            Self::Json => serde_json::to_string(members).unwrap_or_default(),
            Self::Form => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in members {
                    form.append_pair(name, &plain(value));
                }
                form.finish()
            }
            Self::Xml => {
                let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<oauth>".to_owned();
                for (name, value) in members {
                    let value = escaped(&plain(value));
                    text += &format!("<{name}>{value}</{name}>");
                }
                text + "</oauth>\n"
            }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // XML 1.0 has no others of these.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_format_says_the_same() {
        let members = json!({"access_token": "a&<b>", "expires_in": 3600, "scope": "x y"});
        let members = members.as_object().unwrap();
        let json: Value = serde_json::from_str(&Format::Json.write(members)).unwrap();
        assert_eq!(json.as_object(), Some(members));
        assert_eq!(
            Format::Form.write(members),
            "access_token=a%26%3Cb%3E&expires_in=3600&scope=x+y"
        );
        assert_eq!(
            Format::Xml.write(members),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<oauth><access_token>a&amp;&lt;b&gt;</access_token>\
             <expires_in>3600</expires_in><scope>x y</scope></oauth>\n"
        );
    }

    #[test]
    fn accept_names_one_of_the_three_or_it_is_json() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            Format::accepted(&headers)
        };
        assert_eq!(
            of("text/html, application/xml;q=0.9, */*;q=0.8"),
            Format::Xml
        );
        assert_eq!(of("Application/X-WWW-Form-Urlencoded"), Format::Form);
        assert_eq!(of("application/xml; q=0.0, application/json"), Format::Json);
        for other in ["*/*", "text/html", "", ";", "xml"] {
            assert_eq!(of(other), Format::Json, "{other}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
        assert_eq!(Format::named("XML"), None);
    }
}
