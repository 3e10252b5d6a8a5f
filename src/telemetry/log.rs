//! Structured logs on standard error. No token, no cookie and no query string is ever in them.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Has panics logged by their place only. What they say is left out: it may be a piece of what a client
/// sent, a token even.
pub fn panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(at, thread = thread.name(), "panic: a defect of the gateway");
    }));
}

/// Starts logging; `PORTCULLIS_LOG` filters (`info` by default). A second call changes nothing.
pub fn start(format: Option<Format>) {
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { Format::Text } else { Format::Json });
    let filter =
        EnvFilter::try_from_env("PORTCULLIS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let _ = match format {
        Format::Text => registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(colour)
                    .with_target(false),
            )
            .try_init(),
        Format::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
    };
}
