//! The table of routes.
/// x
pub struct Routes;
/// x
pub struct RoutesError;
