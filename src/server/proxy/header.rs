//! The PROXY protocol's header, versions 1 and 2: who is at the far end, as a balancer says.
//!
//! A header is refused unless every byte of it is as it must be. Nothing here reads from a socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who the header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The client, by its address.
    Client(IpAddr),
    /// A client whose address cannot be said.
    Unknown,
    /// Nobody: the balancer speaks for itself, to see whether the gateway is well.
    Balancer,
}

/// The fixed part of a header of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preamble {
    is_local: bool,
    family: Family,
    /// How many bytes follow.
    pub(super) length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Unspecified,
    V4,
    V6,
    Unix,
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    /// It begins with something else.
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    /// A line of version 1 that says something else.
    #[error("the PROXY header's line is malformed")]
    Line,
    /// Neither version is meant.
    #[error("the PROXY header is of no known version or command")]
    Version,
    /// Not a stream.
    #[error("the PROXY header is for another transport than a stream")]
    Transport,
    /// Longer than anybody needs, or shorter than its addresses.
    #[error("the PROXY header's length is wrong")]
    Length,
}

/// How a header of version 2 begins.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The length of a version 2 header's fixed part, in bytes.
pub(super) const PREAMBLE: usize = 16;

/// The longest line of version 1, with its end, in bytes.
pub(super) const LONGEST_LINE: usize = 107;

/// The most bytes behind the fixed part: addresses, and notes (TLV) that are not read.
pub(super) const LONGEST_REST: usize = 4096;

/// Reads a whole line of version 1, with its end.
///
/// # Errors
/// [`HeaderError`].
pub(super) fn line(line: &[u8]) -> Result<Named, HeaderError> {
    let text = std::str::from_utf8(line).map_err(|_| HeaderError::Line)?;
    let text = text.strip_suffix("\r\n").ok_or(HeaderError::Line)?;
    let text = text.strip_prefix("PROXY ").ok_or(HeaderError::Missing)?;
    if line.len() > LONGEST_LINE || text.contains(['\r', '\n']) {
        return Err(HeaderError::Line);
    }
    // What follows is to be ignored, whatever it is.
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Ok(Named::Unknown);
    }
    let mut words = text.split(' ');
    let mut word = || words.next().ok_or(HeaderError::Line);
    let (family, source, target) = (word()?, word()?, word()?);
    let (from, to) = (word()?, word()?);
    if words.next().is_some() || !is_port(from) || !is_port(to) {
        return Err(HeaderError::Line);
    }
    let (source, _) = match family {
        "TCP4" => pair::<Ipv4Addr>(source, target)?,
        "TCP6" => pair::<Ipv6Addr>(source, target)?,
        _ => return Err(HeaderError::Line),
    };
    Ok(Named::Client(source.to_canonical()))
}

fn pair<A: std::str::FromStr + Into<IpAddr>>(
    source: &str,
    target: &str,
) -> Result<(IpAddr, IpAddr), HeaderError> {
    let read = |text: &str| text.parse::<A>().map(Into::into);
    let both = read(source).and_then(|source| Ok((source, read(target)?)));
    both.map_err(|_| HeaderError::Line)
}

/// A decimal number as short as it can be.
fn is_port(text: &str) -> bool {
    let short = text == "0" || !text.starts_with(['0', '+']);
    short && text.parse::<u16>().is_ok()
}

/// Reads the fixed part of a header of version 2.
///
/// # Errors
/// [`HeaderError`].
pub(super) fn preamble(bytes: &[u8; PREAMBLE]) -> Result<Preamble, HeaderError> {
    let rest = bytes.strip_prefix(SIGNATURE).ok_or(HeaderError::Missing)?;
    let [command, family, high, low] = *rest else {
        return Err(HeaderError::Length);
    };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(HeaderError::Version),
    };
    let family = match family {
        // What a balancer says of a connection of its own does not count.
        _ if is_local => Family::Unspecified,
        0x00 => Family::Unspecified,
        0x11 => Family::V4,
        0x21 => Family::V6,
        0x31 => Family::Unix,
        _ => return Err(HeaderError::Transport),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_REST || length < family.length() {
        return Err(HeaderError::Length);
    }
    Ok(Preamble {
        is_local,
        family,
        length,
    })
}

impl Family {
    /// The length of two addresses and their ports, in bytes.
    const fn length(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::V4 => 12,
            Self::V6 => 36,
            Self::Unix => 216,
        }
    }
}

impl Preamble {
    /// Who `rest` names, which follows the fixed part.
    ///
    /// # Errors
    /// [`HeaderError`] when it is too short.
    pub(super) fn names(self, rest: &[u8]) -> Result<Named, HeaderError> {
        if self.is_local {
            return Ok(Named::Balancer);
        }
        let short = HeaderError::Length;
        match self.family {
            Family::Unspecified | Family::Unix => Ok(Named::Unknown),
            Family::V4 => {
                let bytes = rest.first_chunk::<4>().ok_or(short)?;
                Ok(Named::Client(Ipv4Addr::from(*bytes).into()))
            }
            Family::V6 => {
                let bytes = rest.first_chunk::<16>().ok_or(short)?;
                Ok(Named::Client(IpAddr::from(*bytes).to_canonical()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
