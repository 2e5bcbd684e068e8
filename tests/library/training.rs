//! Training through the library: the same bits for any number of threads, and the files of a run

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use chainrule::config::{ClassWeight, Settings, TrainConfig};
use chainrule::data::run_data::RunData;
use chainrule::data::saved_model;
use chainrule::data::validation_split::hold_out;
use chainrule::data::{Cells, Dataset, Inputs, Labels, Split, Task};
use chainrule::nn::layers::Activation;
use chainrule::nn::loss::LossSum;
use chainrule::nn::mlp::Mlp;
use chainrule::random::{Purpose, Random};
use chainrule::tables::{Metric, Status};
use chainrule::train::metrics::EpochEnd;
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::{self, Reporter, Request, RunNames};
use chainrule::train::run_files::NAMES;
use chainrule::train::target_files::{PREDICTIONS, TARGETS};
use chainrule::train::trainer::Trainer;

use crate::silent::Silent;

/// Images of `features` pixels in three separable classes; their number is no multiple of the batch size 64
fn data(features: usize) -> Dataset {
    let split = |len: usize, salt: usize| {
        let pixel =
            |i: usize, j: usize| ((i * 31 + j * 17 + salt) % 97 + if j % 3 == i % 3 { 120 } else { 0 }) as u8;
        Split {
            cells: Cells::Bytes((0..len * features).map(|at| pixel(at / features, at % features)).collect()),
            labels: Labels::Classes((0..len as u32).map(|i| i % 3).collect()),
            columns: features,
        }
    };
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    Dataset {
        source: "test".to_owned(),
        inputs: Inputs::of_array(&[features]),
        task: Task::Classify(classes),
        task_note: None,
        train: split(333, 0),
        test: split(100, 5),
        row_weights: None,
        warnings: Vec::new(),
        undivided_hash: None,
    }
}

fn config(toml: &str) -> TrainConfig {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, toml).unwrap();
    Settings::from_toml(file.path()).unwrap().resolve().unwrap()
}

fn bits(model: &Mlp<f32>) -> Vec<u32> {
    model.tensors().flat_map(|tensor| tensor.data).map(|x| x.to_bits()).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_weights_and_metrics() {
    let (data, go) = (data(784), AtomicBool::new(false));
    for settings in [
        "hidden_dims = [128, 64]",
        "hidden_dims = [33]\nactivation = \"sigmoid\"",
        "hidden_dims = []\nmomentum = 0.0",
        "hidden_dims = [33]\noptimizer = \"adamw\"\nschedule = \"cosine\"",
    ] {
        let config = config(settings);
        let run = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let run_data = RunData::new(&config, &data).unwrap();
                let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
                let train: Vec<LossSum> =
                    (1..=3).map(|epoch| trainer.run_epoch(epoch, &go, &mut |_, _| {}).train).collect();
                (bits(trainer.model()), train, trainer.evaluate())
            })
        };
        let one = run(1);
        for threads in [2, 3, 5, 8, 16] {
            assert!(run(threads) == one, "{threads} threads, {settings}");
        }
    }
}

#[test]
fn equal_weights_give_the_bits_of_none_and_others_the_same_for_any_number_of_threads() {
    let (plain, go) = (data(784), AtomicBool::new(false));
    let config = config("hidden_dims = [33]\nval_split = 0.1");
    let run = |threads: usize, config: &TrainConfig, data: &Dataset| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let run_data = RunData::new(config, data).unwrap();
            let mut trainer = Trainer::<f32>::new(config, &run_data).unwrap();
            let train: Vec<LossSum> =
                (1..=3).map(|epoch| trainer.run_epoch(epoch, &go, &mut |_, _| {}).train).collect();
            (bits(trainer.model()), train, trainer.validate(), trainer.evaluate())
        })
    };
    let weighted = |weight: fn(usize) -> f64| Dataset {
        row_weights: Some((0..plain.train.len()).map(weight).collect()),
        ..plain.clone()
    };
    let without = run(1, &config, &plain);
    assert!(run(1, &config, &weighted(|_| 7.0)) == without);
    let balanced = TrainConfig { class_weight: ClassWeight::Balanced, ..config.clone() };
    let uneven = weighted(|row| (row % 5) as f64);
    let one = run(1, &balanced, &uneven);
    assert!(one.0 != without.0);
    for threads in [2, 3, 8] {
        assert!(run(threads, &balanced, &uneven) == one, "{threads} threads");
    }
}

