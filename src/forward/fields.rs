//! Where the fields of a head are written.

use http::{HeaderName, HeaderValue};

use crate::identity::IdentityHeaders;

/// A head that is being written.
pub(super) trait Fields {
    /// Adds a field that is there already.
    fn field(&mut self, name: &HeaderName, value: &HeaderValue);

    /// Adds a field whose value is being said.
    fn said(&mut self, name: HeaderName, value: &[u8]);

    /// Adds who it is that asks.
    fn identity(&mut self, identity: &IdentityHeaders<'_>);
}

/// Lines of HTTP/1.
impl Fields for Vec<u8> {
    fn field(&mut self, name: &HeaderName, value: &HeaderValue) {
        field(self, name.as_str(), value.as_bytes());
    }

    fn said(&mut self, name: HeaderName, value: &[u8]) {
        field(self, name.as_str(), value);
    }

    fn identity(&mut self, identity: &IdentityHeaders<'_>) {
        identity.write(self);
    }
}

/// Writes `name: value`. Neither can hold a line end: their types see to it.
pub(super) fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
