//! The step from [`Unverified`] to [`Verified`]: the signature.

use std::{fmt, sync::Arc};

use super::{
    compact::Unverified,
    header::Header,
    json::Object,
    jwk::{BadSignature, Key, Thumbprint},
};

/// A token whose signature one of its issuer's keys made. Cloning shares it.
#[derive(Clone)]
pub struct Verified(Arc<Proof>);

struct Proof {
    header: Header,
    claims: Object,
    key: Arc<Key>,
}

/// Verifies `token` with the first of `keys` that fits. The caller bounds how many there are.
///
/// # Errors
/// [`BadSignature`] when none of them does.
pub fn verify(token: Unverified<'_>, keys: &[Arc<Key>]) -> Result<Verified, BadSignature> {
    let algorithm = token.header.algorithm();
    let key = keys
        .iter()
        .find(|key| {
            key.verify(algorithm, token.signing_input, &token.signature)
                .is_ok()
        })
        .ok_or(BadSignature)?;
    let proof = Proof {
        header: token.header.selector(),
        claims: token.claims,
        key: Arc::clone(key),
    };
    Ok(Verified(Arc::new(proof)))
}

impl Verified {
    /// `alg` and `kid`, now protected by the signature. `typ`, `cty` and `crit` were looked at before it and
    /// are kept no longer.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// The claims: signed, but not yet checked against anyone's rules.
    #[must_use]
    pub fn claims(&self) -> &Object {
        &self.0.claims
    }

    /// Which key made the signature.
    #[must_use]
    pub fn key(&self) -> Thumbprint {
        self.0.key.thumbprint()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::jose::{
        Algorithm, compact,
        fixtures::{ED25519, P256, P384, P521, RSA, SECP256K1, SECRET, Signer, signers},
    };

    fn prove(token: &str, signers: &[&Signer]) -> Result<Verified, BadSignature> {
        let keys: Vec<_> = signers
            .iter()
            .map(|signer| Arc::new(signer.key()))
            .collect();
        verify(compact::parse(token.as_bytes(), 8192).unwrap(), &keys)
    }

    fn token(signer: &Signer, algorithm: Algorithm) -> String {
        let header = json!({"alg": algorithm.name(), "kid": "k"});
        signer.token(algorithm, &header, &json!({"iss": "joe"}))
    }

    #[test]
    fn a_token_is_proved_by_the_first_key_that_fits() {
        for signer in signers() {
            for algorithm in signer.key().algorithms().iter() {
                let verified = prove(&token(signer, algorithm), &signers()).unwrap();
                assert_eq!(verified.key(), signer.key().thumbprint());
                assert_eq!(verified.header().algorithm(), algorithm);
                assert_eq!(verified.header().kid(), Some("k"));
                assert_eq!(
                    verified.claims().get("iss").unwrap().string().unwrap(),
                    "joe"
                );
                assert_eq!(format!("{verified:?}"), "Verified([redacted])");
                let others: Vec<_> = signers()
                    .into_iter()
                    .filter(|other| other.jwk != signer.jwk)
                    .collect();
                let refused = prove(&token(signer, algorithm), &others).unwrap_err();
                assert_eq!(refused, BadSignature);
            }
        }
    }

    #[test]
    fn no_key_proves_nothing() {
        let good = token(&P256, Algorithm::Es256);
        assert!(prove(&good, &[&P256]).is_ok());
        assert_eq!(prove(&good, &[]).unwrap_err(), BadSignature);
    }

    #[test]
    fn header_and_payload_are_under_the_signature() {
        let good = token(&P256, Algorithm::Es256);
        let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
        assert!(prove(&format!("{header}.{payload}.{signature}"), &[&P256]).is_ok());
        let other = P256.token(
            Algorithm::Es256,
            &json!({"alg": "ES256", "kid": "other"}),
            &json!({"iss": "eve"}),
        );
        let [other_header, other_payload, _] =
            other.split('.').collect::<Vec<_>>().try_into().unwrap();
        for forged in [
            format!("{other_header}.{payload}.{signature}"),
            format!("{header}.{other_payload}.{signature}"),
        ] {
            assert_eq!(prove(&forged, &[&P256]).unwrap_err(), BadSignature);
        }
    }

    #[test]
    fn the_header_names_the_scheme_and_the_key_decides_whether_it_may() {
        // Signed well, and labelled as something else.
        for (signer, signed, claimed) in [
            (&RSA, Algorithm::Rs256, "PS256"),
            (&RSA, Algorithm::Ps256, "RS256"),
            (&RSA, Algorithm::Rs256, "RS512"),
            (&RSA, Algorithm::Rs256, "HS256"),
            (&P256, Algorithm::Es256, "ES256K"),
            (&SECP256K1, Algorithm::Es256k, "ES256"),
            (&P384, Algorithm::Es384, "ES512"),
            (&P521, Algorithm::Es512, "ES384"),
            (&ED25519, Algorithm::EdDsa, "ES256"),
            (&SECRET, Algorithm::Hs512, "HS256"),
        ] {
            let header = json!({"alg": claimed});
            let forged = signer.token(signed, &header, &json!({}));
            assert_eq!(
                prove(&forged, &signers()).unwrap_err(),
                BadSignature,
                "{claimed}"
            );
            let honest = signer.token(signed, &json!({"alg": signed.name()}), &json!({}));
            assert!(prove(&honest, &signers()).is_ok());
        }
    }

    #[test]
    fn tokens_of_another_implementation_verify_and_mislabelled_ones_do_not() {
        use jsonwebtoken::{Algorithm as Theirs, EncodingKey, Header, encode};
        let rsa = EncodingKey::from_rsa_der(&RSA.private_der());
        let secret = EncodingKey::from_secret(&SECRET.private_der());
        for (theirs, private, signer) in [
            (Theirs::HS256, &secret, &SECRET),
            (Theirs::HS384, &secret, &SECRET),
            (Theirs::HS512, &secret, &SECRET),
            (Theirs::RS256, &rsa, &RSA),
            (Theirs::RS384, &rsa, &RSA),
            (Theirs::RS512, &rsa, &RSA),
            (Theirs::PS256, &rsa, &RSA),
            (Theirs::PS384, &rsa, &RSA),
            (Theirs::PS512, &rsa, &RSA),
            (
                Theirs::ES256,
                &EncodingKey::from_ec_der(&P256.private_der()),
                &P256,
            ),
            (
                Theirs::ES384,
                &EncodingKey::from_ec_der(&P384.private_der()),
                &P384,
            ),
            (
                Theirs::EdDSA,
                &EncodingKey::from_ed_der(&ED25519.private_der()),
                &ED25519,
            ),
        ] {
            let claims = json!({"iss": "joe", "sub": "é"});
            let token = encode(&Header::new(theirs), &claims, private).unwrap();
            let verified = prove(&token, &[signer]).unwrap();
            assert_eq!(
                Value::Object(verified.claims().to_map()),
                claims,
                "{theirs:?}"
            );
            let (_, rest) = token.split_once('.').unwrap();
            for claimed in Algorithm::ALL {
                let header = crate::jose::fixtures::encoded(format!("{{\"alg\":\"{claimed}\"}}"));
                let forged = format!("{header}.{rest}");
                assert_eq!(
                    prove(&forged, &signers()).unwrap_err(),
                    BadSignature,
                    "{claimed}"
                );
            }
        }
    }
}
