//! The tokens of the demo: good ones, and every common kind of bad one.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use super::keys::{KeyError, Keys};
use crate::clock::UnixTime;

/// The audience that the gateway of the demo asks for.
pub(super) const AUDIENCE: &str = "https://api.example.com";
/// The client whose tokens it takes.
pub(super) const CLIENT: &str = "orders-web";
/// How long a token is good, in seconds.
pub(super) const LIFETIME: i64 = 3600;

/// A kind of token that the issuer hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Good in every respect, signed with ES256.
    Valid,
    /// Good, signed with RS256.
    Rs256,
    /// Good, signed with Ed25519.
    Eddsa,
    /// Good, from the second trusted issuer.
    Partner,
    /// It expired an hour ago.
    Expired,
    /// It becomes good in an hour.
    NotYetValid,
    /// For another API.
    WrongAudience,
    /// For a client that is not on the list.
    WrongClient,
    /// Its `typ` says that it is a logout token.
    WrongType,
    /// It names the issuer's key, but somebody else signed it.
    Forged,
    /// It names the issuer, but the second issuer's key signed it.
    OtherKey,
    /// The issuer's key signed it, but it names an issuer that nobody trusts.
    OtherIssuer,
    /// `alg` is `none`.
    Unsigned,
    /// Good, but it may do nothing.
    NoScope,
}

/// A name that is no [`Kind`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownKind;

/// Who signs in whose name.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// The `iss` of the issuer.
    pub(super) issuer: &'a str,
    /// The `iss` of the second issuer.
    pub(super) partner: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'static str,
    aud: &'static str,
    azp: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(rename = "groupIds")]
    groups: [&'static str; 2],
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
    jti: String,
}

impl Kind {
    /// Every kind, good ones first.
    pub(super) const ALL: [Self; 14] = [
        Self::Valid,
        Self::Rs256,
        Self::Eddsa,
        Self::Partner,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongAudience,
        Self::WrongClient,
        Self::WrongType,
        Self::Forged,
        Self::OtherKey,
        Self::OtherIssuer,
        Self::Unsigned,
        Self::NoScope,
    ];

    /// Its name in `/token?kind=`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Rs256 => "rs256",
            Self::Eddsa => "eddsa",
            Self::Partner => "partner",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongAudience => "wrong-audience",
            Self::WrongClient => "wrong-client",
            Self::WrongType => "wrong-type",
            Self::Forged => "forged",
            Self::OtherKey => "other-key",
            Self::OtherIssuer => "other-issuer",
            Self::Unsigned => "unsigned",
            Self::NoScope => "no-scope",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(UnknownKind)
    }
}

/// A token of `kind` as a compact JWS (RFC 7515 §7.1).
///
/// # Errors
/// [`KeyError`] when a key does not sign.
pub(super) fn mint(
    kind: Kind,
    keys: &Keys,
    names: Names<'_>,
    now: UnixTime,
) -> Result<String, KeyError> {
    let mut claims = Claims::of(names.issuer, now)?;
    let mut typ = "at+jwt";
    let mut key = &keys.current;
    let mut kid = key.id();
    match kind {
        Kind::Valid => {}
        Kind::Rs256 => (key, kid) = (&keys.rs256, keys.rs256.id()),
        Kind::Eddsa => (key, kid) = (&keys.eddsa, keys.eddsa.id()),
        Kind::Partner => {
            claims.iss = names.partner;
            (key, kid) = (&keys.partner, keys.partner.id());
        }
        Kind::Expired => {
            claims.iat = now.plus(-2 * LIFETIME).0;
            claims.exp = now.plus(-LIFETIME).0;
        }
        Kind::NotYetValid => {
            claims.nbf = Some(now.plus(LIFETIME).0);
            claims.exp = now.plus(2 * LIFETIME).0;
        }
        Kind::WrongAudience => claims.aud = "https://other.example.com",
        Kind::WrongClient => claims.azp = "batch-job",
        Kind::WrongType => typ = "logout+jwt",
        Kind::Forged => key = &keys.stranger,
        Kind::OtherKey => (key, kid) = (&keys.partner, keys.partner.id()),
        Kind::OtherIssuer => claims.iss = "https://elsewhere.example.com",
        Kind::Unsigned => return unsigned(&claims),
        Kind::NoScope => claims.scope = None,
    }
    key.sign(typ, kid, &claims)
}

