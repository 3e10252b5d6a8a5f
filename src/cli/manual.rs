//! `portcullis man`: the manual, made from the same declarations as the help.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Command};
use clap_mangen::Man;

/// Where the pages go.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// A folder for one page a command; without it, the first page goes to standard output
    #[arg(short, long, value_name = "FOLDER")]
    pub output_dir: Option<PathBuf>,
}

/// When the words of this file were last changed: without a date, the version would stand in its place.
const DATE: &str = "2026-11-22";

/// What every page ends with, in the language of man(7).
const END: &str = r#".SH "EXIT STATUS"
.TP
\fB0\fR
Done. Of \fBcheck\fR: the configuration is right. Of \fBexplain\fR: the request would pass. Of \fBrun\fR and
\fBdemo\fR: every request was finished before the end.
.TP
\fB1\fR
Failed. Of \fBrun\fR and \fBdemo\fR: they failed, cut requests off, or ended because of a defect.
.TP
\fB2\fR
Bad usage, bad input or a bad configuration.
.TP
\fB3\fR
Of \fBexplain\fR: the request would be refused.
.SH FILES
.TP
\fIportcullis.toml\fR
The configuration, in the folder where the command is called; \fB\-\-config\fR names another.
.TP
\fI/etc/portcullis/portcullis.toml\fR
The configuration of the systemd unit and of the image.
.SH ENVIRONMENT
.TP
\fBNO_COLOR\fR
Not empty: messages have no colours.
.TP
Any other
A string of the configuration may hold ${NAME}, the value of that variable.
"#;

/// Prints or writes what `options` ask for, about the whole program that `command` is.
///
/// The exit code is 0, or 1 when something could not be written.
#[must_use]
pub fn run(options: &Options, command: Command) -> ExitCode {
    let command = command.disable_help_subcommand(true);
    let written = match &options.output_dir {
        None => page(command).and_then(|page| io::stdout().lock().write_all(&page)),
        Some(folder) => fs::create_dir_all(folder).and_then(|()| write(folder, command)),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "the manual cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One page for the program, and one for each command of it and of its commands.
fn write(folder: &Path, mut command: Command) -> io::Result<()> {
    command.build();
    let mut left = vec![command];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().cloned());
        let name = Man::new(command.clone()).get_filename();
        fs::write(folder.join(name), page(command)?)?;
    }
    Ok(())
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let name = command.get_name().to_owned();
    let source = format!("portcullis {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).date(DATE).source(source);
    let mut rendered = Vec::new();
    man.manual("Portcullis").render(&mut rendered)?;
    // An empty line between two breaks is a space, and mandoc wants it said so.
    let text = String::from_utf8_lossy(&rendered).replace("\n.br\n\n.br\n", "\n.sp\n");
    let mut page = text.into_bytes();
    page.write_all(END.as_bytes())?;
    if name != "portcullis" {
        page.write_all(b".SH \"SEE ALSO\"\n\\fBportcullis\\fR(1)\n")?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let keys = Command::new("keys").subcommand(Command::new("list"));
        let command = Command::new("portcullis").version("1").subcommand(keys);
        command.disable_help_subcommand(true)
    }

    #[test]
    fn every_command_gets_a_page_that_says_how_it_exits() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), command()).unwrap();
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "portcullis-keys-list.1",
            "portcullis-keys.1",
            "portcullis.1",
        ];
        assert_eq!(names, expected);
        for name in names {
            let text = fs::read_to_string(folder.path().join(&name)).unwrap();
            assert!(text.contains("EXIT STATUS"), "{name}");
            assert_eq!(text.contains("SEE ALSO"), name != "portcullis.1", "{name}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(write(file.path(), command()).is_err());
    }
}
