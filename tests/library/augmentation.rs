//! Rows that are changed while they are gathered, through the library

use std::sync::atomic::{AtomicBool, Ordering};

use chainrule::config::{ClassWeight, Dtype, Scale, TrainConfig};
use chainrule::data::augmentation::Augmentation;
use chainrule::data::encoder::Encoder;
use chainrule::data::run_data::RunData;
use chainrule::data::{Cells, Dataset, Inputs, Labels, Split, Task};
use chainrule::nn::loss::{BatchLabels, LossSum};
use chainrule::nn::matrix::Matrix;
use chainrule::train::metrics::EpochEnd;
use chainrule::train::trainer::Trainer;

const SIDE: usize = 8;
const PIXELS: usize = SIDE * SIDE;

/// Images in three classes, whose number is no multiple of the batch size 32
fn images() -> Dataset {
    let split = |len: usize, salt: usize| {
        let pixel = |at: usize| {
            let (i, j) = (at / PIXELS, at % PIXELS);
            (1 + (i * 31 + j * 17 + salt) % 97 + if j % 3 == i % 3 { 120 } else { 0 }) as u8
        };
        Split {
            cells: Cells::Bytes((0..len * PIXELS).map(pixel).collect()),
            labels: Labels::Classes((0..len as u32).map(|i| i % 3).collect()),
            columns: PIXELS,
        }
    };
    Dataset {
        source: "test".to_owned(),
        inputs: Inputs::of_array(&[SIDE, SIDE]),
        task: Task::Classify(["a", "b", "c"].map(str::to_owned).to_vec()),
        task_note: None,
        train: split(211, 0),
        test: split(40, 5),
        row_weights: None,
        warnings: Vec::new(),
        undivided_hash: None,
    }
}

fn of_numbers(images: &Dataset) -> Dataset {
    let numbers = |split: &Split| {
        let Cells::Bytes(bytes) = &split.cells else { panic!("no bytes") };
        Split { cells: Cells::Single(bytes.iter().map(|&byte| f32::from(byte)).collect()), ..split.clone() }
    };
    Dataset { train: numbers(&images.train), test: numbers(&images.test), ..images.clone() }
}

fn config() -> TrainConfig {
    TrainConfig {
        hidden_dims: "17".parse().unwrap(),
        batch_size: 32,
        learning_rate: 0.05,
        ..TrainConfig::default()
    }
}

/// All kinds of changes, in several combinations
fn settings() -> [TrainConfig; 9] {
    [
        TrainConfig { flip: true, ..config() },
        TrainConfig { shift: 2, val_split: 0.2, ..config() },
        TrainConfig { distort: 0.1, ..config() },
        TrainConfig { erase: 5, no_shuffle: true, ..config() },
        TrainConfig { flip: true, shift: 1, distort: 0.2, erase: 8, dtype: Dtype::Bf16, ..config() },
        TrainConfig { mixup: 0.4, no_shuffle: true, ..config() },
        TrainConfig { label_smoothing: 0.1, ..config() },
        TrainConfig { flip: true, shift: 1, mixup: 1.5, label_smoothing: 0.1, ..config() },
        TrainConfig { flip: true, shift: 1, mixup: 0.2, dtype: Dtype::Bf16, ..config() },
    ]
}

type Result = (Vec<Vec<f32>>, Vec<LossSum>, LossSum);

/// The weights, the sums of two epochs and those of the test set
///
/// * `stop`: the batch of the second epoch after which the training goes on in another trainer
fn train(config: &TrainConfig, data: &Dataset, threads: usize, stop: Option<usize>) -> Result {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
        let data = RunData::new(config, data).unwrap();
        let mut trainer = Trainer::<f32>::new(config, &data).unwrap();
        let is_stopped = AtomicBool::new(false);
        let mut sums = vec![trainer.run_epoch(1, &is_stopped, &mut |_, _| {}).train];
        if let Some(stop) = stop {
            let metrics = trainer.run_epoch(2, &is_stopped, &mut |batch, _| {
                is_stopped.store(batch == stop, Ordering::Relaxed);
            });
            assert_eq!(metrics.end, EpochEnd::Interrupted);
            let state = trainer.state();
            trainer = Trainer::to_restore(config, &data).unwrap();
            trainer.restore(&state);
        }
        sums.push(trainer.run_epoch(2, &AtomicBool::new(false), &mut |_, _| {}).train);
        let test = trainer.evaluate().unwrap().0;
        (trainer.state().tensors, sums, test)
    })
}