#[test]
fn a_whole_weight_counts_as_a_row_that_is_there_as_often() {
    let (mut weighted, go) = (data(6), AtomicBool::new(false));
    weighted.train = weighted.train.rows(&(0..40).collect::<Vec<u32>>());
    let times = |row: u32| row % 4;
    let rows: Vec<u32> = (0..40).flat_map(|row| std::iter::repeat_n(row, times(row) as usize)).collect();
    let repeated = Dataset { train: weighted.train.rows(&rows), ..weighted.clone() };
    weighted.row_weights = Some((0..40).map(|row| f64::from(times(row))).collect());
    // One batch of all rows; pixels are scaled by 255 whatever the rows are. The weights are divided by their mean, and
    // so is the sum of the repeated rows by their number, so both gradients are the same mean.
    let config =
        config("hidden_dims = [5]\nactivation = \"sigmoid\"\nbatch_size = 1000\nlearning_rate = 0.5");
    let run = |data: &Dataset| {
        let run_data = RunData::new(&config, data).unwrap();
        let mut trainer = Trainer::<f64>::new(&config, &run_data).unwrap();
        let losses: Vec<f64> = (1..=20)
            .filter_map(|epoch| trainer.run_epoch(epoch, &go, &mut |_, _| {}).train.mean_loss())
            .collect();
        let weights: Vec<f64> = trainer.model().tensors().flat_map(|tensor| tensor.data.to_vec()).collect();
        (losses, weights)
    };
    let (found, expected) = (run(&weighted), run(&repeated));
    assert_eq!(found.0.len(), 20);
    // The rows are added in another order. 20 steps amplify an error of some ε less than 10,000 times.
    for (found, expected) in found.0.iter().chain(&found.1).zip(expected.0.iter().chain(&expected.1)) {
        approx::assert_relative_eq!(found, expected, max_relative = 1e-11, epsilon = 1e-11);
    }
}

