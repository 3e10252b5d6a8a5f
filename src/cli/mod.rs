//! What the program does from the command line: one file or folder a command.

pub mod check;
pub mod demo;
pub mod explain;
pub mod import;
pub mod run;
