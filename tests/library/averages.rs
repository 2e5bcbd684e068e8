//! Averages of the weights, through the library

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use chainrule::config::{Every, TrainConfig};
use chainrule::data::run_data::RunData;
use chainrule::data::{Cells, Dataset, Inputs, Labels, Split, Task, saved_model};
use chainrule::nn::loss::LossSum;
use chainrule::tables::Status;
use chainrule::tables::reader::Table;
use chainrule::train::checkpoint::Checkpoint;
use chainrule::train::metrics::{EpochEnd, EpochMetrics};
use chainrule::train::run::{self, Outcome, Reporter, Request, Resume, RunNames};
use chainrule::train::trainer::Trainer;

use crate::silent::Silent;

/// Images of 6 pixels in three classes that overlap; 80 for training, whose number is no multiple of 16, and 30 for testing
fn data() -> Dataset {
    let split = |len: usize, salt: usize| {
        let pixel =
            |i: usize, j: usize| ((i * 31 + j * j * 57 + salt) % 97 + 60 * usize::from(j % 3 == i % 3)) as u8;
        Split {
            cells: Cells::Bytes((0..len * 6).map(|at| pixel(at / 6, at % 6)).collect()),
            labels: Labels::Classes((0..len as u32).map(|i| i % 3).collect()),
            columns: 6,
        }
    };
    Dataset {
        source: "test".to_owned(),
        inputs: Inputs::of_array(&[6]),
        task: Task::Classify(["a", "b", "c"].map(str::to_owned).to_vec()),
        task_note: None,
        train: split(77, 0),
        test: split(30, 5),
        row_weights: None,
        warnings: Vec::new(),
        undivided_hash: None,
    }
}

fn config(ema: f64, swa: u32) -> TrainConfig {
    let hidden_dims = "5x4".parse().unwrap();
    TrainConfig {
        hidden_dims,
        batch_size: 16,
        epochs: 4,
        learning_rate: 0.1,
        ema,
        swa,
        ..TrainConfig::default()
    }
}

fn elements(trainer: &Trainer<'_, f64>) -> Vec<f64> {
    trainer.state().tensors.concat()
}

/// An epoch of a training
struct Epoch {
    /// The average after it
    average: Option<Vec<f64>>,
    /// The weights after each batch
    batches: Vec<Vec<f64>>,
}

/// The epochs of a training that pauses after each batch
fn batch_by_batch(config: &TrainConfig) -> Vec<Epoch> {
    let data = data();
    let data = RunData::new(config, &data).unwrap();
    let mut trainer = Trainer::<f64>::new(config, &data).unwrap();
    trainer.pause_every(Some(Every::Batches(1)));
    let go = AtomicBool::new(false);
    let mut epochs = vec![];
    for epoch in 1..=config.epochs {
        let mut batches = vec![];
        loop {
            let end = trainer.run_epoch(epoch, &go, &mut |_, _| {}).end;
            batches.push(elements(&trainer));
            if end == EpochEnd::Done {
                break;
            }
            assert_eq!(end, EpochEnd::Paused);
        }
        assert_eq!(batches.len(), trainer.batches());
        epochs.push(Epoch { average: trainer.state().average.map(|average| average.concat()), batches });
    }
    epochs
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-13), "{found:?} {expected:?}");
}

#[test]
fn the_average_over_batches_is_that_of_a_plain_loop() {
    for d in [0.3, 0.9] {
        let config = config(d, 0);
        let set = data();
        let start = RunData::new(&config, &set).unwrap();
        let mut expected = elements(&Trainer::<f64>::new(&config, &start).unwrap());
        let mut t = 0.0;
        for Epoch { average, batches } in batch_by_batch(&config) {
            for weights in batches {
                let d = f64::min(d, (1.0 + t) / (10.0 + t));
                expected.iter_mut().zip(weights).for_each(|(a, w)| *a = d * *a + (1.0 - d) * w);
                t += 1.0;
            }
            assert_close(&average.unwrap(), &expected);
        }
        assert_eq!(t, 20.0);
    }
}

