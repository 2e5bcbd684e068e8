//! Small models with every kind of preprocessing, and rows with the program's own logits, for tests of exports

use std::path::Path;

use chainrule::config::Scale;
use chainrule::data::encoder::Encoder;
use chainrule::data::outputs::{Outputs, Target};
use chainrule::data::preprocessing::{Column, Encoding, Preprocessing};
use chainrule::data::saved_model::{self, SavedModel};
use chainrule::data::signature::Signature;
use chainrule::data::{Cells, Inputs};
use chainrule::nn::design::Design;
use chainrule::nn::layers::{Activation, Norm};
use chainrule::nn::loss::ErrorFunction;
use chainrule::nn::mlp::Mlp;
use chainrule::nn::model_file;
use chainrule::nn::parameter::Shape;
use chainrule::random::{Purpose, Random};
use chainrule_kernels::{Backend, Scalar};
use clap::ValueEnum;

/// Number of rows of each case
pub const ROWS: usize = 100;

/// A model and rows for it
pub struct Case {
    /// A name in C, such as `case_3`
    pub name: String,
    /// The model
    pub saved: SavedModel<f64>,
    /// `ROWS` rows of raw cells
    pub rows: Vec<f32>,
    /// The outputs of the rows, logits or standardised targets, computed by this program in the type of the model
    pub logits: Vec<f64>,
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn number(center: f64, factor: f64, fill: Option<f64>) -> Column {
    Column::Number { center, factor, fill }
}

/// Pixels; numbers without names; numbers with robust scaling; numbers and categories with names that C could misread
fn preprocessings() -> [Preprocessing; 4] {
    let columns = |dims: &[usize], names: &[&str], scale, columns| {
        let encoding = Encoding::Columns { scale, columns };
        Preprocessing { dims: dims.to_vec(), names: texts(names), encoding }
    };
    let mixed = vec![
        number(38.5, 0.25, Some(36.0)),
        Column::Category(texts(&["red", "*/ \"blue\" ??/"])),
        number(0.0, 1.0, None),
        Column::Category(texts(&["a", "b", "$F", "é\u{1b}"])),
        number(-1000.0, 0.01, Some(f64::from(f32::MIN_POSITIVE))),
    ];
    [
        Preprocessing { dims: vec![4, 4], names: vec![], encoding: Encoding::Pixels },
        columns(
            &[2, 2],
            &[],
            Scale::Standard,
            vec![
                number(1.0, 2.0, None),
                number(-3.5, 0.5, None),
                number(100.0, 0.0, None),
                number(1e-3, 1e3, None),
            ],
        ),
        columns(
            &[2],
            &["$M_x", "y"],
            Scale::Robust,
            vec![number(5.0, 3.0, Some(4.0)), number(0.5, 40.0, None)],
        ),
        columns(&[5], &["age", "/* color */", "=1+1", "??/\n\\", "e"], Scale::Robust, mixed),
    ]
}

/// Each kind of preprocessing with 0 to 3 hidden layers, with each activation and norm, with and without dropout, in either
/// type
pub fn cases(folder: &Path) -> Vec<Case> {
    let hidden: [&[usize]; 4] = [&[], &[7], &[9, 5], &[6, 8, 4]];
    let mut cases = Vec::new();
    for preprocessing in preprocessings() {
        for hidden in hidden {
            let at = cases.len();
            let classes = texts(&["T-shirt/top", "say \"hi\\??/\"", "Käfer"]);
            let outputs = Outputs::Classes(classes);
            let signature = Signature { outputs, preprocessing: preprocessing.clone() };
            // Each kind and each number of layers has both of these activations and both types.
            let activation = [Activation::Relu, Activation::Sigmoid][(at + at / 4) % 2];
            let case = if at % 4 < 2 { case::<f32> } else { case::<f64> };
            let norm = [Norm::None, Norm::Batch, Norm::Layer][at % 3];
            let dropout = [0.0, 0.5][at % 2];
            let design = Design { norm, dropout, ..activation.into() };
            cases.push(case(folder, at, hidden, design, &signature));
        }
    }
    let others = Activation::value_variants().iter().copied();
    for activation in others.filter(|f| ![Activation::Relu, Activation::Sigmoid].contains(f)) {
        let [_, preprocessing, ..] = preprocessings();
        let outputs = Outputs::Classes(texts(&["a", "b", "c"]));
        let signature = Signature { outputs, preprocessing };
        for case in [case::<f32>, case::<f64>] {
            cases.push(case(folder, cases.len(), &[9, 5], activation.into(), &signature));
        }
    }
    cases
}

/// Each kind of preprocessing with 0 and 2 hidden layers, and two targets of very different sizes
pub fn regression_cases(folder: &Path) -> Vec<Case> {
    let target = |name: &str, center, scale| Target { name: name.to_owned(), center, scale };
    let targets = vec![target("price */ \"EUR\"", 123_456.5, 9876.5), target("$F_y", -0.25, 1e-3)];
    let outputs = Outputs::Targets { targets, loss: ErrorFunction::Mse };
    let mut cases = Vec::new();
    for preprocessing in preprocessings() {
        for hidden in [&[][..], &[9, 5]] {
            let signature = Signature { outputs: outputs.clone(), preprocessing: preprocessing.clone() };
            let case = if cases.len() % 4 < 2 { case::<f32> } else { case::<f64> };
            let design = Design { norm: Norm::Batch, input_dropout: 0.1, ..Activation::Relu.into() };
            cases.push(case(folder, cases.len(), hidden, design, &signature));
        }
    }
    cases
}

/// Checks numbers against the targets that the program's outputs mean
pub fn check_targets(case: &Case, found: &[f32], tolerance: f64) {
    let targets = case.saved.signature.outputs.targets();
    assert_eq!(found.len(), ROWS * targets.len(), "{}", case.name);
    for (at, (&found, &output)) in found.iter().zip(&case.logits).enumerate() {
        let target = &targets[at % targets.len()];
        let (found, want) = (f64::from(found), target.value(output));
        // The sum of the center and the scaled output is rounded to f32.
        let size = target.center.abs() + target.scale * output.abs().max(1.0);
        assert!((found - want).abs() <= tolerance * size, "{}, {at}: {found}, expected {want}", case.name);
    }
}

fn case<T: Scalar>(
    folder: &Path,
    at: usize,
    hidden: &[usize],
    design: Design,
    signature: &Signature,
) -> Case {
    let mut random = Random::new(at as u64, Purpose::GradientCheck);
    let preprocessing = &signature.preprocessing;
    let mut model = Mlp::<T>::new(preprocessing.features(), hidden, signature.outputs.len(), design, 7);
    for tensor in model.tensors_mut().filter(|tensor| matches!(tensor.shape, Shape::Vector(_))) {
        // The scales and variances of norms are around 1.
        let center = if ["weight", "running_var"].contains(&tensor.kind) { 1.0 } else { 0.0 };
        tensor.data.iter_mut().for_each(|x| *x = T::from_f64(center + random.symmetric(0.5)));
    }
    let name = format!("case_{at}");
    let path = folder.join(format!("{name}.safetensors"));
    std::fs::write(&path, model_file::to_bytes(&model, signature.to_metadata())).unwrap();
    let rows: Vec<f32> = (0..ROWS).flat_map(|_| row(preprocessing, &mut random)).collect();
    let cells = match (&preprocessing.encoding, T::BYTES) {
        (Encoding::Pixels, _) => Cells::Bytes(rows.iter().map(|&x| x as u8).collect()),
        (_, 4) => Cells::Single(rows.clone()),
        _ => Cells::Double(rows.iter().map(|&x| x.into()).collect()),
    };
    let encoder = Encoder::<T>::new(preprocessing, &inputs(preprocessing));
    let logits = logits(&model, &encoder, &cells, ROWS);
    Case { name, saved: saved_model::load(&path).unwrap(), rows, logits }
}

/// A row of cells; now and then a cell is missing, an unknown category, or far from the center, where numbers are clipped
/// so far that f32 can't hold the square
fn row(preprocessing: &Preprocessing, random: &mut Random) -> Vec<f32> {
    let Encoding::Columns { columns, scale } = &preprocessing.encoding else {
        return (0..preprocessing.columns()).map(|_| random.below(256) as f32).collect();
    };
    let mut cell = |column: &Column| match column {
        Column::Number { fill: Some(_), .. } if random.below(4) == 0 => f32::NAN,
        Column::Number { .. } if *scale == Scale::Robust && random.below(20) == 0 => {
            (random.symmetric(1.0) * 1e32) as f32
        }
        Column::Number { center, factor, .. } => {
            let far = if random.below(8) == 0 { 100.0 } else { 2.0 };
            (center + random.symmetric(far) / if *factor == 0.0 { 1.0 } else { *factor }) as f32
        }
        // One more than the last category, and NaN, are none of them.
        Column::Category(values) => match random.below(values.len() as u32 + 2) {
            0 => f32::NAN,
            code => (code - 1) as f32,
        },
    };
    columns.iter().map(&mut cell).collect()
}

/// Inputs whose categories are those of the model and one more
fn inputs(preprocessing: &Preprocessing) -> Inputs {
    let mut inputs = Inputs::of_array(&preprocessing.dims);
    if let Encoding::Columns { columns, .. } = &preprocessing.encoding {
        let values = |column: &Column| match column {
            Column::Number { .. } => None,
            Column::Category(values) => Some([&values[..], &texts(&["none of them"])].concat()),
        };
        inputs.categories = columns.iter().map(values).collect();
    }
    inputs
}

/// The logits of the first `rows` rows of cells
pub fn logits<T: Scalar>(model: &Mlp<T>, encoder: &Encoder<T>, cells: &Cells, rows: usize) -> Vec<f64> {
    let all: Vec<u32> = (0..rows as u32).collect();
    let mut workspace = model.forward_workspace(rows, Backend::auto());
    encoder.gather(cells, &all, &[], workspace.input_mut());
    model.forward(&mut workspace);
    workspace.output_mut().data().iter().map(|x| x.to_f64()).collect()
}

/// The softmax of each row of logits
pub fn softmax(logits: &[f64], classes: usize) -> Vec<f64> {
    let row = |row: &[f64]| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exp: Vec<f64> = row.iter().map(|x| (x - most).exp()).collect();
        let sum: f64 = exp.iter().sum();
        exp.into_iter().map(move |x| x / sum).collect::<Vec<_>>()
    };
    logits.chunks_exact(classes).flat_map(row).collect()
}

/// Checks labels and probabilities against the program's logits
///
/// A label may differ where two logits differ by less than `tolerance` times the largest of the row. Returns the largest
/// difference of a probability.
pub fn check(what: &str, logits: &[f64], labels: &[i64], probabilities: &[f32], tolerance: f64) -> f64 {
    let mut largest = 0.0_f64;
    let classes = probabilities.len() / labels.len();
    assert_eq!(logits.len(), probabilities.len(), "{what}");
    for (at, (row, &label)) in logits.chunks_exact(classes).zip(labels).enumerate() {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = row.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
        assert!(most - row[label as usize] <= tolerance * scale, "{what}, row {at}: {label} of {row:?}");
    }
    for (at, (want, &found)) in softmax(logits, classes).into_iter().zip(probabilities).enumerate() {
        let found = f64::from(found);
        assert!((want - found).abs() <= tolerance, "{what}, probability {at}: {found}, expected {want}");
        largest = largest.max((want - found).abs());
    }
    largest
}
