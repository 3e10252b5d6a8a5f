//! A request from a `curl` command line, as it is copied from a terminal, a browser or a document. Nothing of it
//! is run, and no file is read.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Question;

mod data;
mod options;
mod words;

use data::{Body, DataError};
use options::{Kind, Meaning};
pub use words::WordsError;

/// The longest command line, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Why a text is no `curl` command line whose request is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurlError {
    /// It is longer than [`MAX_BYTES`].
    #[error("the command line is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It is not what a POSIX shell reads.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// It is another program's.
    #[error("the command line begins with \"{0}\": paste one that begins with curl")]
    NotCurl(String),
    /// Nobody here knows the option.
    #[error("curl's option {0} is not known here: leave it out, or write the request without it")]
    Unknown(String),
    /// The option says something that cannot be followed here.
    #[error("curl's option {0} {1}")]
    Refused(String, &'static str),
    /// The option's value is not there.
    #[error("curl's option {0} has no value behind it")]
    NoValue(String),
    /// A header field has no form.
    #[error("the header of -H is none: write a name, a colon and a value")]
    Header,
    /// The body cannot be made.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no URL.
    #[error("the command line has no URL")]
    NoUrl,
    /// There is more than one.
    #[error("the command line has more than one URL: paste one request at a time")]
    Urls,
}

/// What the options have said so far.
#[derive(Default)]
struct Line {
    method: Option<String>,
    head: bool,
    get: bool,
    url: Option<String>,
    headers: Vec<(String, String)>,
    /// Fields that `-H 'Name:'` takes away.
    without: Vec<String>,
    user: Option<String>,
    body: Body,
}

/// The request of a `curl` command line.
///
/// # Errors
/// [`CurlError`] names what is not understood; then nobody knows what curl would send.
pub fn parse(line: &str) -> Result<Question, CurlError> {
    if line.len() > MAX_BYTES {
        return Err(CurlError::TooLong);
    }
    let mut words = words::split(line)?.into_iter();
    match words.next() {
        Some(first) if is_curl(&first) => {}
        first => {
            let first = first.unwrap_or_default().chars().take(40).collect();
            return Err(CurlError::NotCurl(first));
        }
    }
    let mut read = Line::default();
    let mut only_urls = false;
    while let Some(word) = words.next() {
        if only_urls || !word.starts_with('-') || word == "-" {
            read.take_url(word)?;
        } else if word == "--" {
            only_urls = true;
        } else if let Some(long) = word.strip_prefix("--") {
            read.take_long(long, &mut words)?;
        } else {
            read.take_short(word.get(1..).unwrap_or_default(), &mut words)?;
        }
    }
    read.question()
}

/// `curl`, with a path or as a Windows program.
fn is_curl(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    matches!(name, "curl" | "curl.exe")
}

impl Line {
    fn take_url(&mut self, url: String) -> Result<(), CurlError> {
        match self.url.replace(url) {
            None => Ok(()),
            Some(_) => Err(CurlError::Urls),
        }
    }

    /// `--option`, `--option VALUE`, `--option=VALUE`.
    fn take_long(
        &mut self,
        long: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), CurlError> {
        let (name, joined) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let shown = || format!("--{}", name.chars().take(40).collect::<String>());
        let meaning = options::long(name).ok_or_else(|| CurlError::Unknown(shown()))?;
        let value = match (meaning.takes_value(), joined) {
            (true, None) => words.next().ok_or_else(|| CurlError::NoValue(shown()))?,
            (true, Some(value)) => value,
            (false, None) => String::new(),
            (false, Some(_)) => return Err(CurlError::Refused(shown(), "takes no value")),
        };
        self.take(meaning, &shown(), value)
    }

