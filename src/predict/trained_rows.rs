//! A warning where metrics are of rows that a model was trained on

use std::path::Path;

use super::evaluation::{Evaluation, Part};
use crate::config::{Settings, TrainConfig};
use crate::error::{printable, separated, shown};

/// A warning if all rows of a source were evaluated, and models were trained on rows of this source
///
/// The config.toml beside a model names the source that the model was trained on. A model without one is not counted.
pub fn trained_rows_warning(models: &[&Path], evaluation: &Evaluation) -> Option<String> {
    let source = &evaluation.source;
    if evaluation.part != Part::All || source == "-" {
        return None;
    }
    let is_trained = |config: &TrainConfig| config.data.as_ref().is_some_and(|data| is_same(data, source));
    let trained = models.iter().filter_map(|model| Some((*model, config_beside(model).filter(is_trained)?)));
    let (models, configs): (Vec<&Path>, Vec<TrainConfig>) = trained.unzip();
    let names = names(&models)?;
    let has_test_set = |config: &TrainConfig| config.test_split > 0.0 || config.test_data.is_some();
    let remedy = if configs.iter().all(has_test_set) {
        "to evaluate the test set of training, leave out the flags of the data"
    } else {
        "train with --test-split 0.2, or name other labelled rows with --data"
    };
    Some(format!(
        "warning: the rows of {} include those that {names} trained on, so the metrics are too good; {remedy}",
        printable(source)
    ))
}

/// The settings of the run that wrote a model; `None` without a config.toml that can be read
fn config_beside(model: &Path) -> Option<TrainConfig> {
    Settings::from_toml(&model.with_file_name("config.toml")).ok()?.resolve().ok()
}

/// Whether two sources of data are the same file or folder
fn is_same(a: &str, b: &str) -> bool {
    let whole = |source: &str| Path::new(source).canonicalize().ok();
    a == b || whole(a).is_some_and(|a| whole(b) == Some(a))
}

/// The first model and the number of others, with the verb; `None` if there is no model
fn names(models: &[&Path]) -> Option<String> {
    let (first, others) = models.split_first()?;
    let first = shown(first);
    Some(match others.len() {
        0 => format!("{first} was"),
        1 => format!("{first} and 1 other model were"),
        n => format!("{first} and {} other models were", separated(n)),
    })
}
