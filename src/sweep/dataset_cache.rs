//! The data sets of a sweep: each is loaded once, when the first trial asks, and dropped after the last

use std::sync::{Arc, Mutex, PoisonError};

use super::plan::Trial;
use crate::data::Dataset;
use crate::error::Result;
use crate::train::thread_count::{cores, pool};

/// All data sets that trials need
#[derive(Debug)]
pub struct Shelf(Vec<(Option<String>, Mutex<Place>)>);

#[derive(Debug, Default)]
struct Place {
    data: Option<Arc<Dataset>>,
    trials_left: usize,
}

impl Shelf {
    /// For these trials
    pub fn new(trials: &[&Trial]) -> Self {
        let mut places: Vec<(Option<String>, Mutex<Place>)> = Vec::new();
        for trial in trials {
            let found = places.iter_mut().find(|(name, _)| *name == trial.config.data);
            match found {
                Some((_, place)) => place.get_mut().unwrap_or_else(PoisonError::into_inner).trials_left += 1,
                None => {
                    let place = Place { data: None, trials_left: 1 };
                    places.push((trial.config.data.clone(), Mutex::new(place)));
                }
            }
        }
        Self(places)
    }

    /// How many different ones there are
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The data of a trial; others that want the same wait until it is loaded
    ///
    /// # Errors
    /// If it is nowhere, damaged, or does not fit.
    pub fn get(&self, trial: &Trial) -> Result<Arc<Dataset>> {
        let mut place = self.place(trial);
        if let Some(data) = &place.data {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(load(trial.config.data.as_deref())?);
        place.data = Some(Arc::clone(&data));
        Ok(data)
    }

    /// The trial is done with its data
    pub fn put_back(&self, trial: &Trial) {
        let mut place = self.place(trial);
        place.trials_left = place.trials_left.saturating_sub(1);
        if place.trials_left == 0 {
            place.data = None;
        }
    }

    fn place(&self, trial: &Trial) -> std::sync::MutexGuard<'_, Place> {
        let found = self.0.iter().find(|(name, _)| *name == trial.config.data);
        let (_, place) = found.unwrap_or_else(|| panic!("{} is none of this shelf's trials", trial.id));
        // A thread that panicked while it loaded has left nothing.
        place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads with all cores: no trial is running on them that could not wait as well
fn load(data: Option<&str>) -> Result<Dataset> {
    pool(cores())?.install(|| Dataset::load(data))
}
