//! Tests on the client's address.

use std::{fmt, net::IpAddr, ops::RangeInclusive, str::FromStr};

use ipnet::IpNet;

/// A test on an address; the list means any of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressTest {
    /// It matches one of these.
    Matches(Box<[AddressPattern]>),
    /// It matches none of these.
    NotMatches(Box<[AddressPattern]>),
    /// It is of the same family as this one, and after it.
    Above(IpAddr),
    /// It is of the same family as this one, and before it.
    Below(IpAddr),
}

/// Addresses: one, a network, or a range for each number of an IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressPattern {
    /// `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
    Network(IpNet),
    /// `10.*.*.*`, `192.168.[7-13].*`.
    Numbers([NumberRange; 4]),
}

/// The numbers that one part of an IPv4 address may be.
pub type NumberRange = RangeInclusive<u8>;

/// A text is no pattern for addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address, a network or a pattern of addresses")]
pub struct NotAnAddress;

impl AddressTest {
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let any = |patterns: &[AddressPattern]| patterns.iter().any(|p| p.matches(address));
        match self {
            Self::Matches(patterns) => any(patterns),
            Self::NotMatches(patterns) => !any(patterns),
            Self::Above(bound) => bound.is_ipv4() == address.is_ipv4() && address > *bound,
            Self::Below(bound) => bound.is_ipv4() == address.is_ipv4() && address < *bound,
        }
    }
}

impl AddressPattern {
    /// Whether `address`, in its canonical form, is one of these.
    #[must_use]
    pub fn matches(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Network(network), _) => network.contains(&address),
            (Self::Numbers(ranges), IpAddr::V4(address)) => ranges
                .iter()
                .zip(address.octets())
                .all(|(range, number)| range.contains(&number)),
            (Self::Numbers(_), IpAddr::V6(_)) => false,
        }
    }
}

impl FromStr for AddressPattern {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.to_canonical().into()));
        }
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let ranges: Vec<_> = text
            .split('.')
            .map(range)
            .collect::<Option<_>>()
            .ok_or(NotAnAddress)?;
        ranges
            .try_into()
            .map(Self::Numbers)
            .map_err(|_| NotAnAddress)
    }
}

/// `7`, `*` or `[7-13]`.
fn range(text: &str) -> Option<NumberRange> {
    if text == "*" {
        return Some(0..=255);
    }
    let Some(inner) = text.strip_prefix('[') else {
        return number(text).map(|number| number..=number);
    };
    let (from, to) = inner.strip_suffix(']')?.split_once('-')?;
    let range = number(from)?..=number(to)?;
    (!range.is_empty()).then_some(range)
}

/// A number as one writes it: some take `010` for 8.
fn number(text: &str) -> Option<u8> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for AddressTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, patterns) = match self {
            Self::Matches(patterns) => ("matches", patterns),
            Self::NotMatches(patterns) => ("does not match", patterns),
            Self::Above(bound) => return write!(f, "above {bound}"),
            Self::Below(bound) => return write!(f, "below {bound}"),
        };
        write!(f, "{name} ")?;
        super::join(f, patterns, " | ")
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            Self::Network(network) => write!(f, "{network}"),
            Self::Numbers(ranges) => {
                let parts = ranges
                    .each_ref()
                    .map(|range| match (*range.start(), *range.end()) {
                        (0, 255) => "*".to_owned(),
                        (from, to) if from == to => from.to_string(),
                        (from, to) => format!("[{from}-{to}]"),
                    });
                f.write_str(&parts.join("."))
            }
        }
    }
}
