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
