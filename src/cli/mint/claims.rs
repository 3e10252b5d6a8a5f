//! The claims that `mint` is told, from options and from a file.

use std::{fs::File, io::Read as _, path::Path, path::PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::super::arguments;
use crate::{
    clock::UnixTime,
    jose::json,
    signing::{ClaimError, Claims},
};

/// The most bytes of a file with claims: far more than any header takes.
const MAX_BYTES: u64 = 64 << 10;
/// How long a token is good unless something else is said, in seconds.
const LIFETIME: i64 = 300;

/// The claims. Its name is that of a group of options, and so another than the command has.
#[derive(Args, Clone, Debug)]
pub(super) struct ClaimOptions {
    /// Who makes the token (iss)
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    /// Whom it is about (sub)
    #[arg(long, value_name = "SUB")]
    subject: Option<String>,
    /// Whom it is for (aud); may be repeated: several are a list
    #[arg(long, value_name = "AUD")]
    audience: Vec<String>,
    /// How long it is good, from now on (exp); 5m by default
    #[arg(long, value_name = "DURATION", value_parser = arguments::lifetime)]
    lifetime: Option<i64>,
    /// Until when it is good (exp): RFC 3339, or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = arguments::time, conflicts_with = "lifetime")]
    expires_at: Option<UnixTime>,
    /// From when on it is good (nbf)
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    not_before: Option<UnixTime>,
    /// When it was made (iat); now by default
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    issued_at: Option<UnixTime>,
    /// Its name (jti): auto for a random one, none, or the name itself; auto by default
    #[arg(long, value_name = "auto|none|ID")]
    jti: Option<String>,
    /// A claim that is a string; may be repeated
    #[arg(long = "claim", value_name = "NAME=STRING")]
    strings: Vec<String>,
    /// A claim of any type, in JSON: 3, true, null, ["a"], {"b": 1}; may be repeated
    #[arg(long = "claim-json", value_name = "NAME=JSON")]
    typed: Vec<String>,
    /// More claims: a file with a JSON object
    #[arg(long, value_name = "FILE")]
    claims_file: Option<PathBuf>,
}

impl ClaimOptions {
    /// Every claim; one that is given twice is an error. What is given nowhere is as by default.
    pub(super) fn read(&self, now: UnixTime) -> Result<Claims, String> {
        let mut claims = self.registered().map_err(|error| error.to_string())?;
        if let Some(path) = &self.claims_file {
            for (name, value) in from_file(path)? {
                add(&mut claims, &name, value)?;
            }
        }
        for text in &self.strings {
            let (name, value) = pair(text, "--claim")?;
            add(&mut claims, name, value.into())?;
        }
        for text in &self.typed {
            let (name, value) = pair(text, "--claim-json")?;
            add(&mut claims, name, parse(name, value)?)?;
        }
        if let Some(lifetime) = self.lifetime {
            add(&mut claims, "exp", now.plus(lifetime).0.into())?;
        }
        self.name(&mut claims)?;
        claims
            .complete(now, LIFETIME)
            .map_err(|error| error.to_string())?;
        Ok(claims)
    }

    /// Sets `jti`. Without the option, one from elsewhere counts.
    fn name(&self, claims: &mut Claims) -> Result<(), String> {
        match self.jti.as_deref() {
            None if claims.has("jti") => Ok(()),
            Some(_) if claims.has("jti") => {
                Err(ClaimError::Duplicate("jti".to_owned()).to_string())
            }
            None | Some("auto") => claims.set_random_id().map_err(|error| error.to_string()),
            Some("none") => Ok(()),
            Some(id) => add(claims, "jti", id.into()),
        }
    }

    fn registered(&self) -> Result<Claims, ClaimError> {
        let mut claims = Claims::new();
        for (name, value) in [("iss", &self.issuer), ("sub", &self.subject)] {
            if let Some(value) = value {
                claims.set(name, value.as_str())?;
            }
        }
        claims.set_audience(&self.audience)?;
        for (name, time) in [
            ("exp", self.expires_at),
            ("nbf", self.not_before),
            ("iat", self.issued_at),
        ] {
            if let Some(time) = time {
                claims.set(name, time.0)?;
            }
        }
        Ok(claims)
    }
}

/// `NAME=VALUE` of `option`.
pub(super) fn pair<'t>(text: &'t str, option: &str) -> Result<(&'t str, &'t str), String> {
    text.split_once('=')
        .ok_or_else(|| format!("{option} needs a name and a value: {option} NAME=VALUE"))
}

fn add(claims: &mut Claims, name: &str, value: Value) -> Result<(), String> {
    claims.set(name, value).map_err(|error| error.to_string())
}

/// Read as the member of an object: as strictly as a token is.
fn parse(name: &str, text: &str) -> Result<Value, String> {
    let wrong =
        || format!("the value of --claim-json {name} is not JSON (a string needs its quotes)");
    let object = format!("{{\"value\":{text}\n}}");
    let mut members = json::parse_object(object.as_bytes()).map_err(|_| wrong())?;
    match members.remove("value") {
        Some(value) if members.is_empty() => Ok(value),
        _ => Err(wrong()),
    }
}

fn from_file(path: &Path) -> Result<Map<String, Value>, String> {
    let shown = path.display();
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut content))
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    if content.len() as u64 > MAX_BYTES {
        return Err(format!("{shown} is larger than {MAX_BYTES} bytes"));
    }
    json::parse_object(&content).map_err(|error| format!("{shown} is {error}"))
}
