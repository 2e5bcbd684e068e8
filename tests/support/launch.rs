//! The one launcher of programs: nothing in the caller's environment changes what a test sees

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program under test
pub const CHAINRULE: &str = env!("CARGO_BIN_EXE_chainrule");

/// Prefixes of variables that the program, its libraries, its scripts or a scheduler's commands read
const PREFIXES: [&str; 12] = [
    "AWS_BATCH_",
    "BATCH_TASK_",
    "CHAINRULE",
    "CIRCLE",
    "CI_NODE_",
    "CLICOLOR",
    "LSB_",
    "PBS_",
    "RAYON_",
    "SBATCH_",
    "SGE_",
    "SLURM_",
];
/// Other such variables: the terminal's, the settings of `scripts/sweeps`, and those of schedulers
const NAMES: [&str; 13] = [
    "COLUMNS",
    "NO_COLOR",
    "TERM",
    "DATA",
    "EPOCHS",
    "JOBS",
    "OUT",
    "SEEDS",
    "TASKS",
    "GITLAB_CI",
    "JOB_COMPLETION_INDEX",
    "NCPUS",
    "NSLOTS",
];

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
