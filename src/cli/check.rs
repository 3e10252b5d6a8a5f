//! `portcullis check`: reads a configuration and every file that it names.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use crate::{
    clock::Clock,
    config::{self, Config},
};

/// Bad usage or bad configuration.
const BAD: u8 = 2;

/// Prints what `path` configures, or everything that is wrong with it. With colours if `colour`.
///
/// The exit code is 0 or 2.
#[must_use]
pub fn run(path: &Path, colour: bool) -> ExitCode {
    let (out, err) = (io::stdout(), io::stderr());
    ExitCode::from(check(path, colour, &mut out.lock(), &mut err.lock()))
}

/// A terminal that is gone changes nothing about the answer, so errors of writing are let go.
fn check(path: &Path, colour: bool, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match config::load(path, &Clock::system()) {
        Ok(config) => {
            for warning in &config.warnings {
                let _ = writeln!(err, "warning: {warning}");
            }
            let _ = writeln!(out, "{}: ok ({})", path.display(), summary(&config));
            0
        }
        Err(report) => {
            let _ = write!(err, "{}", report.render(colour));
            BAD
        }
    }
}

fn summary(config: &Config) -> String {
    let policy = &config.policy;
    let counts = [
        (policy.registry.iter().count(), "issuer"),
        (policy.routes.all().len(), "route"),
        (policy.upstreams.len(), "upstream"),
        (config.warnings.len(), "warning"),
    ];
    let part = |(count, noun): (usize, &str)| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {noun}{plural}")
    };
    counts.map(part).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> (u8, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portcullis.toml");
        std::fs::write(&path, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(&path, false, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(out), text(err))
    }

    #[test]
    fn says_what_a_good_file_configures() {
        let (code, out, err) = checked(include_str!("../../config/minimal.toml"));
        assert_eq!((code, err.as_str()), (0, ""));
        let summary = "portcullis.toml: ok (1 issuer, 1 route, 1 upstream, 0 warnings)\n";
        assert!(out.ends_with(summary), "{out}");
        let (code, out, err) = checked("[upstream]\nurl = \"http://127.0.0.1:9000\"\n");
        assert!(
            code == 0 && out.contains("0 issuers, 1 route, 1 upstream, 1 warning)"),
            "{out}"
        );
        assert!(err.starts_with("warning: there is no issuer"), "{err}");
    }

    #[test]
    fn says_everything_that_is_wrong() {
        let (code, out, err) = checked("[upstream]\nurl = \"ftp://x\"\nport = 1\n");
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("portcullis.toml:2:7\n"), "{err}");
        assert!(
            err.contains("portcullis.toml:3:1\n") && err.ends_with("2 errors\n"),
            "{err}"
        );
    }

    #[test]
    fn says_when_there_is_no_file() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(
            Path::new("/nowhere/portcullis.toml"),
            false,
            &mut out,
            &mut err,
        );
        assert!(code == BAD && out.is_empty());
        assert!(
            String::from_utf8(err)
                .unwrap()
                .contains("cannot read /nowhere/portcullis.toml")
        );
    }
}
