//! What the demo prints: where everything is, and lines to paste.

use std::fmt::{self, Write};

use super::{configuration::Addresses, issuer::Issuer, keys::KeyError, tokens::Kind};

/// One thing to try. Printed, it is the curl line.
pub(super) struct Case {
    title: &'static str,
    /// The status, and after a space the code of the refusal if it is one.
    pub(super) expected: &'static str,
    origin: String,
    pub(super) path: &'static str,
    /// Header lines, without line breaks.
    pub(super) headers: Vec<String>,
    /// The fields of a form, encoded; any makes it a POST.
    pub(super) form: Vec<String>,
}

/// The text that the demo prints once everything listens. It fits 100 columns, tokens and paths aside,
/// and all of it that is not indented can be pasted into a shell. `program` is what the shell calls us.
///
/// # Errors
/// [`KeyError`] when a token cannot be signed.
pub(super) fn text(
    addresses: &Addresses,
    issuer: &Issuer,
    program: &str,
) -> Result<String, KeyError> {
    let mut text = String::from("Portcullis demo. It runs until Ctrl-C.\n\n");
    // Here and below: writing to a String cannot fail.
    for (name, address, what) in [
        ("gateway", addresses.gateway, "what clients call"),
        (
            "issuer",
            addresses.issuer,
            "signs good and bad tokens, publishes its keys",
        ),
        (
            "upstream",
            addresses.upstream,
            "the API behind the gateway: shows what reached it",
        ),
        (
            "admin",
            addresses.admin,
            "open it in a browser: keys, routes, who was refused and why",
        ),
    ] {
        let _ = writeln!(
            text,
            "  {name:<8}  http://{:<15}  {what}",
            address.to_string()
        );
    }
    text.push_str("\nPaste these into another terminal. The tokens are good for an hour.\n");
    for case in cases(addresses, issuer)? {
        let _ = write!(text, "\n# {}: {}\n{case}\n", case.expected, case.title);
    }
    let (issuer, admin) = (addresses.issuer, addresses.admin);
    let _ = write!(
        text,
        "
# Why? Put the request_id of any refusal here
{program} explain --admin http://{admin} --request-id ID

# A token of any kind, for a request of your own
curl -s 'http://{issuer}/token?kind=valid&format=text'

# The issuer changes its key: new tokens pass at once, the ones above still do
curl -X POST http://{issuer}/rotate

# What the gateway is told, and each step of its judgement on a token
{program} demo --show-config{} > demo.toml
curl -s 'http://{issuer}/token?kind=expired&format=text' |
  {program} explain -c demo.toml --request 'GET /orders/42' -
",
        addresses.options()
    );
    Ok(text)
}

/// Everything to try, in the order in which it is printed.
///
/// # Errors
/// [`KeyError`] when a token cannot be signed.
pub(super) fn cases(addresses: &Addresses, issuer: &Issuer) -> Result<Vec<Case>, KeyError> {
    let case = |title, expected, path| Case {
        title,
        expected,
        origin: format!("http://{}", addresses.gateway),
        path,
        headers: Vec::new(),
        form: Vec::new(),
    };
    let with = |kind, title, expected, path| -> Result<Case, KeyError> {
        let mut case = case(title, expected, path);
        let token = issuer.mint(kind)?;
        case.headers.push(format!("Authorization: Bearer {token}"));
        Ok(case)
    };
    let order = "/orders/42";
    let mut valid = with(
        Kind::Valid,
        "a valid token; the forged identity is replaced",
        "200",
        order,
    )?;
    valid.headers.push("X-Auth-Subject: root".to_owned());
    let mut form = case(
        "a valid token in a form; the body arrives byte for byte",
        "200",
        order,
    );
    form.form.push("item=tea".to_owned());
    form.form
        .push(format!("access_token={}", issuer.mint(Kind::Valid)?));
    Ok(vec![
        valid,
        case("no token", "401 token_missing", order),
        with(
            Kind::Expired,
            "expired an hour ago",
            "401 token_expired",
            order,
        )?,
        with(
            Kind::WrongAudience,
            "for another API",
            "401 audience_not_allowed",
            order,
        )?,
        with(
            Kind::Forged,
            "forged: it names the issuer's key, but another one signed it",
            "401 signature_invalid",
            order,
        )?,
        with(
            Kind::OtherKey,
            "in the issuer's name, with the key of the other trusted issuer",
            "401 key_not_found",
            order,
        )?,
        with(
            Kind::Valid,
            "a valid token without the scope of this route",
            "403 scope_insufficient",
            "/reports/2026",
        )?,
        form,
        case("a public path", "200", "/status"),
    ])
}

impl fmt::Display for Case {
    /// Quoted for a POSIX shell: no value here holds a single quote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "curl -i {}{}", self.origin, self.path)?;
        for header in &self.headers {
            write!(f, " -H '{header}'")?;
        }
        for field in &self.form {
            write!(f, " -d '{field}'")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::demo::Options, clock::Clock};

    fn guide(options: &Options) -> String {
        let addresses = options.addresses();
        let issuer = Issuer::new(&addresses.issuer_url(), Clock::system()).unwrap();
        text(&addresses, &issuer, "portcullis").unwrap()
    }

    #[test]
    fn the_guide_is_calm_and_its_lines_can_be_pasted() {
        let text = guide(&Options::default());
        assert!(text.contains("\n# 401 token_missing: no token\ncurl -i http://127.0.0.1:8080/"));
        assert!(text.contains("demo --show-config > demo.toml\n"));
        for line in text.lines() {
            assert!(line.len() <= 100 || line.contains("eyJ"), "{line}");
            let quotes = line.matches('\'').count();
            assert!(quotes % 2 == 0 || line.starts_with('#'), "{line}");
        }
    }

    #[test]
    fn other_ports_stand_in_every_line() {
        let text = guide(&Options {
            port: 18080,
            ..Options::default()
        });
        assert!(text.contains("curl -i http://127.0.0.1:18080/"));
        assert!(!text.contains("127.0.0.1:8080"));
        assert!(text.contains(
            "--show-config --port 18080 --issuer-port 8081 --upstream-port 9000 --admin-port 9090 >"
        ));
    }
}
