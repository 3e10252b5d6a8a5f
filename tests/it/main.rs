//! Integration tests: one binary.

mod vectors;
