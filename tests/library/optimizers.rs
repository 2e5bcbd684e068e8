//! Optimizers and learning rates, compared with those of PyTorch, and runs that go on in the middle of an epoch
//!
//! tests/outside/torch/optimizers.py, which needs PyTorch 2, recorded optimizers.json beside it. Inputs, labels and initial
//! weights are formulas that both sides compute.

use std::sync::atomic::{AtomicBool, Ordering};

use chainrule::config::{Settings, TrainConfig};
use chainrule::data::run_data::RunData;
use chainrule::data::{Cells, Dataset, Inputs, Labels, Split, Task};
use chainrule::train::schedule::Schedule;
use chainrule::train::state::TrainState;
use chainrule::train::trainer::Trainer;
use serde_json::Value;

const WIDTHS: [usize; 3] = [6, 5, 3];
const ROWS: usize = 40;
/// Five batches of 8 in each epoch
const SETTINGS: &str =
    "hidden_dims = [5]\nactivation = \"sigmoid\"\ndtype = \"f64\"\nepochs = 20\nbatch_size = 8\n";

fn config(toml: &str) -> TrainConfig {
    let text = format!("{SETTINGS}{toml}");
    Settings::from_table(toml::from_str(&text).unwrap(), &text).unwrap().resolve().unwrap()
}

fn data() -> Dataset {
    let columns = WIDTHS[0];
    let pixel = |i: usize, j: usize| ((31 * i + 17 * j + 13 * i * j) % 251) as u8;
    let train = Split {
        cells: Cells::Bytes((0..ROWS * columns).map(|at| pixel(at / columns, at % columns)).collect()),
        labels: Labels::Classes((0..ROWS as u32).map(|i| i * i % 3).collect()),
        columns,
    };
    Dataset {
        source: "test".to_owned(),
        inputs: Inputs::of_array(&[columns]),
        task: Task::Classify(["a", "b", "c"].map(str::to_owned).to_vec()),
        task_note: None,
        test: train.rows(&[]),
        train,
        row_weights: None,
        warnings: Vec::new(),
        undivided_hash: None,
    }
}

/// The tensors of optimizers.py before the first step, in the order of the model
fn initial_tensors() -> Vec<Vec<f64>> {
    let mut tensors = vec![];
    for (at, pair) in WIDTHS.windows(2).enumerate() {
        let weight = |i: usize, j: usize| ((7 * i + 5 * j + 3 * at) % 11) as f64 / 11.0 - 0.5;
        let bias = |j: usize| ((3 * j + at) % 5) as f64 / 10.0 - 0.2;
        tensors.push((0..pair[0]).flat_map(|i| (0..pair[1]).map(move |j| weight(i, j))).collect());
        tensors.push((0..pair[1]).map(bias).collect());
    }
    tensors
}