#[test]
fn the_average_over_epochs_is_the_mean_of_the_weights_after_them() {
    let mut ends: Vec<Vec<f64>> = vec![];
    for (epoch, Epoch { average, batches }) in (1..).zip(batch_by_batch(&config(0.0, 2))) {
        assert_eq!(average.is_some(), epoch >= 2);
        let Some(found) = average else { continue };
        ends.push(batches.last().unwrap().clone());
        let mean = |at: usize| ends.iter().map(|end| end[at]).sum::<f64>() / ends.len() as f64;
        assert_close(&found, &(0..found.len()).map(mean).collect::<Vec<_>>());
    }
    assert_eq!(ends.len(), 3);
}

#[test]
fn an_average_changes_no_weight_and_has_the_same_bits_for_any_number_of_threads() {
    let data = data();
    // A layer of more than a chunk of the kernel
    let train = |ema: f64, swa: u32, threads: usize| {
        let config = TrainConfig { hidden_dims: "4001x9".parse().unwrap(), ..config(ema, swa) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let data = RunData::new(&config, &data).unwrap();
            let mut trainer = Trainer::<f32>::new(&config, &data).unwrap();
            for epoch in 1..=3 {
                trainer.run_epoch(epoch, &AtomicBool::new(false), &mut |_, _| {});
                // It swaps the weights, and swaps them back.
                assert_eq!(trainer.evaluate_average().is_some(), ema > 0.0 || (swa > 0 && epoch >= swa));
            }
            let state = trainer.state();
            let bits =
                |tensors: &[Vec<f32>]| tensors.concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (bits(&state.tensors), bits(&state.kept), state.average.map(|average| bits(&average)))
        })
    };
    let plain = train(0.0, 0, 1);
    assert!(plain.2.is_none());
    for (ema, swa) in [(0.9, 0), (0.0, 2)] {
        let one = train(ema, swa, 1);
        assert!((&one.0, &one.1) == (&plain.0, &plain.1) && one.2.is_some());
        assert!(one.2.as_ref() != Some(&one.0));
        for threads in [2, 3, 8] {
            assert!(train(ema, swa, threads) == one, "--ema {ema} --swa {swa}, {threads} threads");
        }
    }
}

/// Stops a run in this batch of this epoch
struct StopIn<'a> {
    stop: &'a AtomicBool,
    place: (u32, usize),
}

impl Reporter for StopIn<'_> {
    fn started(&mut self, _: &Path, _: usize, _: usize) {}
    fn batch(&mut self, epoch: u32, batch: usize, _: &LossSum) {
        self.stop.store((epoch, batch) == self.place, Ordering::Relaxed);
    }
    fn epoch(&mut self, _: &EpochMetrics) {}
}

fn train(
    config: &TrainConfig,
    data: &RunData<'_>,
    (parent, id): (&Path, &str),
    resume: Option<&Checkpoint>,
    stop_in: Option<(u32, usize)>,
) -> Outcome {
    let request = Request {
        config,
        data,
        parent,
        run_id: Some(id),
        names: RunNames::default(),
        resume: resume.map(|checkpoint| Resume { checkpoint, copy_of: None }),
        deadline: None,
        halt_after: None,
    };
    let stop = AtomicBool::new(false);
    match stop_in {
        Some(place) => run::train(&request, &mut StopIn { stop: &stop, place }, &stop),
        None => run::train(&request, &mut Silent, &stop),
    }
    .unwrap()
}

/// The averages in the last row of a table, by their columns
fn averages(path: &Path) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let row = table.rows().last().unwrap();
    let columns = table.names().enumerate().filter(|(_, name)| name.starts_with("average_"));
    columns.map(|(at, name)| format!("{name} {}", row.text(at))).collect()
}

