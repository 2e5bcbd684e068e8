//! The one launcher of programs: nothing in the caller's environment changes what a test sees

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program under test
pub const CHAINRULE: &str = env!("CARGO_BIN_EXE_chainrule");

/// Prefixes of variables that the program, its libraries, its scripts or a scheduler's commands read
const PREFIXES: [&str; 5] = ["CHAINRULE", "CLICOLOR", "RAYON_", "SBATCH_", "SLURM_"];
/// Other such variables: the terminal's, and the settings of `scripts/sweeps`
const NAMES: [&str; 9] = ["COLUMNS", "NO_COLOR", "TERM", "DATA", "EPOCHS", "JOBS", "OUT", "SEEDS", "TASKS"];

/// A command for `program` in `folder`, with empty standard input and without the variables above
pub fn launch(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if NAMES.contains(&&*text) || PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}
