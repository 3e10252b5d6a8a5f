//! `portcullis completions`: what a shell completes.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Command};
use clap_complete::Shell;

/// For which shell.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script that `options` ask for, about the whole program that `command` is.
///
/// The exit code is 0, or 1 when it could not be written as a whole.
#[must_use]
pub fn run(options: Options, mut command: Command) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    match io::stdout().lock().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_script_for_each_shell_and_none_for_another() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let shell: Shell = shell.parse().unwrap();
            let mut command = Command::new("portcullis").subcommand(Command::new("explain"));
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "portcullis", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("explain"), "{shell}");
        }
        assert!("cmd".parse::<Shell>().is_err());
    }
}
