//! Encrypted tokens for tests, of any shape, made without the gateway's code.

use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, UnparsedPublicKey},
    cipher::{self, EncryptingKey, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey},
    digest,
    encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der},
    hmac,
    iv::FixedLength,
    rand,
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

use super::mint::encoded;

/// Whoever can decrypt.
pub(crate) struct Recipient {
    kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(PrivateDecryptingKey),
    Agreement(agreement::PrivateKey, &'static str),
    Secret(Vec<u8>, String),
}

/// An encrypted token in the making. It begins as a good one; tests change what they are about.
#[derive(Clone)]
pub(crate) struct Envelope<'r> {
    to: &'r Recipient,
    algorithm: String,
    encryption: String,
    header: Map<String, Value>,
    raw_header: Option<String>,
}

impl Recipient {
    pub(crate) fn rsa(kid: &str) -> Self {
        let size = aws_lc_rs::rsa::KeySize::Rsa2048;
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(PrivateDecryptingKey::generate(size).unwrap()),
        }
    }

    /// A key on P-256, P-384, P-521 or X25519.
    pub(crate) fn on(kid: &str, crv: &'static str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: Pair::Agreement(agreement::PrivateKey::generate(curve(crv)).unwrap(), crv),
        }
    }

    /// A secret of `length` bytes for `alg`.
    pub(crate) fn secret(kid: &str, alg: &str, length: usize) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: Pair::Secret(random(length), alg.to_owned()),
        }
    }

    /// A secret that is known already, as base64url.
    pub(crate) fn known(kid: &str, alg: &str, k: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: Pair::Secret(URL_SAFE_NO_PAD.decode(k).unwrap(), alg.to_owned()),
        }
    }

    /// A key on P-256 that is known already, as base64url.
    pub(crate) fn on_p256(kid: &str, d: &str) -> Self {
        let d = URL_SAFE_NO_PAD.decode(d).unwrap();
        let key = agreement::PrivateKey::from_private_key(&agreement::ECDH_P256, &d).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Agreement(key, "P-256"),
        }
    }

    /// The private key as PEM; of RSA keys only.
    pub(crate) fn pem(&self) -> String {
        let Pair::Rsa(key) = &self.pair else {
            panic!("{} is no RSA key", self.kid)
        };
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        )
    }

    /// The private key as a JWK; not of RSA keys.
    pub(crate) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(_) => panic!("{} is an RSA key", self.kid),
            Pair::Agreement(key, crv) => {
                let mut jwk = public_jwk(key, crv);
                jwk["d"] = if *crv == "X25519" {
                    let bytes: Curve25519SeedBin<'_> = key.as_be_bytes().unwrap();
                    encoded(bytes.as_ref()).into()
                } else {
                    let bytes: EcPrivateKeyBin<'_> = key.as_be_bytes().unwrap();
                    encoded(bytes.as_ref()).into()
                };
                jwk["kid"] = self.kid.clone().into();
                jwk
            }
            Pair::Secret(secret, alg) => {
                json!({"kty": "oct", "kid": self.kid, "alg": alg, "k": encoded(secret)})
            }
        }
    }
}

impl<'r> Envelope<'r> {
    /// A good one to `recipient`.
    pub(crate) fn to(to: &'r Recipient, algorithm: &str, encryption: &str) -> Self {
        let header = json!({"alg": algorithm, "enc": encryption, "cty": "JWT", "kid": to.kid});
        Self {
            to,
            algorithm: algorithm.to_owned(),
            encryption: encryption.to_owned(),
            header: header.as_object().unwrap().clone(),
            raw_header: None,
        }
    }

    /// Sets a member of the header; how it is really encrypted stays the same.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name).unwrap();
        self
    }

    /// This very text for a header; not with ECDH-ES, which has to add its key.
    pub(crate) fn raw_header(mut self, header: &str) -> Self {
        self.raw_header = Some(header.to_owned());
        self
    }

    /// The compact serialisation, with `content` inside.
    pub(crate) fn seal(&self, content: impl AsRef<[u8]>) -> String {
        let mut header = self.header.clone();
        let length = key_length(&self.encryption);
        let (cek, encrypted_key) = match &self.to.pair {
            Pair::Rsa(key) => {
                let cek = random(length);
                let wrapped = oaep(key, &self.algorithm, &cek);
                (cek, wrapped)
            }
            Pair::Agreement(key, crv) => self.agree(key, crv, length, &mut header),
            Pair::Secret(secret, _) if self.algorithm == "dir" => (secret.clone(), Vec::new()),
            Pair::Secret(secret, _) => {
                let cek = random(length);
                let wrapped = wrap(secret, &cek);
                (cek, wrapped)
            }
        };
        let text = self.raw_header.clone();
        let header = encoded(text.unwrap_or_else(|| Value::from(header).to_string()));
        let (iv, ciphertext, tag) = if self.encryption.ends_with("GCM") {
            gcm(&cek, header.as_bytes(), content.as_ref())
        } else {
            cbc_hs(&cek, header.as_bytes(), content.as_ref())
        };
        let [key, iv, ciphertext, tag] = [encrypted_key, iv, ciphertext, tag].map(encoded);
        format!("{header}.{key}.{iv}.{ciphertext}.{tag}")
    }

    fn agree(
        &self,
        to: &agreement::PrivateKey,
        crv: &str,
        length: usize,
        header: &mut Map<String, Value>,
    ) -> (Vec<u8>, Vec<u8>) {
        let ephemeral = agreement::PrivateKey::generate(curve(crv)).unwrap();
        header
            .entry("epk")
            .or_insert_with(|| public_jwk(&ephemeral, crv));
        header.insert("apu".to_owned(), encoded("alice").into());
        let public = to.compute_public_key().unwrap();
        let public = UnparsedPublicKey::new(curve(crv), public);
        let derive = |id: &str, length| {
            let secret = |z: &[u8]| Ok(concat_kdf(z, id, b"alice", length));
            agreement::agree(&ephemeral, public.clone(), (), secret).unwrap()
        };
        let wrapping = match self.algorithm.strip_prefix("ECDH-ES+") {
            None => return (derive(&self.encryption, length), Vec::new()),
            Some("A128KW") => 16,
            Some("A192KW") => 24,
            Some(_) => 32,
        };
        let cek = random(length);
        let wrapped = wrap(&derive(&self.algorithm, wrapping), &cek);
        (cek, wrapped)
    }
}

