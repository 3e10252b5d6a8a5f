//! The built program, in a process of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use serde_json::Value;

/// The program; killed when a test fails.
pub(crate) struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Program {
    /// Starts it with the configuration `file`.
    pub(crate) fn start(file: &Path) -> Self {
        Self::start_with(file, |command| command)
    }

    /// As [`Program::start`], with what `more` adds.
    pub(crate) fn start_with(file: &Path, more: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["run", "--log-format", "json", "-c"])
            .arg(file)
            .env_remove("PORTCULLIS_LOG")
            .stderr(Stdio::piped());
        let mut child = more(&mut command).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// The next log event whose message begins so.
    pub(crate) fn next(&mut self, message: &str) -> Value {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["message"].as_str().unwrap().starts_with(message) {
                return event;
            }
            line.clear();
        }
        panic!("the program ended without {message}");
    }

    /// The address of the next event with this message.
    pub(crate) fn next_address(&mut self, message: &str) -> SocketAddr {
        let event = self.next(message);
        event["address"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end, which may be without a log; its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
