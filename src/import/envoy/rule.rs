//! A rule: which requests, and what they must bring. The first that matches decides in Envoy; here the most
//! specific path does.

use serde_json::{Map, Value};

use super::{
    super::{
        Left,
        page::{Page, list, plain},
    },
    cluster::Clusters,
    objects,
    provider::Provider,
    requirement::Requirement,
    text,
};

/// A rule that is a route here.
pub(super) struct Rule {
    /// What its paths begin with, or are.
    path: String,
    is_prefix: bool,
    methods: Vec<String>,
    when: Vec<toml::Value>,
    requirement: Option<Requirement>,
    remark: &'static str,
}

impl Rule {
    /// The audiences that it asks of the provider `name`.
    pub(super) fn audiences_of(&self, name: &str) -> impl Iterator<Item = &str> {
        let providers = self.requirement.iter().flat_map(|r| &r.providers);
        let of = providers.filter(move |(provider, _)| provider == name);
        of.flat_map(|(_, audiences)| audiences.iter().map(String::as_str))
    }

    /// Whether every request of `later` is one of this rule as well.
    fn covers(&self, later: &Self) -> bool {
        self.methods.is_empty()
            && self.when.is_empty()
            && match self.is_prefix {
                true => later.path.starts_with(&self.path),
                false => !later.is_prefix && later.path == self.path,
            }
    }

    /// The pattern of its route.
    fn pattern(&self) -> String {
        match self.is_prefix {
            true => format!("{}/{{*rest}}", self.path.trim_end_matches('/')),
            false => self.path.clone(),
        }
    }
}

/// All rules that a route can say. One that it cannot has no route: its requests are 404, and not open.
pub(super) fn all(
    filter: &Map<String, Value>,
    providers: &[Provider],
    left: &mut Vec<Left>,
) -> Vec<Rule> {
    let named = filter.get("requirement_map").and_then(Value::as_object);
    let mut rules: Vec<Rule> = Vec::new();
    for (number, object) in objects(filter, "rules").enumerate() {
        let what = format!("rule {}", number + 1);
        match read(object, named, providers) {
            Ok(rule) if rules.iter().any(|earlier| earlier.covers(&rule)) => {
                let why = "an earlier rule matches all that it does, so Envoy never comes to it";
                left.push(Left::new(what, why));
            }
            Ok(rule) => {
                if rule.requirement.as_ref().is_some_and(|r| r.forgives) {
                    let why = "a bad token is refused here, and is not the same as none";
                    left.push(Left::new(format!("allow_missing_or_failed of {what}"), why));
                }
                rules.push(rule);
            }
            Err(why) => left.push(Left::new(what, format!("{why}; it has no route"))),
        }
    }
    keep_audiences_apart(&mut rules, left);
    rules
}

fn read(
    object: &Map<String, Value>,
    named: Option<&Map<String, Value>>,
    providers: &[Provider],
) -> Result<Rule, String> {
    let requirement = match text(object, "requirement_name") {
        Some(name) => match named.and_then(|named| named.get(name)) {
            Some(found) => Requirement::read(Some(found), providers)?,
            None => return Err(format!("there is no requirement \"{name}\"")),
        },
        None => Requirement::read(object.get("requires"), providers)?,
    };
    let wanted = object
        .get("match")
        .and_then(Value::as_object)
        .ok_or("it matches nothing")?;
    let (path, is_prefix, remark) = path(wanted)?;
    let mut rule = Rule {
        path,
        is_prefix,
        methods: Vec::new(),
        when: Vec::new(),
        requirement,
        remark,
    };
    for header in objects(wanted, "headers") {
        self::header(&mut rule, header)?;
    }
    let others = [
        "prefix",
        "path",
        "path_separated_prefix",
        "headers",
        "case_sensitive",
    ];
    match wanted.keys().find(|key| !others.contains(&key.as_str())) {
        Some(key) => Err(format!("routes here know no \"{key}\"")),
        None => Ok(rule),
    }
}

fn path(wanted: &Map<String, Value>) -> Result<(String, bool, &'static str), String> {
    if wanted.get("case_sensitive").and_then(Value::as_bool) == Some(false) {
        return Err("paths are compared as they are written, with their case".to_owned());
    }
    let (path, is_prefix, remark) = match (
        text(wanted, "prefix"),
        text(wanted, "path"),
        text(wanted, "path_separated_prefix"),
    ) {
        (Some(path), _, _) if path.ends_with('/') => (path, true, ""),
        (Some(path), _, _) => (
            path,
            true,
            "whole segments; Envoy's prefix takes /ordersx for /orders",
        ),
        (None, Some(path), _) => (path, false, ""),
        (None, None, Some(path)) => (path, true, ""),
        (None, None, None) => {
            return Err("it matches by a pattern that routes do not have".to_owned());
        }
    };
    if !path.starts_with('/')
        || path.contains(['{', '}', '*', '%', '?', '#', ';'])
        || path.contains("//")
    {
        return Err(format!("\"{path}\" is no plain path"));
    }
    Ok((path.to_owned(), is_prefix, remark))
}