#[test]
fn any_number_of_threads_and_a_stop_within_an_epoch_give_the_same_bits() {
    let (bytes, numbers) = (images(), of_numbers(&images()));
    let plain = train(&config(), &bytes, 1, None);
    for config in settings() {
        for data in [&bytes, &numbers] {
            let whole = train(&config, data, 1, None);
            assert!(whole.0 != plain.0, "{config:?}");
            for (threads, stop) in [(2, None), (3, None), (1, Some(1)), (2, Some(4))] {
                assert!(train(&config, data, threads, stop) == whole, "{threads} {stop:?} {config:?}");
            }
        }
    }
}

#[test]
fn moved_images_whose_pixels_have_scales_of_their_own_have_a_warning() {
    let bytes = images();
    let numbers = of_numbers(&bytes);
    let warnings =
        |config: &TrainConfig, set: &Dataset| RunData::new(config, set).unwrap().warnings.join("\n");
    let shifted = TrainConfig { shift: 1, ..config() };
    let found = warnings(&shifted, &numbers);
    assert!(found.starts_with("--shift moves pixels") && found.contains("--scale none"), "{found}");
    let found = warnings(&TrainConfig { scale: Scale::Minmax, ..shifted.clone() }, &bytes);
    assert!(found.contains("without --scale, bytes are divided by 255"), "{found}");
    let unscaled = TrainConfig { scale: Scale::None, ..shifted.clone() };
    let erased = TrainConfig { erase: 3, ..config() };
    for (config, set) in
        [(&config(), &numbers), (&shifted, &bytes), (&unscaled, &numbers), (&erased, &numbers)]
    {
        assert_eq!(warnings(config, set), "");
    }
}

#[test]
fn evaluation_is_never_changed() {
    let data = images();
    // Without steps, the model is the same, and so must be what it says of the test set.
    let frozen = TrainConfig { learning_rate: 0.0, ..config() };
    let moves = TrainConfig { flip: true, shift: 3, distort: 0.3, erase: 4, ..frozen.clone() };
    let all = TrainConfig { mixup: 1.0, label_smoothing: 0.3, ..moves };
    let (frozen, all) = (train(&frozen, &data, 1, None), train(&all, &data, 1, None));
    assert!(frozen.0 == all.0 && frozen.2 == all.2);
    assert!(frozen.1 != all.1);
}

/// A batch of all training rows as it is gathered in an epoch
fn batch(config: &TrainConfig, data: &Dataset, epoch: u32) -> (Matrix<f32>, BatchLabels<f32>) {
    let data = RunData::new(config, data).unwrap();
    let rows = &data.train_rows;
    let encoder = Encoder::new(&data.preprocessing, &data.set.inputs);
    let mut augmentation = Augmentation::new(config, &data.set, rows.len()).unwrap().unwrap();
    augmentation.start_epoch(epoch);
    let mut x = Matrix::from_fn(rows.len(), encoder.features(), |_, _| f32::NAN);
    let mut labels = augmentation.batch_labels(&data.outputs, rows.len());
    augmentation.gather(&data.set.train, (&encoder, &data.outputs), rows, &[], &mut x, &mut labels);
    (x, labels)
}

/// An image, flipped and shifted, as inputs of a net
fn moved(image: &[u8], (flip, down, right): (bool, i32, i32), input: impl Fn(u8) -> f32) -> Vec<f32> {
    let side = SIDE as i32;
    let pixel = |at: i32| {
        let (y, x) = (at / side - down, at % side - right);
        let is_inside = (0..side).contains(&y) && (0..side).contains(&x);
        let x = if flip { side - 1 - x } else { x };
        input(if is_inside { image[(y * side + x) as usize] } else { 0 })
    };
    (0..PIXELS as i32).map(pixel).collect()
}