    /// `-sSi`, `-XPOST`, `-X POST`: the first that takes a value takes all the rest.
    fn take_short(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), CurlError> {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let shown = format!("-{letter}");
            let meaning = options::short(letter).ok_or(CurlError::Unknown(shown.clone()))?;
            if !meaning.takes_value() {
                self.take(meaning, &shown, String::new())?;
                continue;
            }
            let value = match rest.as_str() {
                "" => words.next().ok_or(CurlError::NoValue(shown.clone()))?,
                joined => joined.to_owned(),
            };
            return self.take(meaning, &shown, value);
        }
        Ok(())
    }

    fn take(&mut self, meaning: Meaning, shown: &str, value: String) -> Result<(), CurlError> {
        match meaning {
            Meaning::Nothing | Meaning::NothingWithValue => {}
            Meaning::Refused(why) => return Err(CurlError::Refused(shown.to_owned(), why)),
            Meaning::Method => self.method = Some(value),
            Meaning::Head => self.head = true,
            Meaning::Get => self.get = true,
            Meaning::Url => self.take_url(value)?,
            Meaning::Header => self.take_header(&value)?,
            Meaning::Field(name) => self.headers.push((name.to_owned(), value)),
            Meaning::User => self.user = Some(value),
            Meaning::Bearer => {
                let value = format!("Bearer {value}");
                self.headers.push(("authorization".to_owned(), value));
            }
            Meaning::Cookie => {
                if !value.contains('=') {
                    let why =
                        "names a file, which is not read: write the cookie itself, NAME=VALUE";
                    return Err(CurlError::Refused(shown.to_owned(), why));
                }
                self.headers.push(("cookie".to_owned(), value));
            }
            Meaning::Data(kind) => self.body.add(kind, value)?,
        }
        Ok(())
    }

    /// `Name: value`, `Name;` for an empty one, `Name:` for none at all.
    fn take_header(&mut self, text: &str) -> Result<(), CurlError> {
        if text.starts_with('@') {
            let why = "names a file, which is not read: write the header itself";
            return Err(CurlError::Refused("-H".to_owned(), why));
        }
        if let Some((name, value)) = text.split_once(':') {
            match value.trim() {
                "" => self.without.push(name.trim().to_lowercase()),
                value => self
                    .headers
                    .push((name.trim().to_owned(), value.to_owned())),
            }
            return Ok(());
        }
        let name = text.trim_end().strip_suffix(';').ok_or(CurlError::Header)?;
        self.headers.push((name.trim().to_owned(), String::new()));
        Ok(())
    }

    fn question(mut self) -> Result<Question, CurlError> {
        let url = self.url.take().ok_or(CurlError::NoUrl)?;
        // curl takes a URL without a scheme for one of HTTP.
        let mut target = match url.contains("://") {
            true => url,
            false => format!("http://{url}"),
        };
        if let Some((before, _)) = target.split_once('#') {
            target = before.to_owned();
        }
        let user = self.user.take().or_else(|| take_user(&mut target));
        let kind = self.body.kind();
        let is_query = self.get;
        let body = self.body.take();
        if let (true, Some(query)) = (is_query, &body) {
            let mark = if target.contains('?') { '&' } else { '?' };
            target = format!("{target}{mark}{query}");
        }
        let body = body.filter(|_| !is_query);
        let usual = match (self.head, &body) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        self.add_usual(user, body.as_ref().and(kind));
        Ok(Question {
            method: self.method.unwrap_or_else(|| usual.to_owned()),
            target,
            headers: self.headers,
            body: body.unwrap_or_default().into_bytes(),
            ..Question::default()
        })
    }

    /// What curl sends without being told, unless it is told otherwise.
    fn add_usual(&mut self, user: Option<String>, kind: Option<Kind>) {
        let basic = user.map(|user| format!("Basic {}", STANDARD.encode(user)));
        let (content, accept) = match kind {
            Some(Kind::Json) => (Some("application/json"), "application/json"),
            Some(_) => (Some("application/x-www-form-urlencoded"), "*/*"),
            None => (None, "*/*"),
        };
        for (name, value) in [
            ("authorization", basic),
            ("content-type", content.map(str::to_owned)),
            ("accept", Some(accept.to_owned())),
            ("user-agent", Some("curl".to_owned())),
        ] {
            let is_said = self
                .headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name));
            let is_taken = self.without.iter().any(|own| own == name);
            if let (Some(value), false, false) = (value, is_said, is_taken) {
                self.headers.push((name.to_owned(), value));
            }
        }
    }
}

/// `user:password@` of a URL, which curl sends as `-u` does.
fn take_user(target: &mut String) -> Option<String> {
    let (scheme, rest) = target.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (user, host) = authority.rsplit_once('@')?;
    let user = percent_encoding::percent_decode_str(user).decode_utf8_lossy();
    let user = user.into_owned();
    *target = format!("{scheme}://{host}{path}");
    Some(user)
}

#[cfg(test)]
mod tests;