/// An unsecured JWT (RFC 7519 §6), which no library here will make.
fn unsigned(claims: &Claims<'_>) -> Result<String, KeyError> {
    let claims = serde_json::to_vec(claims).map_err(jsonwebtoken::errors::Error::from)?;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    Ok(format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims)))
}

impl<'a> Claims<'a> {
    fn of(issuer: &'a str, now: UnixTime) -> Result<Self, KeyError> {
        let mut id = [0_u8; 8];
        aws_lc_rs::rand::fill(&mut id)?;
        Ok(Self {
            iss: issuer,
            sub: "alice",
            aud: AUDIENCE,
            azp: CLIENT,
            scope: Some("orders:read orders:write"),
            groups: ["staff", "buyers"],
            iat: now.0,
            nbf: None,
            exp: now.plus(LIFETIME).0,
            jti: format!("{:016x}", u64::from_be_bytes(id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const NAMES: Names<'_> = Names {
        issuer: "http://issuer",
        partner: "http://issuer/partner",
    };
    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn part(token: &str, number: usize) -> Value {
        let part = token.split('.').nth(number).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    /// Whether one of `published` with the token's own `kid` proves its signature.
    fn proved(token: &str, published: &[&jsonwebtoken::jwk::Jwk]) -> bool {
        let header = jsonwebtoken::decode_header(token).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        published
            .iter()
            .filter(|jwk| jwk.common.key_id == header.kid)
            .any(|jwk| {
                let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
                jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, header.alg)
                    .unwrap()
            })
    }

    #[test]
    fn every_name_is_its_kind_and_no_other_is() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("Valid".parse::<Kind>(), Err(UnknownKind));
        assert_eq!("".parse::<Kind>(), Err(UnknownKind));
    }

    #[test]
    fn only_the_issuers_own_signatures_are_good_under_its_keys() {
        let keys = Keys::generate().unwrap();
        for kind in Kind::ALL {
            let good = match kind {
                Kind::Unsigned => continue,
                Kind::Forged | Kind::OtherKey | Kind::Partner => false,
                _ => true,
            };
            let token = mint(kind, &keys, NAMES, NOW).unwrap();
            assert_eq!(proved(&token, &keys.published()), good, "{kind:?}");
        }
        let token = mint(Kind::Partner, &keys, NAMES, NOW).unwrap();
        assert!(proved(&token, &keys.partner_published()));
    }

    #[test]
    fn after_a_rotation_the_old_tokens_are_good_and_after_two_they_are_not() {
        let mut keys = Keys::generate().unwrap();
        let old = mint(Kind::Valid, &keys, NAMES, NOW).unwrap();
        keys.rotate().unwrap();
        let new = mint(Kind::Valid, &keys, NAMES, NOW).unwrap();
        assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
        assert!(proved(&old, &keys.published()));
        assert!(proved(&new, &keys.published()));
        keys.rotate().unwrap();
        assert!(!proved(&old, &keys.published()));
        assert!(proved(&new, &keys.published()));
    }

    #[test]
    fn each_bad_kind_differs_from_the_valid_one_in_its_own_way() {
        let keys = Keys::generate().unwrap();
        let claims = |kind| part(&mint(kind, &keys, NAMES, NOW).unwrap(), 1);
        let valid = claims(Kind::Valid);
        assert_eq!(valid["iss"], NAMES.issuer);
        assert_eq!(valid["exp"], NOW.0 + LIFETIME);
        assert_eq!(valid["scope"], "orders:read orders:write");
        assert!(claims(Kind::Expired)["exp"].as_i64().unwrap() < NOW.0);
        assert!(claims(Kind::NotYetValid)["nbf"].as_i64().unwrap() > NOW.0);
        assert_ne!(claims(Kind::WrongAudience)["aud"], valid["aud"]);
        assert_ne!(claims(Kind::WrongClient)["azp"], valid["azp"]);
        assert_ne!(claims(Kind::OtherIssuer)["iss"], valid["iss"]);
        assert_eq!(claims(Kind::OtherKey)["iss"], valid["iss"]);
        assert_eq!(claims(Kind::NoScope).get("scope"), None);
        let logout = mint(Kind::WrongType, &keys, NAMES, NOW).unwrap();
        assert_eq!(part(&logout, 0)["typ"], "logout+jwt");
        let unsigned = mint(Kind::Unsigned, &keys, NAMES, NOW).unwrap();
        assert_eq!(part(&unsigned, 0)["alg"], "none");
        assert!(unsigned.ends_with('.'));
    }
}
