//! What the program does from the command line: one file or folder a command.

mod arguments;
pub mod check;
pub mod completions;
pub mod demo;
pub mod explain;
pub mod import;
pub mod keys;
pub mod manual;
pub mod mint;
pub mod request_token;
pub mod run;
pub mod schema;
