//! The `portcullis` program: arguments in, an exit code out. Everything else is in the library.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};
use portcullis::cli::{
    check, completions, demo, explain, import, keys, manual, mint, request_token, run, schema,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A reverse proxy that lets a request through only when its JSON Web Token is good
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Options,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (what happens without a command, too)
    Run(run::Options),
    /// Read a configuration and every file that it names, and print every error
    Check {
        /// The configuration
        #[arg(short, long, value_name = "FILE", default_value = run::DEFAULT_CONFIG)]
        config: PathBuf,
    },
    /// Run an issuer, an upstream and the gateway between them, and print curl lines to try
    Demo(demo::Options),
    /// Show every step of the pipeline for one token and one request
    Explain(Box<explain::Options>),
    /// Turn another program's configuration into one of this, and say what could not be carried over
    Import(import::Options),
    /// Sign a token with a key and given claims
    Mint(Box<mint::Options>),
    /// Ask a token endpoint for a token, with an assertion that a key signs
    RequestToken(Box<request_token::Options>),
    /// Make, show and rotate the gateway's own signing keys
    Keys(keys::Options),
    /// Print the JSON Schema of a configuration, with which editors complete and check
    Schema,
    /// Print the script with which a shell completes commands and options
    Completions(completions::Options),
    /// Print the manual, or write a page for each command
    Man(manual::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(options) => run::run(&options),
        Command::Check { config } => check::run(&config, has_colour(&std::io::stderr())),
        Command::Demo(options) => demo::run(options),
        Command::Explain(options) => explain::run(&options, has_colour(&std::io::stdout())),
        Command::Import(options) => import::run(&options),
        Command::Mint(options) => mint::run(&options),
        Command::RequestToken(options) => request_token::run(&options),
        Command::Keys(options) => keys::run(&options),
        Command::Schema => schema::run(),
        Command::Completions(options) => completions::run(options, Arguments::command()),
        Command::Man(options) => manual::run(&options, Arguments::command()),
    }
}

/// Colour only on a terminal, and never with `NO_COLOR`.
fn has_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
