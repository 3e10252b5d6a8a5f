//! A private JWK (RFC 7517, RFC 7518 §6, RFC 8037, RFC 9964), read strictly.

use aws_lc_rs::{
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    SigningKey, SigningKeyError,
    key::Labels,
    pair::{self, CURVES, ML_DSA, Pair},
};
use crate::{jose::Algorithm, secret::Secret};

type Bytes = Zeroizing<Vec<u8>>;

/// The first byte of a point that is not compressed (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The object of a key.
#[derive(Clone, Copy)]
struct Members<'j>(&'j Map<String, Value>);

/// The key that `jwk` is.
pub(super) fn read(jwk: &Value, wanted: Option<Algorithm>) -> Result<SigningKey, SigningKeyError> {
    let members = Members(jwk.as_object().ok_or(SigningKeyError::NoKey)?);
    if members.0.contains_key("keys") {
        return Err(SigningKeyError::Set);
    }
    members.refuse_other_purposes()?;
    let alg = members.algorithm()?;
    let kid = members.optional("kid")?.map(Box::from);
    let pair = match members.string("kty")? {
        "RSA" => rsa(members)?,
        "EC" => ec(members)?,
        "OKP" => okp(members)?,
        "AKP" => akp(members, alg)?,
        "oct" => {
            let key = secret(members, wanted, alg)?;
            return Ok(match kid {
                Some(kid) => key.with_kid(kid),
                None => key,
            });
        }
        _ => return Err(SigningKeyError::Kind("kty")),
    };
    SigningKey::of_pair(pair, wanted, Labels { kid, alg })
}

fn rsa(members: Members<'_>) -> Result<Pair, SigningKeyError> {
    if members.0.contains_key("oth") {
        return Err(SigningKeyError::Kind("oth"));
    }
    let number = |name| members.bytes(name);
    let (n, e, d) = (number("n")?, number("e")?, number("d")?);
    let (p, q) = (number("p")?, number("q")?);
    let (dp, dq, qi) = (number("dp")?, number("dq")?, number("qi")?);
    let components = KeyPairComponents {
        public_key: PublicKeyComponents {
            n: without_zeros(&n),
            e: without_zeros(&e),
        },
        d: d.as_slice(),
        p: p.as_slice(),
        q: q.as_slice(),
        dP: dp.as_slice(),
        dQ: dq.as_slice(),
        qInv: qi.as_slice(),
    };
    RsaKeyPair::from_components(&components)
        .map(Pair::Rsa)
        .map_err(|error| pair::rejected(&error))
}

fn ec(members: Members<'_>) -> Result<Pair, SigningKeyError> {
    let name = members.string("crv")?;
    let curve = CURVES.iter().find(|curve| curve.name == name);
    let curve = curve.ok_or(SigningKeyError::Kind("crv"))?;
    let exact = |name: &'static str| {
        let bytes = members.bytes(name)?;
        let fits = bytes.len() == curve.coordinate;
        fits.then_some(bytes)
            .ok_or(SigningKeyError::Malformed(name))
    };
    let (d, x, y) = (exact("d")?, exact("x")?, exact("y")?);
    let point = [&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat();
    EcdsaKeyPair::from_private_key_and_public_key(curve.signing, &d, &point)
        .map(Pair::Ecdsa)
        .map_err(|_| SigningKeyError::Invalid)
}

fn okp(members: Members<'_>) -> Result<Pair, SigningKeyError> {
    if members.string("crv")? != "Ed25519" {
        return Err(SigningKeyError::Kind("crv"));
    }
    let (d, x) = (members.bytes("d")?, members.bytes("x")?);
    Ed25519KeyPair::from_seed_and_public_key(&d, &x)
        .map(Pair::Ed25519)
        .map_err(|_| SigningKeyError::Invalid)
}

/// `priv` is the seed (RFC 9964 §3).
fn akp(members: Members<'_>, alg: Option<Algorithm>) -> Result<Pair, SigningKeyError> {
    let alg = alg.ok_or(SigningKeyError::Missing("alg"))?;
    let set = ML_DSA.iter().find(|(own, _)| *own == alg);
    let (_, signing) = set.ok_or(SigningKeyError::Kind("alg"))?;
    let (seed, public) = (members.bytes("priv")?, members.bytes("pub")?);
    let pair =
        PqdsaKeyPair::from_seed(signing, &seed).map_err(|_| SigningKeyError::Malformed("priv"))?;
    if pair.public_key().as_ref() == public.as_slice() {
        Ok(Pair::MlDsa(pair))
    } else {
        Err(SigningKeyError::Invalid)
    }
}

fn secret(
    members: Members<'_>,
    wanted: Option<Algorithm>,
    alg: Option<Algorithm>,
) -> Result<SigningKey, SigningKeyError> {
    let algorithm = match (wanted, alg) {
        (Some(wanted), Some(own)) if wanted != own => {
            let possible = std::iter::once(own).collect();
            return Err(SigningKeyError::Algorithm { wanted, possible });
        }
        (wanted, own) => wanted.or(own).ok_or(SigningKeyError::NoAlgorithm)?,
    };
    let secret = Secret::new(members.bytes("k")?.to_vec());
    SigningKey::from_secret(&secret, algorithm)
}

/// A number as the library wants it: RFC 7518 §2 forbids leading zeros, and many write one.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

impl<'j> Members<'j> {
    fn optional(self, name: &'static str) -> Result<Option<&'j str>, SigningKeyError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(SigningKeyError::Malformed(name)),
        }
    }

    fn string(self, name: &'static str) -> Result<&'j str, SigningKeyError> {
        self.optional(name)?.ok_or(SigningKeyError::Missing(name))
    }

    /// The bytes that `name` encodes: at least one.
    fn bytes(self, name: &'static str) -> Result<Bytes, SigningKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(self.string(name)?);
        match bytes.map(Zeroizing::new) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(SigningKeyError::Malformed(name)),
        }
    }

    fn algorithm(self) -> Result<Option<Algorithm>, SigningKeyError> {
        let name = self.optional("alg")?;
        name.map(|name| name.parse().map_err(|_| SigningKeyError::Kind("alg")))
            .transpose()
    }

    /// Refuses a key whose `use` or `key_ops` says that it is for something else.
    fn refuse_other_purposes(self) -> Result<(), SigningKeyError> {
        if self
            .optional("use")?
            .is_some_and(|purpose| purpose != "sig")
        {
            return Err(SigningKeyError::Purpose("use"));
        }
        match self.0.get("key_ops") {
            None => Ok(()),
            Some(Value::Array(names)) if names.iter().any(|name| name == "sign") => Ok(()),
            Some(Value::Array(_)) => Err(SigningKeyError::Purpose("key_ops")),
            Some(_) => Err(SigningKeyError::Malformed("key_ops")),
        }
    }
}
