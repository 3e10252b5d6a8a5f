//! The messages of LDAP that a registry needs (RFC 4511 §4): bind, search, StartTLS.

use super::ber::{self, BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE, SET};

/// A search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'s> {
    pub(super) base: &'s str,
    /// The filter as it is sent.
    pub(super) filter: &'s [u8],
    /// The attributes that are wanted.
    pub(super) attributes: &'s [&'s str],
    /// The most entries that are wanted.
    pub(super) most: u32,
    /// The most seconds that the server should take.
    pub(super) seconds: u32,
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response<'b> {
    /// How a bind went.
    Bind(Done),
    /// One entry of a search.
    Entry(Entry<'b>),
    /// A search has ended.
    Search(Done),
    /// How an extended operation went.
    Extended(Done),
    /// Where else there might be entries, or what we did not ask for.
    Other,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// The result code (RFC 4511 §4.1.9).
    pub(super) code: u32,
}

/// An entry, its attributes still as they came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'b> {
    pub(super) dn: &'b str,
    /// Names and values.
    pub(super) attributes: Vec<(&'b str, Vec<&'b [u8]>)>,
}

/// Result codes.
pub(super) const SUCCESS: u32 = 0;
pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;

const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// A simple bind (§4.2).
pub(super) fn bind(id: u32, dn: &str, password: &[u8]) -> Vec<u8> {
    let parts = [
        ber::number(INTEGER, 3),
        ber::element(OCTETS, dn.as_bytes()),
        ber::element(0x80, password),
    ];
    message(id, &ber::constructed(0x60, &parts))
}

/// A search of a whole subtree (§4.5.1); aliases stay what they are.
pub(super) fn search(id: u32, search: &Search<'_>) -> Vec<u8> {
    let attributes = search.attributes.iter();
    let attributes: Vec<_> = attributes
        .map(|name| ber::element(OCTETS, name.as_bytes()))
        .collect();
    let parts = [
        ber::element(OCTETS, search.base.as_bytes()),
        ber::number(ENUMERATED, 2),
        ber::number(ENUMERATED, 0),
        ber::number(INTEGER, search.most),
        ber::number(INTEGER, search.seconds),
        ber::element(BOOLEAN, &[0]),
        search.filter.to_vec(),
        ber::constructed(SEQUENCE, &attributes),
    ];
    message(id, &ber::constructed(0x63, &parts))
}

/// The wish to go on with TLS (§4.14).
pub(super) fn start_tls(id: u32) -> Vec<u8> {
    message(id, &ber::element(0x77, &ber::element(0x80, START_TLS)))
}

fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    ber::element(SEQUENCE, &[&*ber::number(INTEGER, id), operation].concat())
}

/// The identifier and the operation of a message; `message` is the content of its sequence.
pub(super) fn read(message: &[u8]) -> Result<(u32, Response<'_>), Malformed> {
    let mut reader = Reader::new(message);
    let id = reader.number(INTEGER)?;
    let (tag, content) = reader.any()?;
    let response = match tag {
        0x61 => Response::Bind(done(content)?),
        0x64 => Response::Entry(entry(content)?),
        0x65 => Response::Search(done(content)?),
        0x78 => Response::Extended(done(content)?),
        _ => Response::Other,
    };
    Ok((id, response))
}

fn done(content: &[u8]) -> Result<Done, Malformed> {
    let code = Reader::new(content).number(ENUMERATED)?;
    Ok(Done { code })
}

fn entry(content: &[u8]) -> Result<Entry<'_>, Malformed> {
    let mut reader = Reader::new(content);
    let dn = text(reader.expect(OCTETS)?)?;
    let mut list = Reader::new(reader.expect(SEQUENCE)?);
    let mut attributes = Vec::new();
    while !list.is_at_end() {
        let mut attribute = Reader::new(list.expect(SEQUENCE)?);
        let name = text(attribute.expect(OCTETS)?)?;
        let mut set = Reader::new(attribute.expect(SET)?);
        let mut values = Vec::new();
        while !set.is_at_end() {
            values.push(set.expect(OCTETS)?);
        }
        attributes.push((name, values));
    }
    Ok(Entry { dn, attributes })
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

impl<'b> Entry<'b> {
    /// The values of the attribute `name`, in any case, as texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'b str>, Malformed> {
        let own = self.attributes.iter();
        own.filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values)
            .map(|value| text(value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(message: &[u8]) -> &[u8] {
        Reader::new(message).expect(SEQUENCE).unwrap()
    }

    #[test]
    fn requests_are_those_of_the_standard() {
        assert_eq!(
            bind(1, "cn=a", b"pw"),
            [
                48, 18, 2, 1, 1, 0x60, 13, 2, 1, 3, 4, 4, b'c', b'n', b'=', b'a', 0x80, 2, b'p',
                b'w'
            ][..]
        );
        assert_eq!(start_tls(1)[5..9], [0x77, 24, 0x80, 22]);
        let search = search(
            2,
            &Search {
                base: "dc=x",
                filter: &[0x87, 1, b'o'],
                attributes: &["cn"],
                most: 2,
                seconds: 5,
            },
        );
        assert_eq!(
            search,
            [
                &[48, 35, 2, 1, 2, 0x63, 30, 4, 4][..],
                b"dc=x",
                &[
                    10, 1, 2, 10, 1, 0, 2, 1, 2, 2, 1, 5, 1, 1, 0, 0x87, 1, b'o', 48, 4, 4, 2
                ],
                b"cn",
            ]
            .concat()
        );
    }

    #[test]
    fn an_entry_is_read_and_a_broken_one_is_not() {
        let values = ber::constructed(
            SET,
            &[ber::element(OCTETS, b"a"), ber::element(OCTETS, b"b")],
        );
        let attribute = ber::constructed(SEQUENCE, &[ber::element(OCTETS, b"memberOf"), values]);
        let attributes = ber::constructed(SEQUENCE, &[attribute]);
        let entry = ber::constructed(0x64, &[ber::element(OCTETS, b"cn=x"), attributes]);
        let whole = message(7, &entry);
        let Ok((7, Response::Entry(entry))) = read(content(&whole)) else {
            panic!()
        };
        assert_eq!(
            (entry.dn, entry.texts("memberof")),
            ("cn=x", Ok(vec!["a", "b"]))
        );
        assert_eq!(entry.texts("cn"), Ok(vec![]));
        let bytes = content(&whole);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.to_vec();
            other[at] ^= 0xff;
            let _ = read(&other);
        }
    }

    #[test]
    fn results_have_a_code() {
        let failed = [ber::number(ENUMERATED, 49), ber::element(OCTETS, b"")];
        for (tag, response) in [
            (0x61, Response::Bind(Done { code: 49 })),
            (0x65, Response::Search(Done { code: 49 })),
            (0x78, Response::Extended(Done { code: 49 })),
            (0x73, Response::Other),
        ] {
            let whole = message(1, &ber::constructed(tag, &failed));
            assert_eq!(read(content(&whole)), Ok((1, response)));
        }
    }
}
