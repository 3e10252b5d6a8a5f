//! `portcullis schema`: the JSON Schema of a configuration, for editors.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::config;

/// Prints the schema. The exit code is 0, or 1 when it could not be written as a whole.
#[must_use]
pub fn run() -> ExitCode {
    let written = io::stdout()
        .lock()
        .write_all(config::json_schema().as_bytes());
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // Half a schema in a file would be taken for a whole one.
        Err(_) => ExitCode::FAILURE,
    }
}
