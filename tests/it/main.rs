//! Integration tests: one binary.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod vectors;
