//! Why an encrypted token or a private key is refused.

use crate::jose::json::JsonError;

/// Why a token cannot be decrypted.
///
/// What everybody can see of a token may be told apart. What a private key finds out may not:
/// [`JweError::Failed`] is the one answer to it (RFC 7516 §11.5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not five parts, or one that is empty and must not be.
    #[error("the encrypted token does not have five parts that belong together")]
    Shape,
    /// A part is not base64url without padding.
    #[error("the encrypted token's {0} is not base64url without padding")]
    Encoding(&'static str),
    /// The header is not a strict JSON object.
    #[error("the encrypted token's header is {0}")]
    Header(#[from] JsonError),
    /// A member that the algorithm needs is absent.
    #[error("the encrypted token's header has no \"{0}\"")]
    Missing(&'static str),
    /// A member has the wrong JSON type or the wrong length.
    #[error("the encrypted token's \"{0}\" has the wrong form")]
    Malformed(&'static str),
    /// `alg` or `enc` is not supported; RSA1_5, PBES2 and AES-GCM key wrapping are here.
    #[error("the encrypted token's \"{0}\" is not supported")]
    Unsupported(&'static str),
    /// `zip`: a short token could become a long one.
    #[error("the encrypted token is compressed, which is not supported")]
    Compressed,
    /// `crit` names an extension, and none is understood here.
    #[error("the encrypted token's \"crit\" names an extension that is not understood")]
    Critical,
    /// `cty` does not say that a token is inside (RFC 7519 §5.2).
    #[error("the encrypted token's \"cty\" is not \"JWT\"")]
    ContentType,
    /// None of the gateway's keys is for its `kid`, `alg` and `enc`.
    #[error("no decryption key is for this token's \"kid\", \"alg\" and \"enc\"")]
    NoKey,
    /// No key opens it. Nothing is said about why.
    #[error("the token cannot be decrypted")]
    Failed,
    /// What was encrypted is not a signed token.
    #[error("what was encrypted is not a signed token")]
    NotSigned,
    /// It was decrypted with a key that is another issuer's.
    #[error("the key that decrypts the token is for the tokens of another issuer")]
    OtherIssuer,
}

/// Why a private key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Neither PEM nor JSON with a private key in it.
    #[error(
        "it holds no private key: PEM (PKCS#8, PKCS#1 or SEC1, without a passphrase), a JWK or a JWK set"
    )]
    NoKey,
    /// The JSON is not strict.
    #[error("it is {0}")]
    Json(#[from] JsonError),
    /// More keys than are read.
    #[error("it holds more than {0} keys")]
    TooMany(usize),
    /// A JWK that is not an object.
    #[error("a key is not a JSON object")]
    NotAnObject,
    /// A member is absent. In a key set that is public this is `d`.
    #[error("the key's \"{0}\" is missing")]
    Missing(&'static str),
    /// A member has the wrong type, encoding or length.
    #[error("the key's \"{0}\" has the wrong form")]
    Malformed(&'static str),
    /// `kty` or `crv` is not one that decrypts.
    #[error("the key's \"{0}\" is not one for decryption")]
    Kind(&'static str),
    /// `alg` is not one that the key can serve.
    #[error("the key's \"alg\" is not one that such a key decrypts with")]
    Algorithm,
    /// `use` or `key_ops` say that it is for something else.
    #[error("the key's \"{0}\" says that it is not for decryption")]
    Purpose(&'static str),
    /// An RSA key that is not 2048 to 8192 bits long, or any key that is inconsistent.
    #[error(
        "it is not a valid private key (RSA: 2048 to 8192 bits; EC: P-256, P-384, P-521; X25519)"
    )]
    Invalid,
}