/// The numbers of a list of a JSON file
fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn a_hundred_steps_are_those_of_pytorch() {
    let recorded: Value = serde_json::from_str(include_str!("../outside/torch/optimizers.json")).unwrap();
    let (data, go) = (data(), AtomicBool::new(false));
    let cases = [
        ("adamw", "optimizer = \"adamw\"\nlearning_rate = 0.02\nweight_decay = 0.1"),
        (
            "adamw-weights-only",
            "optimizer = \"adamw\"\nlearning_rate = 0.02\nweight_decay = 0.3\ndecay_bias = false\nbeta1 = 0.8\n\
             beta2 = 0.95\nepsilon = 1e-3\nschedule = \"linear\"",
        ),
        (
            "nesterov-weights-only",
            "learning_rate = 0.3\nnesterov = true\nweight_decay = 0.01\ndecay_bias = false",
        ),
        ("cosine", "learning_rate = 0.5\nschedule = \"cosine\"\nwarmup = 2"),
        ("one-cycle", "learning_rate = 0.5\nschedule = \"one-cycle\""),
        ("step", "learning_rate = 0.5\nschedule = \"step\"\nmomentum = 0.5"),
    ];
    assert_eq!(recorded.as_object().unwrap().len(), cases.len());
    for (name, settings) in cases {
        let config = config(&format!("no_shuffle = true\n{settings}"));
        let run_data = RunData::new(&config, &data).unwrap();
        let mut trainer = Trainer::<f64>::new(&config, &run_data).unwrap();
        let start = TrainState { tensors: initial_tensors(), ..trainer.state() };
        trainer.restore(&start);
        let rates = numbers(&recorded[name]["rates"]);
        let schedule = Schedule::new(&config, 5);
        for epoch in 1..=20 {
            let metrics = trainer.run_epoch(epoch, &go, &mut |_, _| {});
            let last = 5 * epoch as usize - 1;
            assert_eq!(metrics.learning_rate, schedule.rate(last as u64), "{name}, epoch {epoch}");
        }
        let found: Vec<f64> = (0..100).map(|t| schedule.rate(t)).collect();
        assert_close(&format!("{name}, rates"), &found, &rates, 1e-15);
        let tensors = recorded[name]["tensors"].as_array().unwrap();
        assert_eq!(tensors.len(), 4);
        for (tensor, want) in trainer.model().tensors().zip(tensors) {
            assert_close(&format!("{name}, {}", tensor.name()), tensor.data, &numbers(want), 1e-9);
        }
    }
}

#[track_caller]
fn assert_close(what: &str, found: &[f64], want: &[f64], bound: f64) {
    assert_eq!(found.len(), want.len(), "{what}");
    for (at, (found, want)) in found.iter().zip(want).enumerate() {
        assert!((found - want).abs() <= bound, "{what}, {at}: {found}, not {want}");
    }
}

#[test]
fn training_that_goes_on_within_an_epoch_has_the_same_rates_and_bits() {
    let data = data();
    for settings in [
        "optimizer = \"adamw\"\nweight_decay = 0.1\nschedule = \"cosine\"\nwarmup = 1.5",
        "optimizer = \"adamw\"\nschedule = \"linear\"\nepochs = 3",
        "nesterov = true\nschedule = \"one-cycle\"\nweight_decay = 0.1\ndecay_bias = false",
        "schedule = \"step\"\nmomentum = 0.0\nepochs = 4",
    ] {
        // Later keys replace those of SETTINGS.
        let own = |line: &&str| !settings.contains(line.split('=').next().unwrap_or_default());
        let text = SETTINGS.lines().filter(own).collect::<Vec<_>>().join("\n") + "\n" + settings;
        let config = Settings::from_table(toml::from_str(&text).unwrap(), &text).unwrap().resolve().unwrap();
        let run_data = RunData::new(&config, &data).unwrap();
        let (mut rates, go) = (vec![], AtomicBool::new(false));
        let mut whole = Trainer::<f64>::new(&config, &run_data).unwrap();
        for epoch in 1..=3 {
            rates.push(whole.run_epoch(epoch, &go, &mut |_, _| {}).learning_rate);
        }
        for cut in [1, 3, 4] {
            let stop = AtomicBool::new(false);
            let mut first = Trainer::<f64>::new(&config, &run_data).unwrap();
            first.run_epoch(1, &stop, &mut |_, _| {});
            let partly =
                first.run_epoch(2, &stop, &mut |batch, _| stop.store(batch == cut, Ordering::Relaxed));
            assert_eq!(partly.learning_rate, Schedule::new(&config, 5).rate(5 + cut as u64 - 1));
            let mut second = Trainer::<f64>::to_restore(&config, &run_data).unwrap();
            second.restore(&first.state());
            for epoch in 2..=3 {
                let metrics = second.run_epoch(epoch, &go, &mut |_, _| {});
                assert_eq!(metrics.learning_rate, rates[epoch as usize - 1], "{settings}, cut {cut}");
            }
            let [a, b] = [&whole, &second].map(Trainer::state);
            assert!(
                a.tensors == b.tensors && a.kept == b.kept && a.keeps == b.keeps,
                "{settings}, cut {cut}"
            );
        }
    }
}