#[test]
fn evaluation_between_epochs_does_not_change_the_weights() {
    let (data, go, config) = (data(20), AtomicBool::new(false), config("hidden_dims = [9]"));
    let run = |evaluate: bool| {
        let run_data = RunData::new(&config, &data).unwrap();
        let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
        for epoch in 1..=3 {
            trainer.run_epoch(epoch, &go, &mut |_, _| {});
            if evaluate {
                trainer.evaluate();
            }
        }
        bits(trainer.model())
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn validation_rows_are_never_trained_on_and_validation_reads_no_others() {
    let (data, go) = (data(20), AtomicBool::new(false));
    let config = config("hidden_dims = [9]\nval_split = 0.2");
    let held_out = hold_out(data.train.labels.classes(), 0.2, config.seed, Purpose::Validation).val;
    assert_eq!(held_out.len(), 66);
    let run = |data: &Dataset| {
        let run_data = RunData::new(&config, data).unwrap();
        let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
        let trained: Vec<LossSum> =
            (1..=3).map(|epoch| trainer.run_epoch(epoch, &go, &mut |_, _| {}).train).collect();
        let val = trainer.validate().unwrap();
        assert_eq!((trained[2].rows, val.rows), (333 - 66, 66));
        (bits(trainer.model()), trained, val)
    };
    let mut poisoned = data.clone();
    let Cells::Bytes(cells) = &mut poisoned.train.cells else { panic!("no bytes") };
    for &row in &held_out {
        cells[row as usize * 20..][..20].fill(255);
    }
    let ((weights, trained, val), (weights2, trained2, val2)) = (run(&data), run(&poisoned));
    assert!(weights == weights2 && trained == trained2);
    assert_ne!(val, val2);
}

#[test]
fn validation_between_epochs_does_not_change_the_weights() {
    let (data, go) = (data(20), AtomicBool::new(false));
    let config = config("hidden_dims = [9]\nval_split = 0.1\nbatch_size = 7");
    let run = |validate: bool| {
        let run_data = RunData::new(&config, &data).unwrap();
        let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
        for epoch in 1..=3 {
            trainer.run_epoch(epoch, &go, &mut |_, _| {});
            if validate {
                assert_eq!(trainer.validate(), trainer.validate());
            }
        }
        bits(trainer.model())
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn training_lowers_the_loss_and_reaches_90_percent() {
    let (data, go) = (data(20), AtomicBool::new(false));
    for settings in [
        "hidden_dims = [16]",
        "hidden_dims = []",
        "hidden_dims = [16, 8]\nactivation = \"sigmoid\"\nlearning_rate = 0.5",
    ] {
        let config = config(settings);
        let data = RunData::new(&config, &data).unwrap();
        let mut trainer = Trainer::<f32>::new(&config, &data).unwrap();
        let losses: Vec<f64> = (1..=30)
            .filter_map(|epoch| trainer.run_epoch(epoch, &go, &mut |_, _| {}).train.mean_loss())
            .collect();
        assert!(losses[29] < 0.5 * losses[0], "{settings}: {losses:?}");
        assert!(trainer.evaluate().unwrap().0.accuracy().unwrap() > 0.9, "{settings}");
    }
}

#[test]
fn odd_shapes_train_to_finite_metrics() {
    let data = data(7);
    for settings in [
        "batch_size = 100000",
        "batch_size = 1\nhidden_dims = [1]",
        "learning_rate = 0.0",
        "batch_size = 333\nweight_decay = 0.1",
    ] {
        let config = config(settings);
        let data = RunData::new(&config, &data).unwrap();
        let mut trainer = Trainer::<f64>::new(&config, &data).unwrap();
        let result = trainer.run_epoch(1, &AtomicBool::new(false), &mut |_, _| {});
        assert_eq!((result.end, result.train.rows), (EpochEnd::Done, 333), "{settings}");
        assert!(trainer.evaluate().unwrap().0.loss.is_finite(), "{settings}");
    }
    let dims = format!("hidden_dims = {:?}", [3; 50]);
    let config = config(&dims);
    assert!(Trainer::<f32>::new(&config, &RunData::new(&config, &data).unwrap()).is_ok());
}

#[test]
fn a_net_larger_than_the_memory_is_an_error_before_training() {
    let config = config("hidden_dims = [10000000, 10000000, 10000000]");
    let error = Trainer::<f64>::new(&config, &RunData::new(&config, &data(7)).unwrap()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(" bytes of memory ("), "{message}");
    let is_long = |digits: &str| digits.len() > 3;
    assert!(!message.split(|c: char| !c.is_ascii_digit()).any(is_long), "{message}");
}

#[test]
fn the_random_stream_the_shuffle_and_the_initial_weights_are_frozen() {
    // Written by the first version of this program. Another value means that published seeds give other results.
    let mut random = Random::new(42, Purpose::InitialWeights);
    assert_eq!([(); 3].map(|()| random.unit().to_bits()), FROZEN_UNITS);
    let mut items: Vec<u8> = (0..10).collect();
    Random::new(42, Purpose::Shuffle { epoch: 1 }).shuffle(&mut items);
    assert_eq!(items, FROZEN_ORDER);
    let model = Mlp::<f32>::new(3, &[2], 2, Activation::Relu, 42);
    assert_eq!(model.tensors().next().unwrap().data, FROZEN_WEIGHTS);
}
const FROZEN_UNITS: [u64; 3] = [4599945214697038826, 4598818307834226556, 4602561229542211364];
const FROZEN_ORDER: [u8; 10] = [9, 6, 1, 5, 7, 2, 8, 4, 0, 3];
const FROZEN_WEIGHTS: [f32; 6] = [-0.4292012, -0.60613596, -0.01846266, -0.37365702, 0.921157, -1.2239461];

#[test]
fn a_diverging_run_keeps_the_last_good_weights_and_leaves_its_metrics_empty() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("learning_rate = 1e30\nepochs = 3\nhidden_dims = [5]");
    let data = data(7);
    let request = Request {
        config: &config,
        data: &RunData::new(&config, &data).unwrap(),
        parent: folder.path(),
        run_id: Some("bad"),
        names: RunNames::default(),
        resume: None,
        deadline: None,
        halt_after: None,
    };
    let outcome = run::train(&request, &mut Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(outcome.summary.result.status, Status::Diverged);
    let last = outcome.last.map(|last| (last.epoch, last.end));
    assert!(matches!(last, Some((1, EpochEnd::Diverged { batch: Some(_) }))), "{last:?}");
    let epochs = std::fs::read_to_string(folder.path().join("bad/epochs.csv")).unwrap();
    assert_eq!(epochs.lines().nth(1), Some("bad,1,1e30,,,,,,,diverged,,,,,,,"));
    let runs = std::fs::read_to_string(folder.path().join("bad/summary.csv")).unwrap();
    assert!(runs.lines().nth(1).unwrap().starts_with("bad,diverged,5,relu,3,"), "{runs}");
    let model = saved_model::load::<f32>(&folder.path().join("bad/model.safetensors")).unwrap().model;
    assert_eq!(bits(&model), bits(&Mlp::new(7, &[5], 3, Activation::Relu, 42)));
}

#[test]
fn an_interrupted_run_saves_its_epochs_and_files() {
    struct StopAfter<'a>(&'a AtomicBool);
    impl Reporter for StopAfter<'_> {
        fn started(&mut self, _: &Path, _: usize, _: usize) {}
        fn batch(&mut self, epoch: u32, batch: usize, _: &LossSum) {
            self.0.store(epoch == 2 && batch == 3, Ordering::Relaxed);
        }
        fn epoch(&mut self, _: &EpochMetrics) {}
    }
    let (folder, stop) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
    let config = config("epochs = 5\nhidden_dims = [5]");
    let data = data(7);
    let request = Request {
        config: &config,
        data: &RunData::new(&config, &data).unwrap(),
        parent: folder.path(),
        run_id: Some("cut"),
        names: RunNames::default(),
        resume: None,
        deadline: None,
        halt_after: None,
    };
    let outcome = run::train(&request, &mut StopAfter(&stop), &stop).unwrap();
    let end = outcome.last.map(|last| last.end);
    assert_eq!((outcome.summary.result.status, end), (Status::Interrupted, Some(EpochEnd::Interrupted)));
    let epochs = std::fs::read_to_string(folder.path().join("cut/epochs.csv")).unwrap();
    let ends: Vec<_> = epochs.lines().filter_map(|line| line.split(',').nth(9)).collect();
    assert_eq!(ends, ["status", "ok", "interrupted"]);
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("cut"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    let others = [TARGETS, PREDICTIONS, "model-best.safetensors", "model-average.safetensors"];
    let mut names: Vec<&str> = NAMES.into_iter().filter(|name| !others.contains(name)).collect();
    names.sort_unstable();
    assert_eq!(files, names, "training draws no picture");
}

#[test]
fn with_a_validation_split_validation_chooses_the_best_epoch_and_has_columns() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("epochs = 4\nhidden_dims = [5]\nval_split = 0.1");
    let data = data(7);
    let request = Request {
        config: &config,
        data: &RunData::new(&config, &data).unwrap(),
        parent: folder.path(),
        run_id: Some("val"),
        names: RunNames::default(),
        resume: None,
        deadline: None,
        halt_after: None,
    };
    let summary = run::train(&request, &mut Silent, &AtomicBool::new(false)).unwrap().summary;
    let csv = std::fs::read_to_string(folder.path().join("val/epochs.csv")).unwrap();
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().contains(",train_accuracy,val_loss,val_accuracy,test_loss,"));
    let val: Vec<f32> = lines.map(|line| line.split(',').nth(6).unwrap().parse().unwrap()).collect();
    let best = val.iter().copied().fold(0.0, f32::max);
    let digits = |metric: Option<Metric>| metric.map(|metric| metric.value() as f32);
    assert_eq!(digits(summary.result.best_accuracy), Some(best));
    assert_eq!(
        summary.result.best_epoch,
        val.iter().zip(1..).find(|(v, _)| **v == best).map(|(_, epoch)| epoch)
    );
    assert_eq!((digits(summary.result.val_accuracy), summary.config.val_split), (val.last().copied(), 0.1));
}
