//! Integration tests: one binary.

#[cfg(test)]
mod access;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod documents;
#[cfg(test)]
#[allow(
    dead_code,
    unused_imports,
    reason = "the cases that use it are on their way"
)]
mod harness;
#[cfg(test)]
mod jose;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod smoke;
#[cfg(test)]
mod token_place;
#[cfg(test)]
mod vectors;
