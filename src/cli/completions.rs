//! `chainrule completions` and `chainrule man`: files for shells and for `man`

use std::path::PathBuf;

use anyhow::Result;
use chainrule::Error;
use chainrule::error::shown;
use clap_complete::Shell;

use super::command::command;
use super::{DONE, note, print};

#[derive(clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script that completes subcommands, flags and their values
pub fn completions(args: &CompletionsArgs) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "chainrule", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}

#[derive(clap::Args)]
pub struct ManArgs {
    /// Folder for the pages, which is made if it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a page for the program and for each subcommand
pub fn man(args: &ManArgs) -> Result<u8> {
    let dir = &args.dir;
    std::fs::create_dir_all(dir).map_err(Error::writing(dir))?;
    let mut command = command().disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, dir).map_err(Error::writing(dir))?;
    let page = std::path::absolute(dir.join("chainrule.1")).unwrap_or_else(|_| dir.join("chainrule.1"));
    note(&format!(
        "wrote the man pages into {}; read one with: man {}",
        shown(dir),
        chainrule::error::shell_quoted(page)
    ));
    Ok(DONE)
}
