use proptest::prelude::*;

use super::*;

fn client(address: &str) -> Result<Named, HeaderError> {
    Ok(Named::Client(address.parse().unwrap()))
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Result<Named, HeaderError> {
    let mut bytes = [0; PREAMBLE];
    bytes[..12].copy_from_slice(SIGNATURE);
    bytes[12..14].copy_from_slice(&[command, family]);
    bytes[14..].copy_from_slice(&u16::try_from(rest.len()).unwrap().to_be_bytes());
    preamble(&bytes)?.names(rest)
}

#[test]
fn a_line_names_its_source() {
    assert_eq!(
        line(b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"),
        client("192.0.2.1")
    );
    assert_eq!(
        line(b"PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"),
        client("2001:db8::1")
    );
    let mapped = line(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n");
    assert_eq!(mapped, client("192.0.2.1"));
    for unknown in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN what ever it is 0\r\n"] {
        assert_eq!(line(unknown.as_bytes()), Ok(Named::Unknown));
    }
}

#[test]
fn a_line_that_is_nearly_one_is_none() {
    for bad in [
        "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443",
        "PROXY TCP4  192.0.2.1 198.51.100.2 4711 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 04711 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +4711 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 \r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 nobody 1 2\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n",
        "PROXY UNKNOWN\n\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY\r\n",
        "\r\n",
        "",
        "GET / HTTP/1.1\r\n",
    ] {
        assert!(line(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    assert_eq!(line(long.as_bytes()), Err(HeaderError::Line));
    assert!(line(long.replacen('x', "", 1).as_bytes()).is_ok());
}

#[test]
fn version_2_names_its_source() {
    let mut rest = vec![192, 0, 2, 1, 198, 51, 100, 2, 1, 1, 2, 2];
    assert_eq!(version_2(0x21, 0x11, &rest), client("192.0.2.1"));
    // Notes behind the addresses are passed over.
    rest.extend([3, 0, 2, 9, 9, 4, 0, 0]);
    assert_eq!(version_2(0x21, 0x11, &rest), client("192.0.2.1"));
    let mut six = [0; 36];
    six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    six[15] = 1;
    assert_eq!(version_2(0x21, 0x21, &six), client("2001:db8::1"));
    assert_eq!(version_2(0x21, 0x31, &[b'/'; 216]), Ok(Named::Unknown));
    assert_eq!(version_2(0x21, 0x00, &[]), Ok(Named::Unknown));
    assert_eq!(version_2(0x20, 0x00, &[]), Ok(Named::Balancer));
    assert_eq!(version_2(0x20, 0x11, &rest), Ok(Named::Balancer));
}

#[test]
fn version_2_that_is_nearly_right_is_refused() {
    let rest = [192, 0, 2, 1, 198, 51, 100, 2, 1, 1, 2, 2];
    for (command, family, error) in [
        (0x11, 0x11, HeaderError::Version),
        (0x22, 0x11, HeaderError::Version),
        (0x01, 0x11, HeaderError::Version),
        (0x21, 0x12, HeaderError::Transport),
        (0x21, 0x22, HeaderError::Transport),
        (0x21, 0x41, HeaderError::Transport),
        (0x21, 0x10, HeaderError::Transport),
        (0x21, 0x21, HeaderError::Length),
        (0x21, 0x31, HeaderError::Length),
    ] {
        let read = version_2(command, family, &rest);
        assert_eq!(read, Err(error), "{command:x} {family:x}");
    }
    assert_eq!(version_2(0x21, 0x11, &rest[1..]), Err(HeaderError::Length));
    let long = vec![0; LONGEST_REST + 1];
    assert_eq!(version_2(0x20, 0, &long), Err(HeaderError::Length));
    assert_eq!(
        version_2(0x20, 0, &long[1..]),
        Ok(Named::Balancer),
        "as long as it may be"
    );
    assert_eq!(preamble(b"GET / HTTP/1.1\r\n"), Err(HeaderError::Missing));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, fixed: [u8; PREAMBLE], command in 0x20..0x22_u8, family: u8) {
        let _ = line(&bytes);
        let _ = line(&[b"PROXY ", &*bytes, b"\r\n"].concat());
        let _ = preamble(&fixed);
        let rest = bytes.get(..bytes.len().min(LONGEST_REST)).unwrap_or_default();
        let _ = version_2(command, family, rest);
    }

    #[test]
    fn what_a_balancer_writes_is_read(source: std::net::Ipv6Addr, target: std::net::Ipv6Addr, port: u16) {
        let text = format!("PROXY TCP6 {source} {target} {port} 443\r\n");
        prop_assert_eq!(line(text.as_bytes()), Ok(Named::Client(IpAddr::from(source).to_canonical())));
    }
}
