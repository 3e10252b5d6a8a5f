//! `portcullis demo`: an issuer, an upstream and the gateway between them, in one process.

use std::{
    io::{Write, stderr, stdout},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use bytes::Bytes;
use clap::Args;
use http::Request;

use crate::{
    app::{App, AppError, Running},
    clock::Clock,
    config::{self, Report},
};
use background::{Answer, Background};
use configuration::Addresses;
use issuer::Issuer;
use keys::KeyError;
use ports::{Ports, PortsTaken};

mod answer;
mod background;
mod configuration;
mod guide;
mod io;
mod issuer;
mod keys;
mod ports;
#[cfg(test)]
mod tests;
mod tokens;
mod upstream;

/// What the demo can be told. Everything listens on 127.0.0.1; port 0 takes any free one.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The gateway's port
    #[arg(long, value_name = "PORT", default_value_t = Self::default().port)]
    pub port: u16,
    /// The issuer's port
    #[arg(long, value_name = "PORT", default_value_t = Self::default().issuer_port)]
    pub issuer_port: u16,
    /// The upstream's port
    #[arg(long, value_name = "PORT", default_value_t = Self::default().upstream_port)]
    pub upstream_port: u16,
    /// The port of the gateway's admin listener
    #[arg(long, value_name = "PORT", default_value_t = Self::default().admin_port)]
    pub admin_port: u16,
    /// Print the gateway's configuration and end
    #[arg(long)]
    pub show_config: bool,
}

/// Why the demo cannot run.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    /// Ports are in use.
    #[error(transparent)]
    Ports(#[from] PortsTaken),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The thread of the issuer and the upstream cannot be made.
    #[error("cannot start the issuer and the upstream: {0}")]
    Background(#[from] std::io::Error),
    /// The gateway does not take the demo's own configuration.
    #[error("the demo's own configuration is wrong:\n{0}")]
    Configuration(#[from] Report),
    /// The gateway cannot start.
    #[error(transparent)]
    App(#[from] AppError),
}

/// A demo that serves. Dropped, it ends without a drain.
struct Demo {
    gateway: Running,
    issuer: Arc<Issuer>,
    addresses: Addresses,
    background: Background,
}

/// Runs the demo until SIGINT or SIGTERM.
///
/// Exits with 0 after a clean drain, and with 1 if a port is in use, if it failed while running, or
/// if requests were cut off at the end.
pub fn run(options: Options) -> ExitCode {
    let done = if options.show_config {
        print(&options.addresses().configuration());
        Ok(true)
    } else {
        Demo::start(&options).and_then(Demo::serve)
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(stderr(), "portcullis demo: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    /// The addresses as asked for, before any port is taken.
    fn addresses(&self) -> Addresses {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Addresses {
            gateway: at(self.port),
            admin: at(self.admin_port),
            issuer: at(self.issuer_port),
            upstream: at(self.upstream_port),
        }
    }

    #[cfg(test)]
    const fn on_free_ports() -> Self {
        Self {
            port: 0,
            issuer_port: 0,
            upstream_port: 0,
            admin_port: 0,
            show_config: false,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 8080,
            issuer_port: 8081,
            upstream_port: 9000,
            admin_port: 9090,
            show_config: false,
        }
    }
}

impl Demo {
    /// Starts all four parts: first the issuer and the upstream, so that the gateway finds keys.
    fn start(options: &Options) -> Result<Self, DemoError> {
        let Ports {
            issuer: issuer_listener,
            upstream: upstream_listener,
            addresses,
        } = Ports::take(options)?;
        let clock = Clock::system();
        let issuer = Arc::new(Issuer::new(&addresses.issuer_url(), clock.clone())?);
        let answers = Arc::clone(&issuer);
        let background = Background::start(vec![
            (
                issuer_listener,
                Arc::new(move |request: Request<Bytes>| answers.answer(&request)) as Arc<Answer>,
            ),
            (
                upstream_listener,
                Arc::new(|request: Request<Bytes>| upstream::echo(&request)),
            ),
        ])?;
        let text = addresses.configuration();
        let config = config::parse("demo.toml", &text, Path::new("."), &|_| None, &clock)?;
        let gateway = App::bind(config, clock)?.start()?;
        Ok(Self {
            gateway,
            issuer,
            addresses,
            background,
        })
    }

    /// Prints the guide and serves until a signal. True if every request finished in time.
    fn serve(self) -> Result<bool, DemoError> {
        print(&guide::text(&self.addresses, &self.issuer, &program())?);
        let in_time = self.gateway.serve_until_signal();
        // The upstream ends after the gateway, which may still wait for an answer of it.
        drop(self.background);
        Ok(in_time)
    }
}

/// How a shell calls this program: by its name when that is how it was called, and else by its path,
/// because `cargo run` puts it on nobody's `PATH`.
fn program() -> String {
    const NAME: &str = "portcullis";
    let by_name = std::env::args_os()
        .next()
        .is_none_or(|called| Path::new(&called).components().count() == 1);
    let path = std::env::current_exe().ok().filter(|_| !by_name);
    match path.as_deref().and_then(Path::to_str) {
        Some(path)
            if path
                .chars()
                .all(|c| c.is_alphanumeric() || "/._-+".contains(c)) =>
        {
            path.to_owned()
        }
        Some(path) if !path.contains('\'') => format!("'{path}'"),
        Some(_) | None => NAME.to_owned(),
    }
}

/// Prints `text`. A reader that went away (`| head`) is no reason to end.
fn print(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
