//! `authFilter`: which requests an `openidConnectClient` is for. Here a route says that.

use toml::{Table, Value};

use super::{
    super::{
        Left,
        page::{open, open_list},
    },
    called,
    document::{Document, Element},
};

/// What a route must look like for the requests of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    /// The pattern of its path.
    pub(super) path: String,
    /// Whether that is narrower than what the filter says.
    pub(super) is_narrowed: bool,
    /// Its conditions.
    pub(super) when: Vec<Value>,
}

/// Every path.
pub(super) const EVERYWHERE: &str = "/{*rest}";

impl Filter {
    /// Every request.
    pub(super) fn everything() -> Self {
        Self {
            path: EVERYWHERE.to_owned(),
            is_narrowed: false,
            when: Vec::new(),
        }
    }

    /// The filter of `client`: the one that it names, or the one in it. `None` where it names one that is
    /// not there, or one that cannot be carried over whole: without one of its conditions it would be for
    /// more requests than it was.
    pub(super) fn of(
        client: &Element<'_, '_>,
        document: &Document<'_>,
        left: &mut Vec<Left>,
    ) -> Option<Self> {
        let inner = client.children().find(|child| child.name() == "authFilter");
        let found = match client.attribute("authFilterRef") {
            None => inner,
            Some(id) => match document.by_id("authFilter", &id) {
                Some(found) => Some(found),
                None => {
                    let what = format!("{} authFilterRef=\"{id}\"", called(client));
                    left.push(Left::new(
                        what,
                        "there is no such authFilter, so it has no route",
                    ));
                    return None;
                }
            },
        };
        let Some(element) = found else {
            return Some(Self::everything());
        };
        let mut filter = Self::everything();
        for part in element.children() {
            if let Err(why) = filter.add(&part) {
                let what = format!("<{}> of {}", part.name(), called(&element));
                left.push(Left::new(
                    what,
                    format!("{why}; {} has no route", called(client)),
                ));
                return None;
            }
        }
        Some(filter)
    }

    fn add(&mut self, part: &Element<'_, '_>) -> Result<(), String> {
        let test = Test::of(part)?;
        let value = |name: &str| {
            let value = part.attribute(name);
            value.ok_or_else(|| format!("it has no {name}"))
        };
        match part.name() {
            "requestUrl" => self.url(&value("urlPattern")?, test),
            "remoteAddress" => {
                let address = value("ip")?;
                let patterns = split(&address);
                let condition = match test {
                    Test::Contains | Test::Equals => one_or_list(&patterns),
                    Test::Lacks => table("not_contains", one_or_list(&patterns)),
                    Test::Above => table("above", one_or_list(&patterns)),
                    Test::Below => table("below", one_or_list(&patterns)),
                };
                self.when.push(table("remote_address", condition));
                Ok(())
            }
            "host" => self.text("host", None, &value("name")?, test),
            "userAgent" => self.text("user_agent", None, &value("agent")?, test),
            "cookie" => {
                let wanted = part.attribute("value").unwrap_or_default();
                self.text("cookie", Some(value("name")?), &wanted, test)
            }
            "requestHeader" => {
                let wanted = part.attribute("value").unwrap_or_default();
                self.text("header", Some(value("name")?), &wanted, test)
            }
            "webApp" => Err("the gateway does not know which application a path is of".to_owned()),
            _ => Err("it is not known".to_owned()),
        }
    }

    /// A URL that begins with a path is a pattern here; any other stays a condition.
    fn url(&mut self, pattern: &str, test: Test) -> Result<(), String> {
        let is_path = pattern.len() > 1
            && pattern.starts_with('/')
            && !pattern.contains(['*', '|', '?', '{', '}', '%', ';', '#'])
            && !pattern.contains("//");
        if is_path && self.path == EVERYWHERE {
            match test {
                Test::Equals => {
                    pattern.clone_into(&mut self.path);
                    return Ok(());
                }
                Test::Contains => {
                    self.path = format!("{}/{{*rest}}", pattern.trim_end_matches('/'));
                    self.is_narrowed = true;
                    return Ok(());
                }
                Test::Lacks | Test::Above | Test::Below => {}
            }
        }
        self.text("path", None, pattern, test)
    }

    fn text(
        &mut self,
        subject: &str,
        name: Option<String>,
        wanted: &str,
        test: Test,
    ) -> Result<(), String> {
        let test = match test {
            Test::Contains => "contains",
            Test::Equals => "equals",
            Test::Lacks => "not_contains",
            Test::Above | Test::Below => {
                return Err("greaterThan and lessThan are for addresses here".to_owned());
            }
        };
        let wanted = one_or_list(&split(wanted));
        let inner = match name {
            None => table(test, wanted),
            Some(name) => {
                let members = [
                    ("name".to_owned(), Value::String(name)),
                    (test.to_owned(), wanted),
                ];
                Value::Table(members.into_iter().collect())
            }
        };
        self.when.push(table(subject, inner));
        Ok(())
    }
}

/// `matchType`.
#[derive(Clone, Copy)]
enum Test {
    Contains,
    Equals,
    Lacks,
    Above,
    Below,
}

impl Test {
    fn of(part: &Element<'_, '_>) -> Result<Self, String> {
        match part.attribute("matchType").as_deref() {
            None | Some("contains") => Ok(Self::Contains),
            Some("equals") => Ok(Self::Equals),
            Some("notContain") => Ok(Self::Lacks),
            Some("greaterThan") => Ok(Self::Above),
            Some("lessThan") => Ok(Self::Below),
            Some(other) => Err(format!("matchType=\"{other}\" is not known")),
        }
    }
}

/// `a|b` is one or the other.
fn split(text: &str) -> Vec<&str> {
    text.split('|').map(str::trim).collect()
}

/// One text by itself, and more of them as a list.
fn one_or_list(texts: &[&str]) -> Value {
    match texts {
        [one] => open(one),
        many => open_list(many.iter().copied()),
    }
}

fn table(name: &str, value: Value) -> Value {
    Value::Table(Table::from_iter([(name.to_owned(), value)]))
}
