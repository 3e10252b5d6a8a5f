//! `portcullis mint`: signs a token with a key and given claims.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgGroup, Args};

use super::arguments;
use crate::{
    clock::{Clock, UnixTime},
    jose::Algorithm,
    secret::Secret,
    signing::{Claims, Header, Signer, SigningKey, file},
};

mod claims;

/// What `mint` can be told.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("signer").required(true).args(["key", "directory", "secret_file"])))]
pub struct Options {
    /// The private key: PEM or DER (PKCS#8, PKCS#1, SEC1), or a JWK
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The directory of the gateway's own keys: the one that signs now is taken
    #[arg(short, long, value_name = "DIR", conflicts_with_all = ["algorithm", "key_id"])]
    directory: Option<PathBuf>,
    /// A shared secret, for HS256, HS384 or HS512
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// What is signed by; by default the key's own algorithm, RS256 for RSA, HS256 for a secret
    #[arg(short, long, value_name = "ALG", value_parser = arguments::algorithm)]
    algorithm: Option<Algorithm>,
    /// The kid; by default that of the JWK, or the key's thumbprint (RFC 7638)
    #[arg(long, value_name = "KID")]
    key_id: Option<String>,
    /// The header's typ: at+jwt for an access token
    #[arg(long = "type", value_name = "TYP", default_value = "JWT")]
    typ: String,
    /// A string in the header; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    #[command(flatten)]
    claims: claims::ClaimOptions,
}

/// Bad usage, or a key that cannot be used.
const BAD: u8 = 2;

/// Prints the token. Exits with 0 or 2.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    match mint(options, Clock::system().now()) {
        Ok(token) => {
            let _ = writeln!(io::stdout(), "{token}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            let _ = writeln!(io::stderr(), "portcullis mint: {message}");
            ExitCode::from(BAD)
        }
    }
}

fn mint(options: &Options, now: UnixTime) -> Result<String, String> {
    let mut header = Header::new(&options.typ);
    for text in &options.headers {
        let (name, value) = claims::pair(text, "--header")?;
        header.set(name, value).map_err(|error| error.to_string())?;
    }
    let claims = options.claims.read(now)?;
    if let Some(directory) = &options.directory {
        return sign_as_gateway(directory, &header, &claims, now);
    }
    let key = options.signing_key()?;
    key.token(&header, &claims)
        .map_err(|error| error.to_string())
}

fn sign_as_gateway(
    directory: &Path,
    header: &Header,
    claims: &Claims,
    now: UnixTime,
) -> Result<String, String> {
    let signer = Signer::load(directory).map_err(|error| error.to_string())?;
    signer
        .sign(header, claims, now)
        .map_err(|error| format!("{}: {error}", directory.display()))
}

impl Options {
    fn signing_key(&self) -> Result<SigningKey, String> {
        let (path, key) = match (&self.key, &self.secret_file) {
            (Some(path), _) => {
                let document = file::read_private(path).map_err(|error| error.to_string())?;
                (path, SigningKey::read(&document, self.algorithm))
            }
            (None, Some(path)) => {
                let secret = file::read_private(path).map_err(|error| error.to_string())?;
                let secret = Secret::new(without_newline(&secret).to_vec());
                let algorithm = self.algorithm.unwrap_or(Algorithm::Hs256);
                (path, SigningKey::from_secret(&secret, algorithm))
            }
            (None, None) => return Err("no key: name one with --key FILE".to_owned()),
        };
        let key = key.map_err(|error| format!("{} cannot be used: {error}", path.display()))?;
        Ok(match &self.key_id {
            Some(kid) => key.with_kid(kid.as_str()),
            None => key,
        })
    }
}

/// Editors end a file with a newline, which is not part of the secret.
fn without_newline(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
