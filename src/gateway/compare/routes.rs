//! Which routes were considered, and why each is not for the request.

use std::borrow::Cow;

use http::Method;

use super::{Case, Compared, words};
use crate::{
    gateway::facts,
    route::{Route, Visit, host, target},
};

/// How many routes are looked at while a request waits; somebody who asks gets all.
const FEW: usize = 200;

/// What routes are held against.
struct Asked<'a> {
    method: &'a Method,
    path: Cow<'a, str>,
    host: Option<String>,
    visit: Option<Visit<'a>>,
    taken: Option<usize>,
}

pub(super) fn compare(case: &Case<'_>) -> Option<Compared> {
    let routes = case.snapshot.policy.routes.all();
    let path = target::canonical(case.note.uri.path()).ok()?;
    let host = case.head.and_then(|head| host::of(head).ok());
    let host = host.map(|host| host.to_string());
    let visit = case.head.zip(host.as_deref());
    let visit = visit.map(|(head, host)| facts::visit(head, host, case.snapshot, case.note.peer));
    let asked = Asked {
        method: &case.note.method,
        path,
        host: host.clone(),
        visit,
        taken: case.note.route.as_ref().map(|route| route.id),
    };
    let most = if case.head.is_some() {
        routes.len()
    } else {
        FEW
    };
    let mut considered: Vec<_> = routes
        .iter()
        .take(most)
        .map(|route| asked.hold(route))
        .collect();
    considered.sort_by_key(|(rank, _)| *rank);
    let request = format!(
        "{} {}{}",
        asked.method,
        host.as_deref().unwrap_or_default(),
        asked.path
    );
    let configured = considered.into_iter().map(|(_, said)| said);
    Some(Compared::new(
        "route",
        vec![words::one(&request)],
        words::several(configured),
    ))
}

impl Asked<'_> {
    /// How near a route is, and what keeps it from the request.
    fn hold(&self, route: &Route) -> (usize, String) {
        let number = route.id + 1;
        let name = words::one(&route.name);
        let said = |why: &str| format!("number {number}, {name}: {why}");
        if self.taken == Some(route.id) {
            return (0, said("it is for this request"));
        }
        if !fits(&route.path, &self.path) {
            let common = common(&route.path, &self.path);
            return (
                1000_usize.saturating_sub(common),
                said("its path is another"),
            );
        }
        if let (Some(own), Some(host)) = (&route.host, &self.host)
            && **own != **host
        {
            return (2, said(&format!("it is for the host {own}, not {host}")));
        }
        if let Some(visit) = &self.visit
            && let Some(why) = route.when.failing(visit)
        {
            return (1, said(&format!("only when {why}")));
        }
        if !route.takes(self.method) {
            let methods = route.methods.iter().flatten().map(Method::as_str);
            let methods: Vec<&str> = methods.collect();
            return (1, said(&format!("it is for {} only", methods.join(", "))));
        }
        match self.taken {
            Some(_) => (3, said("another is more specific, or comes first")),
            None => (
                1,
                said("it may be for another host, or not when its filters hold"),
            ),
        }
    }
}

/// Whether `path` is one of `pattern`, which compiled.
fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for own in pattern.split('/') {
        if own.starts_with("{*") {
            return true;
        }
        match segments.next() {
            Some(segment) if own == segment => {}
            Some(segment) if own.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// How many segments are alike from the beginning.
fn common(pattern: &str, path: &str) -> usize {
    let pairs = pattern.split('/').zip(path.split('/'));
    pairs
        .take_while(|(own, segment)| own == segment || own.starts_with('{'))
        .count()
        .min(900)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_of_a_pattern_or_not() {
        for (pattern, path, yes) in [
            ("/", "/", true),
            ("/orders/{id}", "/orders/42", true),
            ("/orders/{id}", "/orders/", false),
            ("/orders/{id}", "/orders/42/items", false),
            ("/orders", "/orders/42", false),
            ("/{*rest}", "/a/b", true),
            ("/a/{*rest}", "/a", true),
            ("/a/{*rest}", "/ab", false),
        ] {
            assert_eq!(fits(pattern, path), yes, "{pattern} {path}");
        }
        assert!(common("/orders/{id}/x", "/orders/7/y") > common("/x", "/orders/7/y"));
    }
}
