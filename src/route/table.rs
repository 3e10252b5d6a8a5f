//! The table of routes: host first, then the most specific path, then the method.
//!
//! A path belongs to its most specific pattern alone: when that one is not for the method, the answer
//! is 405 and no other pattern is tried. Otherwise a rule for `GET /admin` would leave `POST /admin`
//! to the catch-all, and an API would be open because a rule did not match.
//!
//! So it is with filters: the routes of one pattern are tried in the order in which they are written,
//! and when none of them is for the request, the answer is 404.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::Method;
use matchit::Router;

use super::{Route, Visit, pattern};

/// Every route of the configuration.
pub struct Routes {
    routes: Vec<Arc<Route>>,
    hosts: HashMap<Box<str>, Router<Methods>>,
    any_host: Router<Methods>,
}

/// The routes of one host and path, told apart by their methods.
type Methods = Vec<Arc<Route>>;

/// Why a route cannot be in the table; `route` is its number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutesError {
    /// The path is no pattern.
    #[error("the path is not a valid pattern: {why}")]
    Path {
        /// Which route.
        route: usize,
        /// What is wrong.
        why: String,
    },
    /// Two routes are for the same host, path and method.
    #[error("route {other} is already for this host, path and method")]
    Same {
        /// Which route.
        route: usize,
        /// The earlier one, from 0.
        other: usize,
    },
}

/// Why no route is for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No pattern fits the host and the path.
    #[error("no route is for this host and path")]
    NotFound,
    /// A pattern fits, and the filters of none of its routes hold.
    #[error("the \"when\" of no route for this host and path holds")]
    Filtered,
    /// The most specific pattern is not for the method.
    #[error("the route is for {allow} only")]
    Method {
        /// The methods that it is for, as an `Allow` field has them.
        allow: String,
    },
}

impl Routes {
    /// A table of these routes; each route's `id` is set to its place.
    ///
    /// # Errors
    /// Every route that cannot be in it.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<RoutesError>> {
        let routes: Vec<Arc<Route>> = routes
            .into_iter()
            .enumerate()
            .map(|(id, route)| Arc::new(Route { id, ..route }))
            .collect();
        let (named, mut errors) = by_pattern(&routes);
        let mut table = Self {
            routes,
            hosts: HashMap::new(),
            any_host: Router::new(),
        };
        for ((host, path), routes) in with_what_catch_alls_cover(named) {
            let id = routes.first().map_or(0, |route| route.id);
            if let Err(error) = table.router(host).insert(path, routes) {
                errors.push(RoutesError::Path {
                    route: id,
                    why: error.to_string(),
                });
            }
        }
        if errors.is_empty() {
            Ok(table)
        } else {
            Err(errors)
        }
    }

    /// The routes, each at the place of its `id`.
    #[must_use]
    pub fn all(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The route for a request; `host` and `path` are canonical, and `visit` is made only where a
    /// filter looks at it.
    ///
    /// # Errors
    /// [`NoRoute`] when there is none.
    pub fn find<'v>(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        visit: impl FnOnce() -> Visit<'v>,
    ) -> Result<&Arc<Route>, NoRoute> {
        let routes = self.of_pattern(host, path)?;
        // Most routes have no filter.
        if routes.iter().all(|route| route.when.is_empty()) {
            return choose(routes, method, |_| true);
        }
        let visit = visit();
        choose(routes, method, |route| route.when.holds(&visit))
    }

    /// Every route of the most specific pattern for `host` and `path`, in their order.
    ///
    /// # Errors
    /// [`NoRoute::NotFound`] when no pattern fits.
    pub fn of_pattern(&self, host: &str, path: &str) -> Result<&Vec<Arc<Route>>, NoRoute> {
        let of_host = self.hosts.get(host).and_then(|router| router.at(path).ok());
        let matched = match of_host {
            Some(matched) => matched,
            None => self.any_host.at(path).map_err(|_| NoRoute::NotFound)?,
        };
        Ok(matched.value)
    }

    fn router(&mut self, host: Option<Box<str>>) -> &mut Router<Methods> {
        match host {
            None => &mut self.any_host,
            Some(host) => self.hosts.entry(host).or_default(),
        }
    }
}

/// The routes by host and compiled pattern.
type Patterns = BTreeMap<(Option<Box<str>>, String), Methods>;

fn by_pattern(routes: &[Arc<Route>]) -> (Patterns, Vec<RoutesError>) {
    let mut patterns = Patterns::new();
    let mut errors = Vec::new();
    for route in routes {
        let path = match pattern::compile(&route.path) {
            Ok(path) => path,
            Err(error) => {
                errors.push(RoutesError::Path {
                    route: route.id,
                    why: error.to_string(),
                });
                continue;
            }
        };
        let others = patterns.entry((route.host.clone(), path)).or_default();
        match others.iter().find(|other| overlap(other, route)) {
            Some(other) => errors.push(RoutesError::Same {
                route: route.id,
                other: other.id,
            }),
            None => others.push(Arc::clone(route)),
        }
    }
    (patterns, errors)
}

/// Adds the paths that a catch-all guards beyond its pattern, unless another route names them.
fn with_what_catch_alls_cover(mut named: Patterns) -> Patterns {
    let covered: Vec<_> = named
        .iter()
        .flat_map(|((host, path), routes)| {
            pattern::also_covered(path)
                .into_iter()
                .map(|path| ((host.clone(), path), routes.clone()))
        })
        .collect();
    for (key, routes) in covered {
        named.entry(key).or_insert(routes);
    }
    named
}

impl Route {
    /// Whether this route is for `method`; what is for GET is for HEAD (RFC 9110 §9.3.2).
    #[must_use]
    pub fn takes(&self, method: &Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| {
            methods.contains(method) || (method == Method::HEAD && methods.contains(&Method::GET))
        })
    }
}

/// The first of `routes` that is for `method` and fits.
fn choose<'t>(
    routes: &'t Methods,
    method: &Method,
    fits: impl Fn(&Route) -> bool,
) -> Result<&'t Arc<Route>, NoRoute> {
    let mut all = routes.iter();
    if let Some(route) = all.find(|route| route.takes(method) && fits(route)) {
        return Ok(route);
    }
    let fitting: Vec<_> = routes.iter().filter(|route| fits(route)).collect();
    if fitting.is_empty() {
        return Err(NoRoute::Filtered);
    }
    let allow = allow(&fitting);
    Err(NoRoute::Method { allow })
}

/// Whether no request comes to `other`, because `one` is written before it. The filters of one do not
/// hold for every request, so another may stand behind it.
fn overlap(one: &Route, other: &Route) -> bool {
    if !one.when.is_empty() && one.when != other.when {
        return false;
    }
    match (&one.methods, &other.methods) {
        (None, _) | (_, None) => true,
        (Some(some), Some(others)) => some.iter().any(|method| others.contains(method)),
    }
}

fn allow(routes: &[&Arc<Route>]) -> String {
    let mut names: Vec<&str> = routes
        .iter()
        .flat_map(|r| r.methods.iter().flatten())
        .map(Method::as_str)
        .collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    names.join(", ")
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
