//! `portcullis import`: another program's configuration as one of ours.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};

use crate::{
    config::SCHEMA_LINE,
    import::{self, CONFIGURATION, File, ImportError, Imported},
};

/// Bad usage or bad configuration.
const BAD: u8 = 2;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What is imported.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Whose configuration it is
    #[arg(value_enum)]
    pub from: From,
    /// The configuration
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A folder for what is written; without it, the configuration goes to standard output
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// Open Liberty's or WebSphere Liberty's server.xml
    Liberty,
    /// A registry of Netcall's Liberty Create, in JSON
    Create,
    /// Envoy's jwt_authn, in YAML or JSON
    Envoy,
}

/// Prints or writes what `options` ask for; what could not be carried over goes to standard error.
///
/// The exit code is 0 or 2.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let (out, err) = (io::stdout(), io::stderr());
    ExitCode::from(tell(options, &mut out.lock(), &mut err.lock()))
}

/// A terminal that is gone changes nothing about the answer, so errors of writing to it are let go.
fn tell(options: &Options, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let imported = match read(options) {
        Ok(imported) => imported,
        Err(error) => {
            let _ = writeln!(err, "{}: {error}", options.file.display());
            return BAD;
        }
    };
    let written = match &options.output {
        None => print(&imported, out, err),
        Some(folder) => write(&imported, folder, out),
    };
    if let Err(message) = written {
        let _ = writeln!(err, "{message}");
        return BAD;
    }
    if !imported.left.is_empty() {
        let _ = writeln!(err, "not carried over, or yours to do:");
    }
    for left in &imported.left {
        let _ = writeln!(err, "  {left}");
    }
    0
}

fn read(options: &Options) -> Result<Imported, ImportError> {
    let error = |error| ImportError::Read {
        path: options.file.clone(),
        error,
    };
    let mut text = String::new();
    let file = fs::File::open(&options.file).map_err(error)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(error)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(error(io::Error::other("it is larger than 16 MiB")));
    }
    let name = options
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    match options.from {
        From::Liberty => import::liberty::import(&text, &name),
        From::Create => import::create::import(&text, &name),
        From::Envoy => import::envoy::import(&text, &name),
    }
}

fn print(imported: &Imported, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), String> {
    for file in &imported.files {
        if file.name == CONFIGURATION {
            let _ = write!(out, "{}{}", first_line(file), file.text);
        } else {
            let _ = writeln!(
                err,
                "{} comes as well: --output FOLDER writes both",
                file.name
            );
        }
    }
    Ok(())
}

/// What editors look for in a configuration.
fn first_line(file: &File) -> &'static str {
    match file.name {
        CONFIGURATION => SCHEMA_LINE,
        _ => "",
    }
}

/// Writes each file, and none over another one. They may hold secrets, so they are for the owner alone.
fn write(imported: &Imported, folder: &Path, out: &mut dyn Write) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    for file in &imported.files {
        let path = folder.join(file.name);
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&path);
        let line = first_line(file);
        let written = opened.and_then(|mut open| write!(open, "{line}{}", file.text));
        written.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        let _ = writeln!(out, "{}", path.display());
    }
    Ok(())
}
