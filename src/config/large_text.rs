//! A text that may be hundreds of megabytes long, in memory of its own.
//!
//! An allocator keeps what it is given back, and a gateway that has read its issuers is idle for long:
//! memory that was mapped for the text alone goes back to the system when it is dropped.

use std::io::{self, Read};

use memmap2::MmapMut;

/// The text of a file.
pub(super) struct LargeText(MmapMut);

impl LargeText {
    /// `length` bytes of `file`, which has neither fewer nor more; `None` when they are not UTF-8.
    pub(super) fn read(file: &mut impl Read, length: usize) -> io::Result<Option<Self>> {
        let mut memory = MmapMut::map_anon(length)?;
        file.read_exact(&mut memory)?;
        if file.read(&mut [0])? != 0 {
            return Err(io::Error::other("it changed while it was read"));
        }
        let is_text = std::str::from_utf8(&memory).is_ok();
        Ok(is_text.then_some(Self(memory)))
    }
}

impl AsRef<str> for LargeText {
    fn as_ref(&self) -> &str {
        // It was looked at when it was read.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_a_whole_or_not_at_all() {
        let read = |bytes: &[u8], length| LargeText::read(&mut &*bytes, length);
        for text in ["", "{}", "é"] {
            let read = read(text.as_bytes(), text.len()).unwrap().unwrap();
            assert_eq!(read.as_ref(), text);
        }
        assert!(read(b"\xff", 1).unwrap().is_none());
        for length in [1, 3] {
            assert!(read(b"{}", length).is_err(), "{length}");
        }
    }
}
