//! Required claims, and claims restricted to a list of values.
