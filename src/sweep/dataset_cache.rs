//! A cache of the data sets of a sweep: each is loaded for its first trial and dropped after its last

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plan::Trial;
use crate::data::{DataOptions, Dataset};
use crate::error::{Error, Result};
use crate::train::thread_count::{cores, pool};

/// A cache of the data sets that a sweep's trials use, by the settings that decide what is read
#[derive(Debug)]
pub struct DatasetCache(HashMap<DataOptions, Mutex<Entry>>);

#[derive(Debug, Default)]
struct Entry {
    data: Option<Arc<Dataset>>,
    trials_left: usize,
}

impl DatasetCache {
    /// An empty cache for `trials`
    pub fn new(trials: &[&Trial]) -> Self {
        let mut entries: HashMap<_, Mutex<Entry>> = HashMap::new();
        for trial in trials {
            let entry = entries.entry(DataOptions::from(&trial.config)).or_default();
            entry.get_mut().unwrap_or_else(PoisonError::into_inner).trials_left += 1;
        }
        Self(entries)
    }

    /// Checks that trials with different settings of the data don't read standard input, which has its bytes once
    ///
    /// # Errors
    /// If they do; the message says what to type.
    pub fn check_standard_input(&self) -> Result<()> {
        let reads = |options: &&DataOptions| {
            [&options.data, &options.test_data].into_iter().any(|path| path.as_deref() == Some("-"))
        };
        match self.0.keys().filter(reads).count() {
            0 | 1 => Ok(()),
            n => Err(Error::Usage(format!(
                "standard input can be read once, but the trials read their data in {n} ways, which differ in a setting such \
                 as test_data, missing or, with --test-split, the seed; save it to a file, as `cat > table.csv`, and name \
                 that file with --data"
            ))),
        }
    }

    /// Returns the data of a trial, loaded on all cores; trials with the same data wait until they are loaded
    pub fn get(&self, trial: &Trial) -> Result<Arc<Dataset>> {
        let mut entry = self.entry(trial);
        let data = match &entry.data {
            Some(data) => Arc::clone(data),
            None => Arc::new(pool(cores())?.install(|| Dataset::load(&DataOptions::from(&trial.config)))?),
        };
        Ok(Arc::clone(entry.data.insert(data)))
    }

    /// Releases the data of a trial that has ended; the last trial drops them
    pub fn release(&self, trial: &Trial) {
        let mut entry = self.entry(trial);
        entry.trials_left = entry.trials_left.saturating_sub(1);
        if entry.trials_left == 0 {
            entry.data = None;
        }
    }

    fn entry(&self, trial: &Trial) -> MutexGuard<'_, Entry> {
        // A thread that panicked while it loaded left the entry empty.
        self.0[&DataOptions::from(&trial.config)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
