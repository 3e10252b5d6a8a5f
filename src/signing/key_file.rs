//! A key of the directory in its file: its dates, and below them the private key in PEM.
//!
//! RFC 7468 §2 lets text stand before the key, so other programs read such a file as they read any key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{Dates, SigningKey, SigningKeyError};
use crate::{clock::UnixTime, jose::Algorithm};

const INTRODUCTION: &str = "# A signing key of portcullis. Whoever can read it can sign tokens.\n";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----\n";
const END: &str = "-----END PRIVATE KEY-----\n";
/// What stands on a line of base64 (RFC 7468 §2).
const LINE: usize = 64;
/// The longest life of a token, in seconds: ten years.
const MAX_LIFETIME: i64 = 315_360_000;

/// Why a file is not a key of the directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// There is no private key, or it is not in PEM.
    #[error("it holds no private key in PEM: only files that portcullis keys made belong here")]
    NoKey,
    /// A line before the key is not `name: value`, or its name is not known.
    #[error("line {0} is not understood")]
    Line(usize),
    /// A line is absent: a key that was made by another program.
    #[error("it has no line \"{0}: …\": only files that portcullis keys made belong here")]
    Missing(&'static str),
    /// A line stands twice.
    #[error("it has two lines \"{0}: …\"")]
    Twice(&'static str),
    /// A value is not one.
    #[error("its \"{0}\" has the wrong form")]
    Malformed(&'static str),
    /// The key itself.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
}

/// The lines before the key.
#[derive(Default)]
struct Lines<'t> {
    algorithm: Option<&'t str>,
    published: Option<&'t str>,
    signs_from: Option<&'t str>,
    token_lifetime: Option<&'t str>,
}

/// The file of `key`.
pub(super) fn write(dates: &Dates, key: &SigningKey) -> Result<Zeroizing<String>, SigningKeyError> {
    let pkcs8 = key.to_pkcs8()?;
    let encoded = Zeroizing::new(STANDARD.encode(pkcs8.as_slice()));
    let lines = format!(
        "{INTRODUCTION}algorithm: {}\npublished: {}\nsigns-from: {}\ntoken-lifetime: {}\n",
        key.algorithm(),
        dates.published,
        dates.signs_from,
        dates.token_lifetime,
    );
    // With room for all of it, no copy is left behind where the text grew.
    let room = lines.len() + BEGIN.len() + END.len() + encoded.len() + encoded.len() / LINE + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&lines);
    text.push_str(BEGIN);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    Ok(text)
}

/// The dates and the key of a file.
pub(super) fn parse(content: &[u8]) -> Result<(Dates, SigningKey), KeyFileError> {
    let text = std::str::from_utf8(content).map_err(|_| KeyFileError::NoKey)?;
    let at = text.find(BEGIN).ok_or(KeyFileError::NoKey)?;
    let (before, pem) = text.split_at_checked(at).ok_or(KeyFileError::NoKey)?;
    let lines = Lines::read(before)?;
    let algorithm = needed("algorithm", lines.algorithm)?;
    let algorithm: Algorithm = algorithm
        .parse()
        .map_err(|_| KeyFileError::Malformed("algorithm"))?;
    let dates = Dates {
        published: time("published", lines.published)?,
        signs_from: time("signs-from", lines.signs_from)?,
        token_lifetime: lifetime(lines.token_lifetime)?,
    };
    if dates.signs_from < dates.published {
        return Err(KeyFileError::Malformed("signs-from"));
    }
    Ok((dates, SigningKey::read(pem.as_bytes(), Some(algorithm))?))
}

impl<'t> Lines<'t> {
    fn read(text: &'t str) -> Result<Self, KeyFileError> {
        let mut lines = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = KeyFileError::Line(number + 1);
            let (name, value) = line.split_once(": ").ok_or(wrong.clone())?;
            let (name, place) = match name {
                "algorithm" => ("algorithm", &mut lines.algorithm),
                "published" => ("published", &mut lines.published),
                "signs-from" => ("signs-from", &mut lines.signs_from),
                "token-lifetime" => ("token-lifetime", &mut lines.token_lifetime),
                _ => return Err(wrong),
            };
            if place.replace(value).is_some() {
                return Err(KeyFileError::Twice(name));
            }
        }
        Ok(lines)
    }
}

fn needed<'t>(name: &'static str, value: Option<&'t str>) -> Result<&'t str, KeyFileError> {
    value.ok_or(KeyFileError::Missing(name))
}

fn time(name: &'static str, value: Option<&str>) -> Result<UnixTime, KeyFileError> {
    let time: jiff::Timestamp = needed(name, value)?
        .parse()
        .map_err(|_| KeyFileError::Malformed(name))?;
    Ok(UnixTime(time.as_second()))
}

fn lifetime(value: Option<&str>) -> Result<i64, KeyFileError> {
    let name = "token-lifetime";
    let seconds = needed(name, value)?.parse().ok();
    seconds
        .filter(|seconds| (1..=MAX_LIFETIME).contains(seconds))
        .ok_or(KeyFileError::Malformed(name))
}
