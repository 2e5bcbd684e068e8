//! The models of an ensemble: model files, runs, or the best trials of a sweep; and the data that they were trained on

use std::path::{Path, PathBuf};

use anyhow::Result;
use chainrule::Error;
use chainrule::config::{Dtype, Settings, TrainConfig, text};
use chainrule::error::{printable, shell_quoted, shown};
use chainrule::report::analysis::{Analysis, ObservedRun, Undecided};
use chainrule::tables::reader::Table;
use chainrule::train::run_files::MODEL;

use super::format::{count, several};
use super::is_same;

const RUNS: &str = "runs.csv";

/// The models that a command line names
pub struct Members {
    /// The model files
    pub models: Vec<PathBuf>,
    /// What a person should know about the choice
    pub warning: Option<String>,
}

impl Members {
    /// The models of `paths`: each is a model file or the folder of a run; with `top`, the one is the folder of a sweep
    ///
    /// # Errors
    /// If a path is none of these, a model is named twice, or the sweep has fewer trials with a score.
    pub fn of(paths: &[PathBuf], top: Option<usize>) -> Result<Self> {
        let members = match (top, paths) {
            (Some(top), [sweep]) => best_trials(sweep, top)?,
            (Some(_), _) => {
                let problem =
                    "--top chooses the best trials of one sweep; name one folder, or leave out --top";
                return Err(Error::Usage(problem.to_owned()).into());
            }
            (None, _) => {
                let models = paths.iter().map(|path| model_of(path)).collect::<Result<_>>()?;
                Self { models, warning: None }
            }
        };
        if let [one] = &members.models[..] {
            let problem = format!(
                "an ensemble has two models or more; for one, type: chainrule evaluate {}",
                shell_quoted(one)
            );
            return Err(Error::Usage(problem).into());
        }
        check_differ(&members.models.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        Ok(members)
    }
}

/// Checks that no model is named twice, since it would count twice
pub fn check_differ(models: &[&Path]) -> Result<()> {
    let is_twice = |(at, path): &(usize, &&Path)| models[..*at].iter().any(|other| is_same(other, path));
    match models.iter().enumerate().find(is_twice) {
        None => Ok(()),
        Some((_, path)) => {
            Err(Error::Usage(format!("{} is named twice; name each model once", shown(path))).into())
        }
    }
}

/// Checks that `path`, where a command takes a model file only, is not the folder of a run
pub fn check_is_no_run(path: &Path) -> Result<()> {
    let model = path.join(MODEL);
    if !model.is_file() {
        return Ok(());
    }
    let problem = format!("is a folder, expected a model file; type {} in its place", shell_quoted(&model));
    Err(Error::content(path, problem).into())
}

/// The model file that `path` is, or that is in the run's folder `path`
fn model_of(path: &Path) -> Result<PathBuf> {
    let model = path.join(MODEL);
    if !path.is_dir() || model.is_file() {
        return Ok(if path.is_dir() { model } else { path.to_owned() });
    }
    let problem = if path.join(RUNS).is_file() {
        format!(
            "is a folder of runs; to average the best, type: chainrule ensemble {} --top 5",
            shell_quoted(path)
        )
    } else {
        format!("has no {MODEL}, expected the folder of a run, or a model file")
    };
    Err(Error::content(path, problem).into())
}

/// The models of the `top` best trials of a sweep, best first
fn best_trials(sweep: &Path, top: usize) -> Result<Members> {
    let table = sweep.join(RUNS);
    if !table.is_file() {
        let problem =
            format!("has no {RUNS}, and --top chooses from a folder with one, such as that of a sweep");
        return Err(Error::content(sweep, problem).into());
    }
    let analysis = Analysis::from_table(&Table::read(&table)?)?;
    if let Some(why) = analysis.undecided() {
        let why = match why {
            Undecided::Tasks => "has runs of classification and of regression",
            Undecided::Targets => "has runs of different targets",
        };
        let problem = format!("{why}, so none is best; name the runs in place of --top");
        return Err(Error::content(&table, problem).into());
    }
    let score = analysis.score;
    let scored = |run: &&ObservedRun| run.metric(score.column()).is_some();
    let mut runs: Vec<&ObservedRun> = analysis.trials.iter().filter(scored).collect();
    // Stable: the first of equals stays first.
    runs.sort_by(|a, b| {
        let rank = |run: &ObservedRun| score.kind.rank(run.metric(score.column()));
        rank(b).total_cmp(&rank(a))
    });
    if runs.len() < 2 {
        let problem = format!(
            "{} ended with a {}, and an ensemble needs two or more; trials that were halted at a rung do not count: to use \
             them, name their folders in place of --top",
            several(runs.len(), "run"),
            score.name()
        );
        return Err(Error::content(&table, problem).into());
    }
    if runs.len() < top {
        let expected = format!(
            "{} or less, the number of runs in {} that ended with a {}",
            count(runs.len()),
            shown(&table),
            score.name()
        );
        return Err(Error::Setting { name: "top", expected, found: count(top) }.into());
    }
    let models = runs[..top].iter().map(|run| model_of(&sweep.join(&run.id))).collect::<Result<_>>()?;
    let warning = (!score.is_validated).then(|| {
        format!(
            "warning: {} were chosen by their {}, since the runs have no validation score: on the same test set, the ensemble \
             looks better than it is; sweep with --val-split 0.1 to choose on validation samples",
            several(top, "model"),
            score.name()
        )
    });
    Ok(Members { models, warning })
}

/// The settings of the data that the runs of `models` share: those of the config.toml beside each model
///
/// Models without a config.toml have no say; without any, there are no settings.
///
/// # Errors
/// If the runs were trained on other data, read them in another way, or held out other test rows.
pub fn shared_data(models: &[PathBuf]) -> Result<Settings> {
    let mut first: Option<Run> = None;
    for model in models.iter().filter(|model| model.with_file_name("config.toml").is_file()) {
        let run = Run::read(model)?;
        let Some(first) = &first else {
            first = Some(run);
            continue;
        };
        if let Some(difference) = run.difference(first) {
            let problem = format!(
                "{difference} {}; name labelled rows that no model was trained on with --data",
                shown(&first.model)
            );
            return Err(Error::content(model, problem).into());
        }
    }
    Ok(first.map_or_else(Settings::default, |run| run.settings))
}

/// What a run says about its data
struct Run {
    model: PathBuf,
    settings: Settings,
    config: TrainConfig,
    /// The hash of its data; `None` if it has no summary.csv
    hash: Option<String>,
}

impl Run {
    fn read(model: &Path) -> Result<Self> {
        let settings = Settings::from_toml(&model.with_file_name("config.toml"))?;
        let config = settings.clone().resolve()?;
        if config.test_data.as_deref().or(config.data.as_deref()) == Some("-") {
            let problem = "the run read its data from standard input; name labelled rows with --data";
            return Err(Error::content(model, problem).into());
        }
        let summary = model.with_file_name("summary.csv");
        let hash = if summary.is_file() {
            let table = Table::read(&summary)?;
            let cell = table
                .column("data_hash")
                .and_then(|column| Some(table.rows().next()?.text(column).to_owned()));
            cell.filter(|hash| !hash.is_empty())
        } else {
            None
        };
        Ok(Self { model: model.to_owned(), settings, config, hash })
    }

