//! Subjects that can be told apart and not be read.

use aws_lc_rs::{hmac, rand};

use super::{Event, Subject};

/// How subjects are told.
pub(super) enum Pseudonyms {
    /// Not at all.
    None,
    /// As they are.
    Plain,
    /// Under a keyed hash.
    Hashed(Box<hmac::Key>),
}

/// How much of a hash is told, in bytes: nobody finds two subjects with the same.
const LENGTH: usize = 16;

impl Pseudonyms {
    pub(super) fn new(subject: &Subject) -> Self {
        match subject {
            Subject::None => Self::None,
            Subject::Plain => Self::Plain,
            Subject::Hash(Some(key)) => Self::hashed(key.expose_secret()),
            Subject::Hash(None) => {
                let mut key = [0; 32];
                match rand::fill(&mut key) {
                    Ok(()) => Self::hashed(&key),
                    // Rather none than one that can be guessed.
                    Err(_) => Self::None,
                }
            }
        }
    }

    fn hashed(key: &[u8]) -> Self {
        Self::Hashed(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// What is told of the event's subject. The same subject of another issuer is somebody else.
    pub(super) fn of(&self, event: &Event) -> Option<String> {
        let subject = event.subject.as_deref()?;
        match self {
            Self::None => None,
            Self::Plain => Some(subject.to_owned()),
            Self::Hashed(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(event.issuer.as_deref().unwrap_or_default().as_bytes());
                context.update(&[0]);
                context.update(subject.as_bytes());
                let tag = context.sign();
                let tag = tag.as_ref().get(..LENGTH)?;
                Some(tag.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_subject_is_the_same_one_under_the_same_key_and_issuer_only() {
        let told = |key: &str, issuer: &str, subject: &str| {
            let key = Secret::new(key.as_bytes().to_vec());
            let event = Event {
                issuer: Some(issuer.into()),
                subject: Some(subject.into()),
                ..Event::default()
            };
            Pseudonyms::new(&Subject::Hash(Some(key)))
                .of(&event)
                .unwrap()
        };
        let alice = told("0123456789abcdef", "https://a", "alice");
        assert_eq!(alice, told("0123456789abcdef", "https://a", "alice"));
        assert_eq!(alice.len(), 32);
        for (key, issuer, subject) in [
            ("0123456789abcdeX", "https://a", "alice"),
            ("0123456789abcdef", "https://b", "alice"),
            ("0123456789abcdef", "https://a", "alicf"),
        ] {
            assert_ne!(alice, told(key, issuer, subject));
        }
    }
}