/// A condition on a header that `when` can say.
fn header(rule: &mut Rule, header: &Map<String, Value>) -> Result<(), String> {
    let name = text(header, "name").unwrap_or_default();
    if header.get("invert_match").and_then(Value::as_bool) == Some(true) {
        return Err(format!("it inverts what it asks of the header \"{name}\""));
    }
    let string = header.get("string_match").and_then(Value::as_object);
    let exact = text(header, "exact_match").or(string.and_then(|s| text(s, "exact")));
    let contains = text(header, "contains_match").or(string.and_then(|s| text(s, "contains")));
    let (test, value) = match (exact, contains) {
        (Some(value), _) => ("equals", value),
        (None, Some(value)) => ("contains", value),
        (None, None) => {
            return Err(format!(
                "what it asks of the header \"{name}\" has no word here"
            ));
        }
    };
    match (name, test) {
        (":method", "equals") => rule.methods.push(value.to_owned()),
        (name, _) if name.starts_with(':') => {
            return Err(format!("what it asks of \"{name}\" has no word here"));
        }
        (name, test) => {
            let inner = [
                ("name".to_owned(), plain(name)),
                (test.to_owned(), plain(value)),
            ];
            let inner = toml::Value::Table(inner.into_iter().collect());
            let condition = [("header".to_owned(), inner)];
            rule.when
                .push(toml::Value::Table(condition.into_iter().collect()));
        }
    }
    Ok(())
}

/// The audiences of an issuer are the same on all routes. Rules that ask for others of one provider would
/// each let in what the other does.
fn keep_audiences_apart(rules: &mut Vec<Rule>, left: &mut Vec<Left>) {
    let asked: Vec<(String, Vec<String>)> = rules
        .iter()
        .filter_map(|rule| rule.requirement.as_ref())
        .flat_map(|requirement| requirement.providers.clone())
        .collect();
    let differs = |(name, audiences): &(String, Vec<String>)| {
        !audiences.is_empty() && asked.iter().any(|(n, a)| n == name && a != audiences)
    };
    rules.retain(|rule| {
        let providers = rule.requirement.iter().flat_map(|r| &r.providers);
        let Some((name, _)) = providers.clone().find(|asked| differs(asked)) else {
            return true;
        };
        let what = format!("the rule for {}", rule.path);
        let why = format!(
            "it asks for other audiences of {name} than another rule does: an issuer has the same on all \
             routes; it has no route"
        );
        left.push(Left::new(what, why));
        false
    });
}

/// Writes the routes, and says which clusters they lead to.
pub(super) fn write<'c>(
    page: &mut Page,
    rules: &[Rule],
    providers: &[Provider],
    clusters: &'c Clusters,
) -> Vec<&'c str> {
    let mut used = Vec::new();
    for rule in rules {
        page.element("routes");
        match rule.remark {
            "" => page.key("path", plain(&rule.pattern())),
            remark => page.key_with_remark("path", plain(&rule.pattern()), remark),
        }
        if !rule.methods.is_empty() {
            page.key("methods", list(rule.methods.iter().map(String::as_str)));
        }
        if let Some(cluster) = clusters.of_path(&rule.path) {
            page.key("upstream", plain(cluster));
            used.push(cluster);
        }
        if !rule.when.is_empty() {
            page.key("when", toml::Value::Array(rule.when.clone()));
        }
        let Some(requirement) = &rule.requirement else {
            page.key_with_remark("access", plain("public"), "the rule requires nothing");
            continue;
        };
        if requirement.is_optional {
            page.key("access", plain("optional"));
        }
        let named = |name: &str| providers.iter().find(|provider| provider.name == name);
        let of: Vec<&Provider> = match requirement.providers.is_empty() {
            true => providers.iter().collect(),
            false => requirement
                .providers
                .iter()
                .filter_map(|(name, _)| named(name))
                .collect(),
        };
        page.key(
            "issuers",
            list(of.iter().map(|provider| provider.issuer.as_str())),
        );
        if let Some(place) = of.iter().map(|p| &p.place).find(|place| !place.is_empty()) {
            page.key("token", toml::Value::Table(place.clone()));
        }
    }
    page.gap();
    page.remark("What no rule matches is open in Envoy. Here it is 404. To let it through:");
    page.remark("[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"");
    used
}
