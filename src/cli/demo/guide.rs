//! What the demo prints: where everything is, and lines to paste.

use std::fmt::Write;

use super::{configuration::Addresses, issuer::Issuer, keys::KeyError, tokens::Kind};

/// One thing to try.
struct Case {
    title: &'static str,
    /// The status, and the code of the refusal if it is one.
    expected: &'static str,
    /// The rest of the line after `curl -i`.
    arguments: String,
}

/// The text that the demo prints once everything listens. It fits 100 columns, tokens aside, and
/// each line of it can be pasted as it is.
///
/// # Errors
/// [`KeyError`] when a token cannot be signed.
pub(super) fn text(addresses: &Addresses, issuer: &Issuer) -> Result<String, KeyError> {
    let Addresses {
        gateway,
        admin,
        issuer: issuer_address,
        upstream,
    } = addresses;
    let mut text = format!(
        "\
Portcullis demo. It runs until Ctrl-C.

  gateway    http://{gateway}   what clients call
  issuer     http://{issuer_address}   signs tokens of every kind, publishes its keys
  upstream   http://{upstream}   the API behind the gateway: it shows what reached it
  admin      http://{admin}   /readyz  /status  /metrics

Paste these into another terminal. The tokens are good for an hour.
"
    );
    for Case {
        title,
        expected,
        arguments,
    } in cases(addresses, issuer)?
    {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n# {title}: {expected}\ncurl -i {arguments}\n");
    }
    let _ = write!(
        text,
        "
# A token of any kind for a script of your own; `kind=?` lists the kinds
curl -s 'http://{issuer_address}/token?kind=valid&format=text'

# The issuer changes its key: new tokens pass at once, the ones above still do
curl -X POST http://{issuer_address}/rotate

# This gateway's configuration, and every step of its judgement on a token
portcullis demo --show-config > demo.toml
curl -s 'http://{issuer_address}/token?kind=expired&format=text' | \\
  portcullis explain -c demo.toml --request 'GET /orders/42' -
"
    );
    Ok(text)
}

fn cases(addresses: &Addresses, issuer: &Issuer) -> Result<Vec<Case>, KeyError> {
    let gateway = addresses.gateway;
    let with = |path: &str, kind| -> Result<String, KeyError> {
        let token = issuer.mint(kind)?;
        Ok(format!(
            "http://{gateway}{path} -H 'Authorization: Bearer {token}'"
        ))
    };
    let case = |title, expected, arguments| Case {
        title,
        expected,
        arguments,
    };
    Ok(vec![
        case(
            "A valid token, and a forged identity that does not arrive",
            "200",
            with("/orders/42", Kind::Valid)? + " -H 'X-Auth-Subject: root'",
        ),
        case(
            "No token",
            "401 token_missing",
            format!("http://{gateway}/orders/42"),
        ),
        case(
            "Expired an hour ago",
            "401 token_expired",
            with("/orders/42", Kind::Expired)?,
        ),
        case(
            "For another API",
            "401 audience_not_allowed",
            with("/orders/42", Kind::WrongAudience)?,
        ),
        case(
            "Forged: it names the issuer's key, another one signed it",
            "401 signature_invalid",
            with("/orders/42", Kind::Forged)?,
        ),
        case(
            "In the issuer's name, with the key of the other trusted issuer",
            "401 key_not_found",
            with("/orders/42", Kind::OtherKey)?,
        ),
        case(
            "A valid token without the scope of this route",
            "403 scope_insufficient",
            with("/reports/2026", Kind::Valid)?,
        ),
        case(
            "A valid token in a form; the body arrives byte for byte",
            "200",
            format!(
                "http://{gateway}/orders/42 -d item=tea -d 'access_token={}'",
                issuer.mint(Kind::Valid)?
            ),
        ),
        case("A public path", "200", format!("http://{gateway}/status")),
    ])
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn the_guide_is_calm_and_its_lines_can_be_pasted() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses {
            gateway: at(8080),
            admin: at(9090),
            issuer: at(8081),
            upstream: at(9000),
        };
        let issuer = Issuer::new(&addresses.issuer_url(), Clock::system()).unwrap();
        let text = text(&addresses, &issuer).unwrap();
        assert!(text.contains("\n# No token: 401 token_missing\ncurl -i http://127.0.0.1:8080/"));
        for line in text.lines() {
            assert!(line.len() <= 100 || line.contains("eyJ"), "{line}");
            let quotes = line.matches('\'').count();
            assert!(quotes % 2 == 0 || line.starts_with('#'), "{line}");
        }
    }
}
