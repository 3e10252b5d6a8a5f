//! `portcullis keys`: the gateway's own signing keys.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand, ValueEnum};

use super::{
    arguments::{lifetime, signature_algorithm, wait},
    run::DEFAULT_CONFIG,
};
use crate::{
    clock::{Clock, UnixTime},
    config,
    jose::Algorithm,
    signing::{Directory, Outcome, Settings},
};

mod list;

/// What `keys` can be told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Make a key; the first one of a directory signs at once
    Generate(Generate),
    /// Show the keys, what each does now, and when that changes
    List(List),
    /// Publish a new key that takes over when verifiers know it
    Rotate(Rotate),
}

/// Where the keys are.
#[derive(Args, Clone, Debug)]
struct Place {
    /// The directory of the keys; by default that of [signing] in the configuration
    #[arg(short, long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The configuration; with --directory, none is read unless it is named
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
struct Generate {
    #[command(flatten)]
    place: Place,
    /// What it signs by
    #[arg(long, value_name = "ALG", value_parser = signature_algorithm)]
    algorithm: Option<Algorithm>,
    /// How long it is published before it signs
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    publish_for: Option<i64>,
    /// The longest life of a token that it signs
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    token_lifetime: Option<i64>,
}

#[derive(Args, Clone, Debug)]
struct List {
    #[command(flatten)]
    place: Place,
    /// How they are shown; jwks is what verifiers need
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args, Clone, Debug)]
struct Rotate {
    #[command(flatten)]
    place: Place,
    /// When the new key takes over: later than verifiers need to learn of it
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    after: Option<i64>,
    /// What the new key signs by; by default as the key that signs now, or as configured
    #[arg(long, value_name = "ALG", value_parser = signature_algorithm)]
    algorithm: Option<Algorithm>,
    /// The longest life of a token that the new key signs
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    token_lifetime: Option<i64>,
}

/// How keys are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// The key set that is published now.
    Jwks,
}

/// Bad usage, or keys that cannot be used.
const BAD: u8 = 2;

/// Makes, shows or rotates keys. Exits with 0 or 2.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let now = Clock::system().now();
    match answer(&options.command, now) {
        Ok(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(message) => {
            let _ = writeln!(io::stderr(), "portcullis keys: {}", message.trim_end());
            ExitCode::from(BAD)
        }
    }
}

fn answer(command: &Command, now: UnixTime) -> Result<String, String> {
    match command {
        Command::Generate(options) => generate(options, now),
        Command::List(options) => {
            let (directory, _) = options.place.settings()?;
            let signer = directory.load().map_err(|error| error.to_string())?;
            Ok(list::show(&signer, options.format, now))
        }
        Command::Rotate(options) => rotate(options, now),
    }
}

fn generate(options: &Generate, now: UnixTime) -> Result<String, String> {
    let (directory, configured) = options.place.settings()?;
    let usual = configured.unwrap_or_default();
    let settings = Settings {
        algorithm: options.algorithm.unwrap_or(usual.algorithm),
        token_lifetime: options.token_lifetime.unwrap_or(usual.token_lifetime),
        ..usual
    };
    let made = directory.generate(&settings, options.publish_for, now);
    Ok(said(&made.map_err(|error| error.to_string())?, now))
}

fn rotate(options: &Rotate, now: UnixTime) -> Result<String, String> {
    let (directory, configured) = options.place.settings()?;
    let own = configured.as_ref();
    let usual = Settings::default().publish_for;
    let outcome = directory.rotate(
        options.algorithm.or(own.map(|own| own.algorithm)),
        options
            .after
            .unwrap_or_else(|| own.map_or(usual, |own| own.publish_for)),
        options.token_lifetime.or(own.map(|own| own.token_lifetime)),
        now,
    );
    Ok(said(&outcome.map_err(|error| error.to_string())?, now))
}

fn said(outcome: &Outcome, now: UnixTime) -> String {
    let Outcome {
        kid,
        algorithm,
        signs_from,
        is_new,
    } = outcome;
    let what = if *is_new {
        ""
    } else {
        "a rotation is under way: "
    };
    let when = if *signs_from <= now {
        "now".to_owned()
    } else {
        format!("from {signs_from}")
    };
    format!("{what}{kid} ({algorithm}) is published, and signs {when}\n")
}

impl Place {
    /// The directory, and what the configuration says, if one is read.
    fn settings(&self) -> Result<(Directory, Option<Settings>), String> {
        let settings = match (&self.config, &self.directory) {
            (Some(config), _) => Some(read(config)?),
            (None, Some(_)) => None,
            (None, None) => Some(read(Path::new(DEFAULT_CONFIG))?),
        };
        let configured = settings.as_ref().and_then(|s| s.directory.clone());
        let directory = self.directory.clone().or(configured);
        let directory = directory.ok_or(
            "no directory: name one with --directory DIR, or in [signing] of the configuration",
        )?;
        Ok((Directory::new(directory), settings))
    }
}

fn read(path: &Path) -> Result<Settings, String> {
    config::signing(path).map_err(|report| {
        let report = report.render(false);
        if path.exists() {
            report
        } else {
            format!("{report}name the directory of the keys with --directory DIR, or a configuration with -c FILE")
        }
    })
}