#[test]
fn each_image_is_moved_before_it_is_scaled_in_another_way_in_each_epoch() {
    let bytes = images();
    let Cells::Bytes(pixels) = &bytes.train.cells else { panic!("no bytes") };
    let config = TrainConfig { flip: true, shift: 2, ..config() };
    let unscaled = TrainConfig { scale: Scale::None, ..config.clone() };
    let share: fn(u8) -> f32 = |byte| f32::from(byte) / 255.0;
    let number: fn(u8) -> f32 = f32::from;
    let cases = [
        (&config, bytes.clone(), share),
        (&unscaled, bytes.clone(), number),
        (&unscaled, of_numbers(&bytes), number),
    ];
    for (config, data, input) in cases {
        let found = [1, 2].map(|epoch| {
            let (x, labels) = batch(config, &data, epoch);
            assert!(matches!(labels, BatchLabels::Classes(labels) if labels == data.train.labels.classes()));
            let of_row = |row: usize| {
                let mut all = (0..50).map(|at| (at % 2 == 1, at / 2 % 5 - 2, at / 10 - 2));
                let image = &pixels[row * PIXELS..][..PIXELS];
                all.position(|by| moved(image, by, input) == x.row(row)).expect("a move of the image")
            };
            (0..data.train.len()).map(of_row).collect::<Vec<_>>()
        });
        let kinds = |found: &[usize]| found.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!(kinds(&found[0]) > 40, "{:?}", found[0]);
        let same = found[0].iter().zip(&found[1]).filter(|(a, b)| a == b).count();
        assert!(same < 20, "{same} of 211 images are moved alike in both epochs");
    }
}

#[test]
fn an_image_loses_one_rectangle_up_to_the_size_that_was_asked_for() {
    let data = images();
    let whole = batch(&TrainConfig { erase: 0, flip: true, ..config() }, &data, 1).0;
    let erased = batch(&TrainConfig { erase: 4, flip: true, ..config() }, &data, 1).0;
    let mut sizes = std::collections::BTreeSet::new();
    for i in 0..data.train.len() {
        let lost: Vec<_> = (0..PIXELS).filter(|&at| erased.row(i)[at] != whole.row(i)[at]).collect();
        // No pixel of these images is 0, so all that is erased differs.
        assert!(lost.iter().all(|&at| erased.row(i)[at] == 0.0));
        let (ys, xs) = (lost.iter().map(|at| at / SIDE), lost.iter().map(|at| at % SIDE));
        let side = |min: Option<usize>, max: Option<usize>| max.map_or(0, |max| max + 1 - min.unwrap_or(max));
        let size = (side(ys.clone().min(), ys.max()), side(xs.clone().min(), xs.max()));
        assert_eq!(lost.len(), size.0 * size.1, "image {i}");
        sizes.insert(size);
    }
    // All sizes from 1 to 4, and no pixel
    assert_eq!(sizes.len(), 17, "{sizes:?}");
    assert!(sizes.iter().all(|&(height, width)| height <= 4 && width <= 4));
}

#[test]
fn a_distorted_image_keeps_its_centre_and_is_another_in_each_epoch() {
    // One bright pixel in the middle of an odd width, and one in a corner
    const SIDE: usize = 9;
    let mut data = images();
    data.inputs = Inputs::of_array(&[SIDE, SIDE]);
    for split in [&mut data.train, &mut data.test] {
        let mut image = [0; SIDE * SIDE];
        (image[SIDE * SIDE / 2], image[0]) = (200, 200);
        split.cells = Cells::Bytes(image.repeat(split.len()));
        split.columns = SIDE * SIDE;
    }
    let config = TrainConfig { distort: 0.15, ..config() };
    let [one, two] = [1, 2].map(|epoch| batch(&config, &data, epoch).0);
    let centre = |x: &Matrix<f32>, i: usize| x.row(i)[SIDE * SIDE / 2];
    let corner = |x: &Matrix<f32>, i: usize| x.row(i)[..SIDE].to_vec();
    let rows = data.train.len();
    assert!((0..rows).all(|i| centre(&one, i) == 200.0 / 255.0));
    let differing = (0..rows).filter(|&i| corner(&one, i) != corner(&two, i)).count();
    assert!(differing > rows / 2, "{differing}");
}