fn curve(crv: &str) -> &'static agreement::Algorithm {
    match crv {
        "P-256" => &agreement::ECDH_P256,
        "P-384" => &agreement::ECDH_P384,
        "P-521" => &agreement::ECDH_P521,
        "X25519" => &agreement::X25519,
        other => panic!("{other} is no curve for agreement"),
    }
}

fn public_jwk(key: &agreement::PrivateKey, crv: &str) -> Value {
    let public = key.compute_public_key().unwrap();
    if crv == "X25519" {
        return json!({"kty": "OKP", "crv": crv, "x": encoded(public)});
    }
    let point = &public.as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y)})
}

fn key_length(encryption: &str) -> usize {
    match encryption {
        "A128GCM" => 16,
        "A192GCM" => 24,
        "A256GCM" | "A128CBC-HS256" => 32,
        "A192CBC-HS384" => 48,
        "A256CBC-HS512" => 64,
        other => panic!("{other} encrypts nothing"),
    }
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).unwrap();
    bytes
}

fn oaep(key: &PrivateDecryptingKey, algorithm: &str, cek: &[u8]) -> Vec<u8> {
    let hash = match algorithm {
        "RSA-OAEP" => &OAEP_SHA1_MGF1SHA1,
        _ => &OAEP_SHA256_MGF1SHA256,
    };
    let key = OaepPublicEncryptingKey::new(key.public_key()).unwrap();
    let mut wrapped = vec![0; key.ciphertext_size()];
    key.encrypt(hash, cek, &mut wrapped, None).unwrap().to_vec()
}

/// RFC 7518 §4.6.2, with an empty PartyVInfo; one or two rounds of SHA-256.
fn concat_kdf(z: &[u8], id: &str, apu: &[u8], length: usize) -> Vec<u8> {
    let mut key = Vec::new();
    for round in 1_u32..=2 {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&round.to_be_bytes());
        context.update(z);
        for field in [id.as_bytes(), apu, b""] {
            context.update(&(field.len() as u32).to_be_bytes());
            context.update(field);
        }
        context.update(&(length as u32 * 8).to_be_bytes());
        key.extend_from_slice(context.finish().as_ref());
    }
    key.truncate(length);
    key
}

/// RFC 3394 §2.2.1.
fn wrap(kek: &[u8], key: &[u8]) -> Vec<u8> {
    let aes = UnboundCipherKey::new(aes(kek.len()), kek).unwrap();
    let aes = EncryptingKey::ecb(aes).unwrap();
    let mut check = [0xa6; 8];
    let mut registers = key.to_vec();
    let count = key.len() / 8;
    for round in 0..6 {
        for place in 0..count {
            let register = &mut registers[place * 8..][..8];
            let mut block = [&check, &*register].concat();
            let context = EncryptionContext::None;
            let _ = aes.less_safe_encrypt(&mut block, context).unwrap();
            let mixed = u64::from_be_bytes(block[..8].try_into().unwrap());
            let step = (count * round + place + 1) as u64;
            check = (mixed ^ step).to_be_bytes();
            register.copy_from_slice(&block[8..]);
        }
    }
    [&check, registers.as_slice()].concat()
}

const fn aes(length: usize) -> &'static cipher::Algorithm {
    match length {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        _ => &cipher::AES_256,
    }
}

fn gcm(cek: &[u8], aad: &[u8], content: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let algorithm = match cek.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        _ => &aead::AES_256_GCM,
    };
    let iv = random(12);
    let key = LessSafeKey::new(UnboundKey::new(algorithm, cek).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&iv).unwrap();
    let mut sealed = content.to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed)
        .unwrap();
    let tag = sealed.split_off(content.len());
    (iv, sealed, tag)
}

fn cbc_hs(cek: &[u8], aad: &[u8], content: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mac_key, key) = cek.split_at(cek.len() / 2);
    let iv = random(16);
    let key = UnboundCipherKey::new(aes(key.len()), key).unwrap();
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
    let fixed: [u8; 16] = iv.as_slice().try_into().unwrap();
    let mut ciphertext = content.to_vec();
    let context = EncryptionContext::Iv128(FixedLength::from(fixed));
    let _ = key.less_safe_encrypt(&mut ciphertext, context).unwrap();
    let hash = match cek.len() {
        32 => hmac::HMAC_SHA256,
        48 => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    let bits = (aad.len() as u64 * 8).to_be_bytes();
    let message = [aad, &iv, &ciphertext, &bits].concat();
    let mac = hmac::sign(&hmac::Key::new(hash, mac_key), &message);
    let tag = mac.as_ref()[..cek.len() / 2].to_vec();
    (iv, ciphertext, tag)
}