    /// How the test rows of this run differ from those of another, as the start of a sentence that its name ends
    fn difference(&self, other: &Self) -> Option<String> {
        let values = [self, other].map(|run| run.config.to_values().unwrap_or_default());
        let differs = |name: &str| values[0].get(name) != values[1].get(name);
        let value = |at: usize, name: &str| match values[at].get(name) {
            Some(value) => printable(&text(value)).into_owned(),
            None => "its default".to_owned(),
        };
        let named = |name: &str| {
            let flag = name.replace('_', "-");
            format!("was trained with --{flag} {}, but with {} was", value(0, name), value(1, name))
        };
        if let Some(name) = READ_AS.iter().find(|name| differs(name)) {
            return Some(named(name));
        }
        if self.config.test_split > 0.0 && differs("seed") {
            return Some(format!(
                "held out other test rows, with --seed {} of --test-split, so it was trained on test rows of",
                value(0, "seed")
            ));
        }
        let is_double = |run: &Self| run.config.dtype.of_tensors() == Dtype::F64;
        match (&self.hash, &other.hash) {
            // Numbers of a table have other bits in another type.
            (Some(hash), Some(of_other)) if is_double(self) == is_double(other) => {
                (hash != of_other).then(|| {
                    format!("was trained on data with the hash {hash}, and {of_other} is that of the data of")
                })
            }
            _ => ["data", "test_data"].into_iter().find(|name| differs(name)).map(named),
        }
    }
}

/// The settings that decide which test rows are read, and how, beside the place of the data and the seed
const READ_AS: [&str; 10] =
    ["test_split", "target", "header", "ignore", "missing", "separator", "decimal", "x", "y", "task"];
