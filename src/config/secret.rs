//! Secrets: in the file itself, or in a file of their own.

use zeroize::Zeroizing;

use super::{files, section::Section, value::Span};
use crate::secret::Secret;

impl Section<'_> {
    /// The secret at `name`, or in the file that stands at `file`, and where that is written.
    pub(super) fn secret(&self, name: &str, file: &str) -> Option<(Secret, Span)> {
        if self.has(name) && self.has(file) {
            let message = format!("\"{name}\" and \"{file}\" cannot both be set");
            self.context.error(self.place(file), message);
            return None;
        }
        if let Some(text) = self.some_text(name) {
            return Some((Secret::new(text.text.as_bytes().to_vec()), text.span));
        }
        let (path, span) = self.path(file)?;
        let bytes = match files::read(&path, files::MAX_SECRET) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) => {
                self.context.error(span, error.to_string());
                return None;
            }
        };
        let secret = without_newline(&bytes);
        if secret.is_empty() {
            self.context
                .error(span, format!("{} is empty", path.display()));
            return None;
        }
        if files::is_open_to_others(&path) {
            let path = path.display();
            self.context.warn(format!(
                "{path} holds a secret and is open to others: chmod 600 {path}"
            ));
        }
        Some((Secret::new(secret.to_vec()), span))
    }
}

/// Editors end a file with a newline, which is not part of the secret.
fn without_newline(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_is_no_part_of_the_secret() {
        assert_eq!(without_newline(b"secret\n"), b"secret");
        assert_eq!(without_newline(b"secret\r\n"), b"secret");
        assert_eq!(without_newline(b" secret \n\n"), b" secret \n");
        assert_eq!(without_newline(b"secret"), b"secret");
    }
}
