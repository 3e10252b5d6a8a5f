//! Integration tests: one binary.

#[cfg(test)]
mod access;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod forward;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod jose;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lifecycle;
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