#[test]
fn a_run_that_stops_within_an_epoch_goes_on_to_the_same_average() {
    let (folder, set) = (tempfile::tempdir().unwrap(), data());
    let path = folder.path();
    for (ema, swa) in [(0.9, 0), (0.0, 2)] {
        let config = config(ema, swa);
        let data = RunData::new(&config, &set).unwrap();
        let id = |what: &str| format!("{what}-{ema}-{swa}");
        train(&config, &data, (path, &id("whole")), None, None);
        let whole = path.join(id("whole"));
        for place in [(1, 3), (2, 1), (3, 4), (4, 2)] {
            let part = id(&format!("stop{}", place.0));
            let cut = train(&config, &data, (path, &part), None, Some(place));
            assert_eq!(cut.summary.result.status, Status::Interrupted);
            let run = path.join(&part);
            let checkpoint = Checkpoint::read(&run).unwrap();
            assert_eq!((checkpoint.saved.progress.epoch, checkpoint.saved.progress.batches), place);
            train(&config, &data, (path, &part), Some(&checkpoint), None);
            for file in ["model.safetensors", "model-average.safetensors"] {
                let [part, whole] = [&run, &whole].map(|run| std::fs::read(run.join(file)).unwrap());
                assert!(part == whole, "{place:?}: {file}");
            }
            for file in ["summary.csv", "epochs.csv"] {
                let [part, whole] = [&run, &whole].map(|run| averages(&run.join(file)));
                assert_eq!(part, whole, "{place:?}: {file}");
                assert!(part.iter().any(|cell| cell.len() > "average_test_accuracy ".len()), "{part:?}");
            }
        }
    }
}

#[test]
fn a_run_that_diverges_keeps_the_last_average() {
    let (folder, set) = (tempfile::tempdir().unwrap(), data());
    let path = folder.path();
    // Each step overshoots, so that the weights grow until the loss is above its limit.
    let wild = TrainConfig { epochs: 1000, weight_decay: 39.0, ..config(0.9, 0) };
    let outcome = train(&wild, &RunData::new(&wild, &set).unwrap(), (path, "bad"), None, None);
    let done = outcome.summary.result.epochs_done;
    assert_eq!(outcome.summary.result.status, Status::Diverged);
    assert!(done > 0 && outcome.summary.result.average_test_loss.is_none());
    let shorter = TrainConfig { epochs: done, ..wild };
    train(&shorter, &RunData::new(&shorter, &set).unwrap(), (path, "good"), None, None);
    let [bad, good] =
        ["bad", "good"].map(|id| std::fs::read(path.join(id).join("model-average.safetensors")).unwrap());
    assert!(bad == good);
    let model = saved_model::load::<f32>(&path.join("bad/model-average.safetensors")).unwrap().model;
    assert!(model.is_finite());
}

#[test]
fn a_run_without_an_average_has_no_file_and_empty_cells() {
    let (folder, set) = (tempfile::tempdir().unwrap(), data());
    let path = folder.path();
    for (id, ema, swa) in [("plain", 0.0, 0), ("late", 0.0, 5), ("ema", 0.9, 0)] {
        let config = config(ema, swa);
        train(&config, &RunData::new(&config, &set).unwrap(), (path, id), None, None);
        let average = path.join(id).join("model-average.safetensors");
        assert_eq!(average.exists(), ema > 0.0, "{id}");
        for file in ["summary.csv", "epochs.csv"] {
            let cells = averages(&path.join(id).join(file));
            assert!(cells.len() >= 3, "{cells:?}");
            assert_eq!(cells.iter().all(|cell| cell.ends_with(' ')), ema == 0.0, "{id}: {cells:?}");
        }
    }
    let read = |id: &str, file: &str| std::fs::read(path.join(id).join(file)).unwrap();
    assert!(read("plain", "model.safetensors") == read("ema", "model.safetensors"));
    let model = |file: &str| saved_model::load::<f32>(&path.join("ema").join(file)).unwrap().model;
    let (raw, average) = (model("model.safetensors"), model("model-average.safetensors"));
    assert_eq!(raw.dims(), average.dims());
    assert!(raw.tensors().zip(average.tensors()).all(|(a, b)| a.data != b.data));
}
