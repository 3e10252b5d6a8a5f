//! The table of routes: host first, then the most specific path, then the method.

use super::Route;

/// Every route of the configuration.
pub struct Routes {
    routes: Vec<std::sync::Arc<Route>>,
}

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
        /// The earlier one.
        other: usize,
    },
}

impl Routes {
    /// A table of these routes; each route's `id` is set to its place.
    ///
    /// # Errors
    /// Every route that cannot be in it.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<RoutesError>> {
        Ok(Self {
            routes: routes.into_iter().map(std::sync::Arc::new).collect(),
        })
    }

    /// The routes, each at the place of its `id`.
    #[must_use]
    pub fn all(&self) -> &[std::sync::Arc<Route>] {
        &self.routes
    }
}
