//! The command line, with one file for each subcommand

mod bench;
mod command;
mod completions;
mod copies_flags;
mod ensemble;
mod ensemble_members;
mod evaluate;
mod export;
mod format;
mod gradcheck;
mod import_flags;
mod info;
mod info_data;
mod info_inputs;
mod info_table;
mod machine;
mod plot;
mod predict;
mod resume;
mod run_output;
mod run_progress;
mod runs;
mod shard_choice;
mod signals;
mod standard;
mod sweep;
mod sweep_output;
mod sweep_progress;
mod table_form;
mod tags;
mod train;
mod usage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use chainrule::error::printable_lines;
use clap::FromArgMatches;

/// Trains dense neural networks from the command line, fast, on CPUs
#[derive(clap::Parser)]
#[command(version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  chainrule train --quick
  chainrule train --hidden-dims 256 128 --learning-rate 0.05
  chainrule sweep learning_rate --seeds 3
  chainrule runs --sort test_accuracy --top 5
  chainrule info results/RUN

Losses are in nats (natural logarithm); accuracies go from 0 to 1.
`chainrule COMMAND --help` lists the flags of a command.";

#[derive(clap::Subcommand)]
enum Command {
    /// Train a net on a data set; without flags, the default net on Fashion-MNIST
    Train(Box<train::Args>),
    /// Train many nets, side by side: the cross product of --grid axes, a plan, or one of three standard sweeps
    Sweep(Box<sweep::Args>),
    /// Check gradients against central differences, on a net of your choice; in f64, whatever --dtype runs have
    Gradcheck(gradcheck::Args),
    /// Evaluate a model on labelled rows: loss, accuracy, the metrics of each class, the confusion
    Evaluate(Box<evaluate::Args>),
    /// Evaluate the mean of several models, such as the best of a sweep: its metrics beside those of each
    Ensemble(Box<ensemble::Args>),
    /// Predict the class of each row of a table, or of an IDX, .npy or .npz file, which may be longer than memory
    Predict(predict::Args),
    /// Measure this machine: its limits, products, loops, epochs, predictions
    Bench(bench::Args),
    /// Show what is in a model file, a data set, a run or a sweep; without argument, this machine
    Info(info::Args),
    /// Write a model as ONNX, as NumPy arrays or as a C header
    Export(export::Args),
    /// Show the runs of a folder as a table
    Runs(runs::Args),
    /// Redraw the pictures of a run or a sweep from its CSV files, or draw several runs into one picture
    Plot(plot::Args),
    /// Print the completions of commands and flags for a shell
    Completions(completions::CompletionsArgs),
    /// Write the man pages into a folder
    Man(completions::ManArgs),
}

// Exit codes of the process
const DONE: u8 = 0;
const FAILED: u8 = 1; // after an error, or a check that failed
const USAGE: u8 = 2; // the command line is wrong
const DIVERGED: u8 = 3; // the loss was not finite, or too large
const SOME_FAILED: u8 = 4; // a trial of a sweep failed or diverged
const SIGNALLED: u8 = 128; // stopped by a signal, whose number is added

/// Runs the command line and returns the exit code
pub fn main() -> ExitCode {
    signals::outlive_file_size_limit();
    let args: Vec<OsString> = std::env::args_os().map(with_dashes).collect();
    let parsed = command::command().try_get_matches_from(&args);
    let command = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli.command,
        Err(error) => return usage::report(&error, &args).into(),
    };
    if let Err(error) = chainrule_kernels::SimdLevel::from_env() {
        note(&format!("error: {error}"));
        return USAGE.into();
    }
    if let Err(error) = chainrule::train::thread_count::from_env() {
        note(&format!("error: {error}"));
        return USAGE.into();
    }
    // These make pools of their own.
    if !matches!(
        command,
        Command::Train(_) | Command::Predict(_) | Command::Evaluate(_) | Command::Ensemble(_)
    ) && let Err(error) = chainrule::train::default_pool::start_default_pool()
    {
        note(&format!("error: {error}"));
        return FAILED.into();
    }
    let result = match command {
        Command::Train(args) => train::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Gradcheck(args) => gradcheck::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Ensemble(args) => ensemble::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
    };
    match result {
        Ok(code) => code.into(),
        Err(error) if is_broken_pipe(&error) => DONE.into(),
        Err(error) => {
            note(&format!("error: {error:#}"));
            let usage = matches!(
                error.downcast_ref(),
                Some(
                    chainrule::Error::Setting { .. }
                        | chainrule::Error::Settings { .. }
                        | chainrule::Error::Usage(_)
                )
            );
            if usage { USAGE.into() } else { FAILED.into() }
        }
    }
}

/// An error whose message starts with the setting that names the file it is about, and says where the setting is
///
/// * `origin`: finds that setting, as [`chainrule::config::Settings::origin`] does
fn with_origin(error: anyhow::Error, origin: impl FnOnce(&Path) -> Option<String>) -> anyhow::Error {
    let path = error.downcast_ref().and_then(chainrule::Error::path);
    match path.and_then(origin) {
        Some(setting) => error.context(setting),
        None => error,
    }
}

/// Whether two paths lead to the same file
fn is_same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    a == b || whole(a).is_some_and(|a| whole(b) == Some(a))
}

/// Replaces `_` by `-` in a flag's name: `--hidden_dims=…` is accepted, too
fn with_dashes(arg: OsString) -> OsString {
    match arg.to_str() {
        Some(text) if text.starts_with("--") => {
            let (name, value) = text.split_at(text.find('=').unwrap_or(text.len()));
            (name.replace('_', "-") + value).into()
        }
        _ => arg,
    }
}

/// Whether the reader of the output closed it, as `head` does, which is not an error
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>().or_else(|| match error.downcast_ref() {
        Some(chainrule::Error::Write { source, .. }) => Some(source),
        _ => None,
    });
    io.is_some_and(is_closed)
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Writes text to stdout
fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to stdout
fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes a line to stderr, its control characters escaped; does nothing where stderr is closed
fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{}", printable_lines(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        command::command().debug_assert();
    }

    #[test]
    fn underscores_become_dashes_in_names_only() {
        let dashed = |arg: &str| with_dashes(arg.into()).into_string().unwrap();
        assert_eq!(dashed("--hidden_dims"), "--hidden-dims");
        assert_eq!(dashed("--out=my_dir"), "--out=my_dir");
        assert_eq!(dashed("--run_id=a_b"), "--run-id=a_b");
        assert_eq!(dashed("my_dir"), "my_dir");
    }
}
