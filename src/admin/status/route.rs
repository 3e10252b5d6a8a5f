//! What `/status` says of a route.

use serde::Serialize;

use crate::route::Route;

#[derive(Serialize)]
pub(super) struct RouteStatus<'s> {
    route: &'s str,
    /// `None`: every host.
    host: Option<&'s str>,
    path: &'s str,
    /// `None`: every method.
    methods: Option<Vec<&'s str>>,
    /// How many filters it has; what they compare with stays in the configuration.
    filters: usize,
    access: &'static str,
    /// By name; `None`: every active one.
    issuers: Option<Vec<&'s str>>,
    scopes: Vec<&'s str>,
    any_scopes: Vec<&'s str>,
    upstream: &'s str,
}

impl<'s> RouteStatus<'s> {
    pub(super) fn of(route: &'s Route, upstream: &'s str) -> Self {
        let issuers = route.issuers.as_ref().map(|issuers| {
            let mut names: Vec<&str> = issuers.iter().map(AsRef::as_ref).collect();
            names.sort_unstable();
            names
        });
        let methods = route.methods.as_ref();
        Self {
            route: &route.name,
            host: route.host.as_deref(),
            path: &route.path,
            methods: methods.map(|all| all.iter().map(http::Method::as_str).collect()),
            filters: route.when.0.len(),
            access: route.access.name(),
            issuers,
            scopes: route.scopes.iter().map(AsRef::as_ref).collect(),
            any_scopes: route.any_scopes.iter().map(AsRef::as_ref).collect(),
            upstream,
        }
    }
}
