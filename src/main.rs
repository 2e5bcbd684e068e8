//! The command-line tool `chainrule`; all that it can do is in the library

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
