//! Time: `exp`, `nbf`, `iat` and `max_age`.
