//! Integration tests: one binary.

#[cfg(test)]
mod deadlines;
#[cfg(test)]
#[allow(
    dead_code,
    unused_imports,
    reason = "the cases that use it are on their way"
)]
mod harness;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod http;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod path;
#[cfg(test)]
mod smoke;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod vectors;
