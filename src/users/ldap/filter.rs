//! A search filter (RFC 4515) with places for a value.
//!
//! The text of a configuration is parsed once; what a token says is put into the parsed filter as bytes.
//! It is never part of a text that is parsed, so there is nothing that it could be escaped wrongly for.

use super::ber;

mod parse;

use parse::Parser;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    node: Node,
    has_user: bool,
    has_dn: bool,
}

/// What is put into the places of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'p> {
    /// For `{user}`.
    pub(super) user: &'p [u8],
    /// For `{dn}`.
    pub(super) dn: &'p [u8],
}

/// Why a text is no filter. The places are counted in bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else should stand here.
    #[error("not a filter (RFC 4515): at byte {at} there should be {wanted}")]
    Syntax {
        /// Where.
        at: usize,
        /// What.
        wanted: &'static str,
    },
    /// A place that there is not.
    #[error("at byte {0}: only {{user}} and {{dn}} are replaced; write a brace as \\7b or \\7d")]
    Place(usize),
    /// Too long or too deep.
    #[error("the filter is longer than {MAX_BYTES} bytes or nested deeper than {MAX_DEPTH} levels")]
    TooLarge,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// `&` or `|`, by its tag.
    Set(u8, Vec<Node>),
    Not(Box<Node>),
    Present(Box<str>),
    /// `=`, `>=`, `<=` or `~=`, by its tag.
    Compare(u8, Box<str>, Value),
    /// `a*b*c`: what stands between the asterisks, of which those at the ends may be empty.
    Substrings(Box<str>, Vec<Value>),
    /// `attribute:dn:rule:=value`.
    Extensible {
        attribute: Box<str>,
        dn: bool,
        rule: Box<str>,
        value: Value,
    },
}

type Value = Vec<Piece>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    User,
    Dn,
}

/// The longest text.
const MAX_BYTES: usize = 4096;

/// The deepest nesting.
const MAX_DEPTH: usize = 16;

const AND: u8 = 0xa0;
const OR: u8 = 0xa1;
const NOT: u8 = 0xa2;
const EQUAL: u8 = 0xa3;
const SUBSTRINGS: u8 = 0xa4;
const GREATER: u8 = 0xa5;
const LESS: u8 = 0xa6;
const PRESENT: u8 = 0x87;
const APPROX: u8 = 0xa8;
const EXTENSIBLE: u8 = 0xa9;

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`FilterError`] says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_BYTES {
            return Err(FilterError::TooLarge);
        }
        let mut parser = Parser::new(text);
        let node = parser.whole()?;
        Ok(Self {
            node,
            has_user: parser.has_user,
            has_dn: parser.has_dn,
        })
    }

    /// Whether `{user}` stands in it.
    #[must_use]
    pub const fn has_user(&self) -> bool {
        self.has_user
    }

    /// Whether `{dn}` stands in it.
    #[must_use]
    pub const fn has_dn(&self) -> bool {
        self.has_dn
    }

    /// The filter as it is sent (RFC 4511 §4.5.1), its places filled.
    pub(super) fn encode(&self, places: Places<'_>) -> Vec<u8> {
        self.node.encode(places)
    }
}

impl Node {
    fn encode(&self, places: Places<'_>) -> Vec<u8> {
        let octets = |text: &str| ber::element(ber::OCTETS, text.as_bytes());
        match self {
            Self::Set(tag, nodes) => {
                let nodes: Vec<_> = nodes.iter().map(|node| node.encode(places)).collect();
                ber::constructed(*tag, &nodes)
            }
            Self::Not(node) => ber::element(NOT, &node.encode(places)),
            Self::Present(attribute) => ber::element(PRESENT, attribute.as_bytes()),
            Self::Compare(tag, attribute, value) => {
                let value = ber::element(ber::OCTETS, &fill(value, places));
                ber::constructed(*tag, &[octets(attribute), value])
            }
            Self::Substrings(attribute, parts) => {
                let last = parts.len().saturating_sub(1);
                let parts: Vec<_> = parts
                    .iter()
                    .enumerate()
                    .filter(|(_, part)| !part.is_empty())
                    .map(|(at, part)| {
                        let tag = if at == 0 {
                            0x80
                        } else if at == last {
                            0x82
                        } else {
                            0x81
                        };
                        ber::element(tag, &fill(part, places))
                    })
                    .collect();
                let parts = ber::constructed(ber::SEQUENCE, &parts);
                ber::constructed(SUBSTRINGS, &[octets(attribute), parts])
            }
            Self::Extensible {
                attribute,
                dn,
                rule,
                value,
            } => {
                let mut parts = Vec::with_capacity(4);
                for (tag, text) in [(0x81, rule), (0x82, attribute)] {
                    if !text.is_empty() {
                        parts.push(ber::element(tag, text.as_bytes()));
                    }
                }
                parts.push(ber::element(0x83, &fill(value, places)));
                if *dn {
                    parts.push(ber::element(0x84, &[0xff]));
                }
                ber::constructed(EXTENSIBLE, &parts)
            }
        }
    }
}

