//! A digest of an issuer's settings: the same after a restart, another one after a change.

use std::fmt::{self, Write};

use aws_lc_rs::digest;

use super::Issuer;

/// Hashes what is written.
struct Hashing(digest::Context);

impl Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Issuer {
    /// The SHA-256 of what the configuration says about the issuer, but for its source of keys: whether a
    /// key is still the issuer's is seen when it is used. Another version of the program may have another
    /// digest for the same settings.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        // Every field by name: a setting that is forgotten here would outlive its change.
        let Self {
            name,
            active,
            encryption_required,
            headers,
            rules,
            replay,
            identity,
            keys: _,
            introspection,
        } = self;
        let mut hashing = Hashing(digest::Context::new(&digest::SHA256));
        // The text of `Debug` names every field and escapes every string, so no two settings share one;
        // and what writes into a digest cannot fail.
        let settings = (
            name,
            active,
            encryption_required,
            headers,
            rules,
            replay,
            identity,
            introspection.as_ref().map(|endpoint| endpoint.settings()),
        );
        let _ = write!(hashing, "{settings:?}");
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hashing.0.finish().as_ref());
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        issuer::{
            Replay,
            tests::{issuer, unreachable},
        },
    };

    #[test]
    fn other_settings_have_another_fingerprint_and_the_same_have_not() {
        let settings = || issuer("a", unreachable(), &Clock::system());
        let first = settings().fingerprint();
        assert_eq!(settings().fingerprint(), first);
        let mut changed = settings();
        changed.rules.clock_skew = 1;
        let renamed = issuer("b", unreachable(), &Clock::system());
        let once = Issuer {
            replay: Replay::Reject,
            ..settings()
        };
        for other in [changed, renamed, once] {
            assert_ne!(other.fingerprint(), first);
        }
    }
}
