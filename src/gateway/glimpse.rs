//! What a token says of itself, for an operator who wonders why it was refused. Nothing of it is proved, and
//! nothing is decided by it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Note, words};
use crate::{
    claims::{ClaimPath, Evidence},
    jose::json::Object,
};

/// The header and the claims of a token that was refused, as far as they can be read.
pub struct Glimpse {
    header: Option<Object>,
    /// Of an encrypted token there are none.
    claims: Option<Object>,
}

/// The longest token that is looked into, in bytes.
const LONGEST: usize = 64 * 1024;

impl Glimpse {
    pub(super) fn of(token: &[u8]) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').take(6).collect();
        let object = |part: &[u8]| Object::parse(URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (header, claims) = match *parts.as_slice() {
            [header, payload, _] => (object(header), object(payload)),
            [header, _, _, _, _] => (object(header), None),
            _ => return None,
        };
        Some(Self { header, claims })
    }
}

impl Note {
    /// The claims of its token: proved, or not.
    pub(super) fn claims(&self) -> Option<&Object> {
        match &self.proof {
            Some(proof) => Some(proof.evidence.claims()),
            None => self.glimpse.as_ref()?.claims.as_ref(),
        }
    }

    /// The values of a claim of its token.
    pub(super) fn claim(&self, path: &ClaimPath) -> Vec<String> {
        let value = self.claims().and_then(|claims| path.find(claims));
        value.map(|value| words::values(&value)).unwrap_or_default()
    }

    /// The member `name` of its token's header. Of a token that was proved, `typ` is not kept.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        if let Some(proof) = &self.proof {
            let Evidence::Signed(verified) = &proof.evidence else {
                return None;
            };
            let header = verified.header();
            return match name {
                "alg" => Some(header.algorithm().to_string()),
                "kid" => header.kid().map(words::one),
                _ => None,
            };
        }
        let value = self.glimpse.as_ref()?.header.as_ref()?.get(name)?;
        Some(words::values(&value).join(", "))
    }

    /// Whether anything is known of its token's header.
    pub(super) fn has_header(&self) -> bool {
        let glimpse = self.glimpse.as_ref();
        let proved = self.proof.as_ref();
        proved.is_some_and(|proof| matches!(proof.evidence, Evidence::Signed(_)))
            || glimpse.is_some_and(|glimpse| glimpse.header.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(token: &str) -> Note {
        Note {
            glimpse: Glimpse::of(token.as_bytes()).map(Box::new),
            ..Note::default()
        }
    }

    #[test]
    fn header_and_claims_are_read_as_far_as_they_can_be() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"RS256","kid":7}"#);
        let claims = part(r#"{"aud":["a","b"],"iss":"i"}"#);
        let signed = note(&format!("{header}.{claims}.x"));
        assert_eq!(signed.header("alg").as_deref(), Some("RS256"));
        assert_eq!(signed.header("kid").as_deref(), Some("7"));
        assert_eq!(signed.claim(&"aud".parse().unwrap()), ["a", "b"]);
        assert!(signed.header("typ").is_none());
        let encrypted = note(&format!("{header}....x"));
        assert!(encrypted.has_header() && encrypted.claims().is_none());
        for nothing in ["", "opaque", "a.b.c.d", "....."] {
            assert!(!note(nothing).has_header(), "{nothing}");
        }
        let broken = note(&format!("{header}.{claims}x.x"));
        assert!(broken.has_header() && broken.claims().is_none());
        assert!(Glimpse::of(&vec![b'.'; LONGEST + 1]).is_none());
    }
}
