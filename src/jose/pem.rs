//! The textual form of keys and certificates (RFC 7468).

use base64::{Engine as _, engine::general_purpose::STANDARD};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// What stands between one pair of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What the lines call it, such as `CERTIFICATE`.
    pub label: String,
    /// What it encodes.
    pub der: Vec<u8>,
}

/// Why a text is no PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is no `-----BEGIN …-----`; a file in DER is here.
    #[error("there is no line \"-----BEGIN …-----\": it is not PEM")]
    Nothing,
    /// The bytes are no text.
    #[error("it is not text: a file in DER must be converted to PEM")]
    NotText,
    /// A section has no end, or another's.
    #[error("a line \"-----BEGIN …-----\" has no \"-----END …-----\" of its own")]
    Unfinished,
    /// What stands in a section is not base64.
    #[error("what stands between the lines is not base64")]
    Encoding,
}

/// The sections of `text`, in their order. Lines outside of them are comments.
///
/// # Errors
/// [`PemError`] when there is none, or one of them is damaged.
pub fn sections(text: &[u8]) -> Result<Vec<Section>, PemError> {
    let text = std::str::from_utf8(text).map_err(|_| PemError::NotText)?;
    let mut sections = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = label(line, BEGIN) else {
            continue;
        };
        sections.push(section(label, &mut lines)?);
    }
    if sections.is_empty() {
        Err(PemError::Nothing)
    } else {
        Ok(sections)
    }
}

fn section<'t>(
    opened: &str,
    lines: &mut impl Iterator<Item = &'t str>,
) -> Result<Section, PemError> {
    let mut body = String::new();
    for line in lines {
        if let Some(closed) = label(line, END) {
            if closed != opened {
                return Err(PemError::Unfinished);
            }
            return Ok(Section {
                label: opened.to_owned(),
                der: STANDARD.decode(&body).map_err(|_| PemError::Encoding)?,
            });
        }
        if line.starts_with(DASHES) {
            return Err(PemError::Unfinished);
        }
        body.push_str(line);
    }
    Err(PemError::Unfinished)
}

fn label<'l>(line: &'l str, prefix: &str) -> Option<&'l str> {
    line.strip_prefix(prefix)?.strip_suffix(DASHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_among_comments() {
        let text = b"subject=x\n-----BEGIN A B-----\r\nAQID\r\nBA==\r\n-----END A B-----\n\n\
                     -----BEGIN C-----\n-----END C-----";
        let found = sections(text).unwrap();
        let parts: Vec<_> = found.iter().map(|s| (&*s.label, &*s.der)).collect();
        assert_eq!(parts, [("A B", &[1, 2, 3, 4][..]), ("C", &[][..])]);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for (text, error) in [
            (&b""[..], PemError::Nothing),
            (b"AQID", PemError::Nothing),
            (b"\x30\x82\xff", PemError::NotText),
            (b"-----BEGIN A-----\nAQID", PemError::Unfinished),
            (
                b"-----BEGIN A-----\nAQID\n-----END B-----",
                PemError::Unfinished,
            ),
            (
                b"-----BEGIN A-----\n-----BEGIN A-----\nAQID\n-----END A-----",
                PemError::Unfinished,
            ),
            (
                b"-----BEGIN A-----\nAQI\n-----END A-----",
                PemError::Encoding,
            ),
            (
                b"-----BEGIN A-----\nProc-Type: 4\n\nAQID\n-----END A-----",
                PemError::Encoding,
            ),
        ] {
            assert_eq!(
                sections(text),
                Err(error),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }
}
