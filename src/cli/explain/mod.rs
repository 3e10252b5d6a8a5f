//! `portcullis explain`: one token, one request, and every step of the gateway's own pipeline; or a refusal that a
//! running gateway remembers.

use std::{
    io::{Read, Write, stderr, stdin, stdout},
    net::IpAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use reqwest::Url;

use crate::{
    clock::{Clock, UnixTime},
    config,
    explain::{self, Question, Report, curl},
    gateway::{Gateway, Policy},
    issuer::{Refresher, Registry},
    secret::Secret,
    telemetry::Metrics,
};

mod remembered;

/// What `explain` can be told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = super::run::DEFAULT_CONFIG)]
    pub config: PathBuf,
    /// The request: a method and a target
    #[arg(long, value_name = "REQUEST", default_value = "GET /")]
    pub request: String,
    /// A header field of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// The client's address, for filters and rules
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
    /// The body of the request, for claims that are bound to it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub body: String,
    /// The time to decide at: RFC 3339, or seconds since 1970; now by default
    #[arg(long, value_name = "TIME", value_parser = super::arguments::time)]
    pub at: Option<UnixTime>,
    /// A key set to use instead of the issuer's own source
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    /// How the steps are printed
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// The request as a curl command line in quotes; - reads it from standard input
    #[arg(long, value_name = "LINE|-", conflicts_with_all = ["request", "headers", "body"])]
    pub curl: Option<String>,
    /// A request that was refused, by the x-request-id of its response: the gateway that refused it is asked
    #[arg(long, value_name = "ID", conflicts_with_all = ["request", "headers", "body", "from", "at", "jwks", "curl", "token"])]
    pub request_id: Option<String>,
    /// The admin listener to ask, instead of that of the configuration
    #[arg(long, value_name = "URL", requires = "request_id")]
    pub admin: Option<Url>,
    /// The file with the admin token
    #[arg(long, value_name = "FILE", requires = "request_id")]
    pub admin_token_file: Option<PathBuf>,
    /// The token; - reads it from standard input
    #[arg(value_name = "TOKEN|-", required_unless_present_any = ["curl", "request_id"])]
    pub token: Option<String>,
}

/// How the steps are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The request is refused.
const REFUSED: u8 = 3;
/// Bad usage, bad configuration, or a request that is none.
const BAD: u8 = 2;

/// Prints the steps. Exits with 0 when the request is allowed, 3 when it is refused, 2 for bad input.
#[must_use]
pub fn run(options: &Options, colour: bool) -> ExitCode {
    match explain(options) {
        Ok(report) => {
            let text = match options.format {
                Format::Text => report.text(colour),
                Format::Json => report.json(),
            };
            let _ = stdout().write_all(text.as_bytes());
            if report.is_allowed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(REFUSED)
            }
        }
        Err(message) => {
            let _ = writeln!(stderr(), "portcullis explain: {}", message.trim_end());
            ExitCode::from(BAD)
        }
    }
}

fn explain(options: &Options) -> Result<Report, String> {
    if let Some(id) = &options.request_id {
        return remembered::report(options, id);
    }
    let clock = options.at.map_or_else(Clock::system, Clock::standing_at);
    let config = config::load(&options.config, &clock).map_err(|report| report.render(false))?;
    let question = question(options)?;
    let limits = config.server.limits;
    let whole = Gateway::new(
        config.policy,
        limits.clone(),
        clock.clone(),
        Metrics::default().into(),
    );
    let head = question.head(&whole).map_err(|error| error.to_string())?;
    let token = whole.token_of(&head, &question.body, question.from);
    let registry = narrowed(&whole, token, options, &clock)?;
    let policy = whole.into_policy();
    let policy = Policy {
        registry,
        ..policy.ok_or("the configuration is in use")?
    };
    let refresher = Refresher::new(&policy.registry, clock.clone());
    let gateway = Gateway::new(policy, limits, clock, Metrics::default().into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let report = tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::task::spawn_local(refresher.run());
        explain::ask(&gateway.aside(options.at), &question).await
    });
    report.map_err(|error| error.to_string())
}

/// The one issuer that is asked about the token of the request.
fn narrowed(
    gateway: &Gateway,
    token: Option<Secret>,
    options: &Options,
    clock: &Clock,
) -> Result<Registry, String> {
    let snapshot = gateway.snapshot();
    let policy = &snapshot.policy;
    let own = policy.token_service.as_deref();
    let token = token.as_ref().map_or(&b""[..], Secret::expose_secret);
    explain::narrow(
        &policy.registry,
        &policy.keychain,
        token,
        options.jwks.as_deref(),
        own.map(|service| &*service.settings.issuer),
        clock,
    )
}

fn question(options: &Options) -> Result<Question, String> {
    if options.curl.as_deref() == Some("-") && options.token.as_deref() == Some("-") {
        return Err("only one of --curl and the token can come from standard input".to_owned());
    }
    let token = options
        .token
        .as_deref()
        .map(|token| read(token, "the token"));
    let token = token.transpose()?;
    let token = token.map(|token| Secret::new(token.into_bytes()));
    if let Some(line) = &options.curl {
        let line = read(line, "the command line")?;
        let question = curl::parse(&line).map_err(|error| format!("--curl: {error}"))?;
        return Ok(Question {
            from: options.from,
            token,
            ..question
        });
    }
    let request = &options.request;
    let mut words = request.split_whitespace();
    let (Some(method), Some(target), None) = (words.next(), words.next(), words.next()) else {
        return Err(format!(
            "--request \"{request}\": write a method and a target, as in \"GET /orders/42\""
        ));
    };
    let headers = options.headers.iter().map(|header| {
        let wrong = || format!("-H \"{header}\": write a name, a colon and a value");
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        Ok((name.to_owned(), value.to_owned()))
    });
    Ok(Question {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.collect::<Result<_, String>>()?,
        body: options.body.clone().into_bytes(),
        from: options.from,
        token,
    })
}

/// The argument itself, or what comes from standard input.
fn read(argument: &str, what: &str) -> Result<String, String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    // More than any configuration accepts, and less than would be a burden.
    stdin()
        .take(1024 * 1024)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read {what} from standard input: {error}"))?;
    Ok(text.trim().to_owned())
}