fn fill(value: &[Piece], places: Places<'_>) -> Vec<u8> {
    let mut filled = Vec::new();
    for piece in value {
        filled.extend_from_slice(match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::User => places.user,
            Piece::Dn => places.dn,
        });
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(filter: &str, user: &str) -> Vec<u8> {
        let places = Places {
            user: user.as_bytes(),
            dn: b"cn=x",
        };
        Filter::parse(filter).unwrap().encode(places)
    }

    /// An equality, encoded by hand.
    fn equality(attribute: &str, value: &[u8]) -> Vec<u8> {
        let mut out = vec![
            0xa3,
            (attribute.len() + value.len() + 4) as u8,
            4,
            attribute.len() as u8,
        ];
        out.extend_from_slice(attribute.as_bytes());
        out.extend_from_slice(&[4, value.len() as u8]);
        out.extend_from_slice(value);
        out
    }

    #[test]
    fn a_user_is_a_value_whatever_it_holds() {
        for user in [
            "alice",
            "*",
            "a*",
            "a)(uid=*",
            "a)(|(uid=*))",
            "\\2a",
            "{dn}",
            "{user}",
            "",
            "\0",
            "a\r\n",
            "é",
            "(&(uid=x))",
            "x)(!(uid=y",
        ] {
            assert_eq!(
                encode("(uid={user})", user),
                equality("uid", user.as_bytes()),
                "{user:?}"
            );
        }
        assert_eq!(encode("(uid=a{user}b)", "*"), equality("uid", b"a*b"));
    }

    #[test]
    fn filters_are_encoded_as_the_standard_says() {
        assert_eq!(
            encode("(objectClass=*)", ""),
            [&[0x87, 11][..], b"objectClass"].concat()
        );
        let both = [equality("a", b"1"), equality("b", b"2")].concat();
        let mut and = vec![0xa0, both.len() as u8];
        and.extend_from_slice(&both);
        assert_eq!(encode("(&(a=1)(b=2))", ""), and);
        and[0] = 0xa1;
        assert_eq!(encode("(|(a=1)(b=2))", ""), and);
        assert_eq!(encode("(!(a=1))", "")[..2], [0xa2, 8]);
        assert_eq!(encode("(a>=1)", "")[0], 0xa5);
        assert_eq!(encode("(a<=1)", "")[0], 0xa6);
        assert_eq!(encode("(a~=1)", "")[0], 0xa8);
        assert_eq!(
            encode("(a=\\28\\2A\\c3\\a9)", ""),
            equality("a", "(*é".as_bytes())
        );
        let parts = [
            0xa4, 14, 4, 1, b'a', 0x30, 9, 0x80, 1, b'x', 0x81, 1, b'y', 0x82, 1, b'z',
        ];
        assert_eq!(encode("(a=x*y*z)", ""), parts);
        assert_eq!(
            encode("(a=*y*)", ""),
            [0xa4, 8, 4, 1, b'a', 0x30, 3, 0x81, 1, b'y']
        );
        let nested = encode("(member:1.2.840.113556.1.4.1941:={dn})", "");
        let rule = [&[0x81, 23][..], b"1.2.840.113556.1.4.1941"].concat();
        let rest = [&[0x82, 6][..], b"member", &[0x83, 4], b"cn=x"].concat();
        assert_eq!(nested, ber::element(0xa9, &[rule, rest].concat()));
        assert_eq!(
            encode("(ou:dn:=x)", ""),
            [0xa9, 10, 0x82, 2, b'o', b'u', 0x83, 1, b'x', 0x84, 1, 0xff]
        );
    }

    #[test]
    fn it_is_known_which_places_a_filter_has() {
        let filter = Filter::parse("(|(member={dn})(memberUid={user}))").unwrap();
        assert!(filter.has_dn() && filter.has_user());
        let filter = Filter::parse("(uid=\\7buser\\7d)").unwrap();
        assert!(!filter.has_dn() && !filter.has_user());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "uid={user}",
            "(uid={user}",
            "(uid={user}))",
            "(uid={user})(a=b)",
            "()",
            "(&)",
            "(=a)",
            "(uid)",
            "(uid=()",
            "(uid=\\2)",
            "(uid=\\zz)",
            "(uid=\\+1)",
            "(uid={name})",
            "(uid=a})",
            "({user}=a)",
            "(uid=a**b)",
            "(uid=**)",
            "(!(a=b)(c=d))",
            "(:=a)",
            "(a:b:c:=d)",
            "(u d=a)",
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
        let deep = format!(
            "{}(a=b){}",
            "(!".repeat(MAX_DEPTH + 1),
            ")".repeat(MAX_DEPTH + 1)
        );
        assert_eq!(Filter::parse(&deep), Err(FilterError::TooLarge));
        assert_eq!(Filter::parse(&"(".repeat(5000)), Err(FilterError::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[(&|!)a=*:{}user\\\\é<>~]{0,40}") {
            if let Ok(filter) = Filter::parse(&text) {
                let _ = filter.encode(Places { user: b"u", dn: b"d" });
            }
        }
    }
}
