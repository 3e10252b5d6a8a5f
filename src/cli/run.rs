//! `portcullis run`: serves until SIGTERM or SIGINT, and reloads on SIGHUP.

use std::{
    io::{IsTerminal, Write, stderr},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;

use crate::{
    app::{App, AppError, Surroundings},
    clock::Clock,
    config,
    telemetry::log::{self, Format},
};

/// The configuration that is read when none is named.
pub const DEFAULT_CONFIG: &str = "portcullis.toml";

/// Bad usage or bad configuration.
const BAD: u8 = 2;

/// What `run` can be told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
    /// How log lines look: text on a terminal, json otherwise
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// Share the TCP ports with a gateway of the same user, which is about to end
    #[arg(long)]
    pub take_over: bool,
}

/// Serves. Exits with 0 after a clean drain, 1 if it failed while running or requests were cut off,
/// 2 if the configuration is wrong.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let clock = Clock::system();
    let config = match config::load(&options.config, &clock) {
        Ok(config) => config,
        Err(report) => {
            let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let _ = write!(stderr(), "{}", report.render(colour));
            if !options.config.exists() {
                let _ = writeln!(
                    stderr(),
                    "Name a configuration with -c FILE. To try the gateway without one: portcullis demo"
                );
            }
            return ExitCode::from(BAD);
        }
    };
    log::start(options.log_format);
    log::panics();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let running = Surroundings::of_process(options.take_over)
        .map_err(AppError::Inherited)
        .and_then(|surroundings| App::bind_in(surroundings, config, clock))
        .and_then(App::start);
    let running = match running {
        Ok(running) => running,
        Err(error) => {
            let _ = writeln!(stderr(), "portcullis: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Before anybody is told that it runs: SIGHUP would end it.
    running.obey_signals();
    for address in running.addresses() {
        tracing::info!(%address, "listening");
    }
    for address in running.authorizers() {
        tracing::info!(%address, "authorizer listening");
    }
    if let Some(address) = running.admin_address() {
        tracing::info!(%address, "admin listening");
    }
    running.tell_ready();
    if running.wait() {
        tracing::info!("every request finished");
        return ExitCode::SUCCESS;
    }
    tracing::error!("no clean end: requests were cut off, or a task has panicked");
    ExitCode::FAILURE
}
