//! The request's target in its one canonical form, which is matched and forwarded.
/// x
pub struct Target;
/// x
pub struct TargetError;