#[test]
fn rows_and_labels_are_mixed_with_those_of_the_next_row() {
    let data = images();
    let plain = batch(&TrainConfig { shift: 1, ..config() }, &data, 1).0;
    let mixing = TrainConfig { shift: 1, mixup: 0.5, ..config() };
    let (x, BatchLabels::Mixed(mixed)) = batch(&mixing, &data, 1) else { panic!("not mixed") };
    let rows = data.train.len();
    let labels = data.train.labels.classes();
    assert!(mixed.shares.iter().any(|&share| share > 0.9) && mixed.shares.iter().any(|&share| share < 0.1));
    for (i, &share) in mixed.shares.iter().enumerate() {
        let next = (i + 1) % rows;
        assert_eq!((mixed.labels[i], mixed.others[i]), (labels[i], labels[next]));
        let (share, other) = (share as f32, 1.0 - share as f32);
        let want = plain.row(i).iter().zip(plain.row(next)).map(|(a, b)| share * a + other * b);
        assert!(want.eq(x.row(i).iter().copied()), "row {i}");
    }
}

#[test]
fn targets_that_are_numbers_are_mixed_as_the_inputs_are() {
    let mut data = images();
    let values = (0..211).map(|i| f64::from(i * 7 % 50)).collect();
    data.train.labels = Labels::Numbers { values, targets: 1 };
    data.test.labels = Labels::Numbers { values: vec![1.0; 40], targets: 1 };
    data.task = Task::Regress(vec!["y".to_owned()]);
    let plain = batch(&TrainConfig { shift: 1, ..config() }, &data, 1).1;
    // From so large an α, all shares are 1/2.
    let mixed = batch(&TrainConfig { shift: 1, mixup: 1e300, ..config() }, &data, 1).1;
    let (BatchLabels::Numbers(plain), BatchLabels::Numbers(mixed)) = (plain, mixed) else {
        panic!("classes")
    };
    for i in 0..211 {
        let want = 0.5 * plain.data()[i] + 0.5 * plain.data()[(i + 1) % 211];
        approx::assert_abs_diff_eq!(mixed.data()[i], want, epsilon = 1e-6);
    }
    let mixup = TrainConfig { mixup: 0.2, ..config() };
    assert!(train(&mixup, &data, 3, Some(2)) == train(&mixup, &data, 1, None));
}

#[test]
fn settings_that_do_not_fit_the_data_are_refused_with_what_to_do() {
    let images = images();
    let flat = Dataset { inputs: Inputs::of_array(&[PIXELS]), ..images.clone() };
    let weighted = Dataset { row_weights: Some(vec![1.0; 211]), ..images.clone() };
    let mut numbers = images.clone();
    numbers.train.labels = Labels::Numbers { values: (0..211).map(f64::from).collect(), targets: 1 };
    numbers.task = Task::Regress(vec!["y".to_owned()]);
    let class_weight = ClassWeight::Balanced;
    for (config, data, message) in [
        (
            TrainConfig { flip: true, ..config() },
            &flat,
            "flip is true, expected false, since rows of 64 numbers are no images",
        ),
        (
            TrainConfig { shift: 1, ..config() },
            &flat,
            "shift is 1, expected 0, since rows of 64 numbers are no images",
        ),
        (
            TrainConfig { shift: 8, ..config() },
            &images,
            "shift is 8, expected at most 7, since the images have 8 × 8 pixels",
        ),
        (
            TrainConfig { distort: 0.1, ..config() },
            &flat,
            "distort is 0.1, expected 0, since rows of 64 numbers are no images",
        ),
        (
            TrainConfig { erase: 2, ..config() },
            &flat,
            "erase is 2, expected 0, since rows of 64 numbers are no images",
        ),
        (
            TrainConfig { shift: 7, erase: 9, ..config() },
            &images,
            "erase is 9, expected at most 8, since the images have 8 × 8 pixels",
        ),
        (
            TrainConfig { label_smoothing: 0.1, ..config() },
            &numbers,
            "label-smoothing is 0.1, expected 0, since these labels",
        ),
        (
            TrainConfig { mixup: 0.2, class_weight, ..config() },
            &images,
            "mixup is 0.2, expected 0 with --class-weight balanced",
        ),
        (TrainConfig { mixup: 0.2, ..config() }, &weighted, "mixup is 0.2, expected 0 with --weight-column"),
    ] {
        let error = RunData::new(&config, data).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let allowed = TrainConfig {
        flip: true,
        shift: 7,
        erase: 8,
        distort: 0.5,
        class_weight,
        label_smoothing: 0.9,
        ..config()
    };
    assert!(RunData::new(&allowed, &images).is_ok());
    assert!(RunData::new(&TrainConfig { mixup: 0.2, ..config() }, &flat).is_ok());
}
