//! Which certificate a client sees: chosen by the name that it asks for (SNI, RFC 6066 §3).

use std::{collections::HashMap, fmt, sync::Arc};

use rustls::{
    SignatureScheme,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use smallvec::SmallVec;

/// Certificates by name. The first is for those who ask for none, or for one that nobody has.
pub(super) struct Names {
    first: Arc<CertifiedKey>,
    exact: HashMap<Box<str>, Keys>,
    /// Without their `*.`: one label stands in front.
    wildcards: HashMap<Box<str>, Keys>,
}

/// The certificates of one name, such as one with an elliptic curve and one with RSA.
type Keys = SmallVec<[Arc<CertifiedKey>; 1]>;

impl Names {
    pub(super) fn new(first: Arc<CertifiedKey>) -> Self {
        Self {
            first,
            exact: HashMap::new(),
            wildcards: HashMap::new(),
        }
    }

    /// Shows `key` to those who ask for `name`, which is in lower case.
    pub(super) fn add(&mut self, name: &str, key: &Arc<CertifiedKey>) {
        let (names, name) = match name.strip_prefix("*.") {
            Some(behind) => (&mut self.wildcards, behind),
            None => (&mut self.exact, name),
        };
        let keys = names.entry(name.into()).or_default();
        keys.push(Arc::clone(key));
    }

    /// The certificate for `name`: exact before wildcard, and one that the client can verify if there is
    /// one.
    fn find(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> &Arc<CertifiedKey> {
        let Some(name) = name.map(str::to_ascii_lowercase) else {
            return &self.first;
        };
        let name = name.strip_suffix('.').unwrap_or(&name);
        let wildcard = || self.wildcards.get(name.split_once('.')?.1);
        let Some(keys) = self.exact.get(name).or_else(wildcard) else {
            return &self.first;
        };
        keys.iter()
            .find(|key| key.key.choose_scheme(schemes).is_some())
            .or(keys.first())
            .unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = self.find(hello.server_name(), hello.signature_schemes());
        Some(Arc::clone(key))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.exact.keys().chain(self.wildcards.keys()).collect();
        f.debug_tuple("Names").field(&names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::identity, *};

    #[test]
    fn exact_before_wildcard_before_the_first() {
        let keys = ["first", "exact", "wild"].map(|name| identity(&[name]).key);
        let [first, exact, wild] = &keys;
        let mut names = Names::new(Arc::clone(first));
        names.add("first.example", first);
        names.add("a.example", exact);
        names.add("*.example", wild);
        let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
        for (name, key) in [
            (None, first),
            (Some("a.example"), exact),
            (Some("A.Example."), exact),
            (Some("b.example"), wild),
            (Some("c.b.example"), first),
            (Some("example"), first),
            (Some("first.example"), first),
        ] {
            assert!(Arc::ptr_eq(names.find(name, &schemes), key), "{name:?}");
        }
        // Nobody can verify it with this, and the handshake will say so.
        let rsa = [SignatureScheme::RSA_PSS_SHA256];
        assert!(Arc::ptr_eq(names.find(Some("a.example"), &rsa), exact));
    }
}
