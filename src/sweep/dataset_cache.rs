//! A cache of the data sets of a sweep: each is loaded for its first trial and dropped after its last

use std::sync::{Arc, Mutex, PoisonError};

use super::plan::Trial;
use crate::data::Dataset;
use crate::error::Result;
use crate::train::thread_count::{cores, pool};

/// A cache of the data sets that a sweep's trials use
#[derive(Debug)]
pub struct DatasetCache(Vec<(Option<String>, Mutex<Entry>)>);

#[derive(Debug, Default)]
struct Entry {
    data: Option<Arc<Dataset>>,
    trials_left: usize,
}

impl DatasetCache {
    /// An empty cache for `trials`
    pub fn new(trials: &[&Trial]) -> Self {
        let mut entries: Vec<(Option<String>, Mutex<Entry>)> = Vec::new();
        for trial in trials {
            let found = entries.iter_mut().find(|(name, _)| *name == trial.config.data);
            match found {
                Some((_, entry)) => entry.get_mut().unwrap_or_else(PoisonError::into_inner).trials_left += 1,
                None => {
                    let entry = Entry { data: None, trials_left: 1 };
                    entries.push((trial.config.data.clone(), Mutex::new(entry)));
                }
            }
        }
        Self(entries)
    }

    /// The number of different data sets
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the data of a trial; trials with the same data wait until they are loaded
    ///
    /// # Errors
    /// If the data are missing or damaged.
    pub fn get(&self, trial: &Trial) -> Result<Arc<Dataset>> {
        let mut entry = self.entry(trial);
        if let Some(data) = &entry.data {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(load(trial.config.data.as_deref())?);
        entry.data = Some(Arc::clone(&data));
        Ok(data)
    }

    /// Releases the data of a trial that has ended; the last trial drops them
    pub fn release(&self, trial: &Trial) {
        let mut entry = self.entry(trial);
        entry.trials_left = entry.trials_left.saturating_sub(1);
        if entry.trials_left == 0 {
            entry.data = None;
        }
    }

    fn entry(&self, trial: &Trial) -> std::sync::MutexGuard<'_, Entry> {
        let found = self.0.iter().find(|(name, _)| *name == trial.config.data);
        let (_, entry) = found.unwrap_or_else(|| panic!("{} is not a trial of this cache", trial.id));
        // A thread that panicked while it loaded left the entry empty.
        entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads a data set on all cores
fn load(data: Option<&str>) -> Result<Dataset> {
    pool(cores())?.install(|| Dataset::load(data))
}
