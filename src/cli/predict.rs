//! `chainrule predict`: writes the predictions of a model, or of the mean of several, for each row of a file or of standard input

use std::io::{self, Write};
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chainrule::Error;
use chainrule::config::names;
use chainrule::data::source_kind::{self, Kind};
use chainrule::error::shown;
use chainrule::predict::{Columns, Outcome, Request, predict};
use chainrule::tables::atomic_file::{check_writable, replace_atomically};
use chainrule::train::thread_count::{cores, pool};

use super::copies_flags::CopiesFlags;
use super::ensemble_members::{check_differ, check_is_no_run};
use super::format::count;
use super::import_flags::ImportFlags;
use super::table_form::{TableForm, check_is_table};
use super::{DONE, is_same, note};

#[derive(clap::Args)]
#[command(override_usage = "chainrule predict [OPTIONS] <MODEL>... <INPUT>")]
pub struct Args {
    /// A model.safetensors, or a state dict of PyTorch
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// The rows: a table (CSV, TSV, plain or gzip), or an IDX, .npy or .npz file, `-` for standard input; labels are ignored.
    /// Before it, further models may be named: then the probabilities, or the numbers that are predicted, are averaged
    #[arg(value_name = "INPUT", required = true)]
    rest: Vec<PathBuf>,

    /// Write the predictions to a file, which appears when it is complete [default: standard output]
    #[arg(long, short, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: PathBuf,

    /// Columns of the input to copy, by name or by position from 1, beside those that --keep-as-id named in training
    #[arg(long, value_name = "COLUMNS", num_args = 1.., value_parser = columns)]
    keep: Vec<Vec<String>>,

    /// Add a column for each class, with its probability
    #[arg(long)]
    proba: bool,

    /// Number of classes to write, from the most probable on, each with its probability
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    top_k: u32,

    /// Array of an .npz to predict [default: x_test, X_test, test_images, X, x, data, x_train, X_train, train_images or the
    /// only one]
    #[arg(long, value_name = "NAME")]
    x: Option<String>,

    #[command(flatten)]
    form: TableForm,

    /// Threads to compute with; the results do not depend on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Print errors only
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    copies: CopiesFlags,

    #[command(flatten)]
    import: ImportFlags,
}

/// Reads a list of columns
fn columns(text: &str) -> Result<Vec<String>, String> {
    let expected = "expected names separated by commas, or `\"a, b\"` for a name that contains one";
    names::parse(text).ok_or_else(|| expected.to_owned())
}

pub fn run(args: &Args) -> Result<u8> {
    let (input_path, further) = args.rest.split_last().context("expected an input after the model")?;
    let paths: Vec<&Path> = iter::once(&args.model).chain(further).map(PathBuf::as_path).collect();
    paths.iter().try_for_each(|path| check_is_no_run(path))?;
    check_are_models(&paths, input_path)?;
    check_differ(&paths)?;
    let pool = pool(args.threads.map_or_else(cores, usize::from))?;
    let table = args.form.options();
    if let Some(flag) = args.form.given() {
        check_is_table(input_path, flag)?;
    }
    let is_npz = || matches!(source_kind::kind(input_path), Ok(Kind::Npz) | Err(_));
    let is_stdin = input_path.as_os_str() == "-";
    if args.x.is_some() && (is_stdin || !is_npz()) {
        let place = if is_stdin { "standard input".to_owned() } else { shown(input_path) };
        let problem = format!("{place} is no .npz, and --x is for an .npz: leave it out");
        return Err(Error::Usage(problem).into());
    }
    let replaced =
        iter::once(("input", input_path.as_path())).chain(paths.iter().map(|path| ("model", *path)));
    for (what, path) in replaced {
        if args.output.as_os_str() != "-" && path.as_os_str() != "-" && is_same(&args.output, path) {
            let problem = format!("--output {} would replace the {what}; name another file", shown(path));
            return Err(Error::Usage(problem).into());
        }
    }
    let columns = Columns { keep: args.keep.concat(), proba: args.proba, top_k: args.top_k as usize };
    let is_stdout = args.output.as_os_str() == "-";
    let output = if is_stdout { Path::new("standard output") } else { &args.output };
    let input = input_path.to_string_lossy();
    let models =
        paths.iter().map(|path| args.import.load_any(path, args.quiet)).collect::<Result<Vec<_>>>()?;
    let models: Vec<_> = paths.into_iter().zip(&models).collect();
    let x = args.x.as_deref();
    let copies = args.copies.choice();
    let request =
        Request { models: &models, input: &input, x, table: &table, copies, columns: &columns, output };
    let outcome = if is_stdout {
        predict(&request, &pool, &mut io::BufWriter::new(io::stdout().lock()))?
    } else {
        check_writable(output)?;
        let mut outcome = None;
        replace_atomically(output, |file| {
            outcome = Some(predict(&request, &pool, &mut Unflushed(file))?);
            Ok(())
        })?;
        let outcome = outcome.unwrap_or(Outcome { rows: 0, warnings: Vec::new() });
        if !args.quiet {
            note(&format!("{} rows in {}", count(outcome.rows), shown(output)));
        }
        outcome
    };
    if !args.quiet {
        outcome.warnings.iter().for_each(|warning| note(warning));
    }
    Ok(DONE)
}

/// Checks that of several models each is one: a person may have named several inputs
fn check_are_models(paths: &[&Path], input: &Path) -> Result<()> {
    let is_other = |path: &&&Path| !matches!(source_kind::kind(path), Ok(Kind::Model) | Err(_));
    match paths.iter().skip(1).find(is_other) {
        None => Ok(()),
        Some(path) => Err(Error::Usage(format!(
            "{} is no model; only the last argument, here {}, is an input: predict one input after the other",
            shown(path),
            shown(input)
        ))
        .into()),
    }
}

/// A file that is complete only at the end, so that it needs no flush before
struct Unflushed<'a>(&'a mut dyn Write);

impl Write for Unflushed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
