//! Fashion-MNIST itself; where it is missing, the tests fail and name the script that gets it

use std::sync::atomic::AtomicBool;

use chainrule::config::TrainConfig;
use chainrule::data::run_data::RunData;
use chainrule::data::{DataOptions, Dataset};
use chainrule::train::trainer::Trainer;

fn data() -> Dataset {
    Dataset::load(&DataOptions::default()).unwrap_or_else(|e| panic!("{e}: run scripts/get-data.sh first"))
}

#[test]
fn fashion_mnist_has_its_sizes_and_names() {
    let data = data();
    assert_eq!((data.train.len(), data.test.len()), (60_000, 10_000));
    assert_eq!((data.inputs.dims.as_slice(), data.features()), (&[28, 28][..], 784));
    assert_eq!((data.task.names()[0].as_str(), data.task.names()[9].as_str()), ("T-shirt/top", "Ankle boot"));
    assert_eq!(&data.train.labels.classes()[..8], [9, 0, 0, 3, 0, 2, 7, 2]);
}

#[test]
fn one_epoch_of_the_default_net_classifies_four_of_five_test_images() {
    let data = data();
    let config = TrainConfig::default();
    let run_data = RunData::new(&config, &data).unwrap();
    let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
    trainer.run_epoch(1, &AtomicBool::new(false), &mut |_, _| {});
    let accuracy = trainer.evaluate().unwrap().0.accuracy().unwrap();
    assert!(accuracy > 0.8, "{accuracy}");
}
