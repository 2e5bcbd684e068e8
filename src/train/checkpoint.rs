//! The file `checkpoint.safetensors`: the state of a training, from which it goes on to the same bits
//!
//! It holds the tensors of the model under their names, what the optimizer keeps as `velocity.0.weight`, or as
//! `moment1.0.weight` and `moment2.0.weight`, where they are kept those of the best epoch as `best.0.weight`, where they are
//! averaged the averages as `average.0.weight`, and in its metadata, as JSON, where the training is, and what it has
//! written. Its last tensor, `crc32`, is the CRC-32 of all bytes before it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chainrule_kernels::Scalar;
use safetensors::tensor::{Dtype as FileDtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::metrics::EpochSums;
use super::progress::Progress;
use super::state::TrainState;
use crate::error::{Error, Result, memory, open_regular};
use crate::nn::mlp::Mlp;
use crate::nn::optimizer::Kept;
use crate::nn::parameter::Shape;
use crate::nn::{model_header, stored, tensor_file};
use crate::tables::Written;

/// Name of the file in a run's folder
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Version of the format, increased whenever older programs would misread newer files
///
/// Those of version 1 have no checksums.
const VERSION: u32 = 2;
/// The entry of the metadata
const ENTRY: &str = "checkpoint";

/// What a checkpoint says beside the tensors
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Version of the format
    pub version: u32,
    /// Name of the run
    pub run_id: String,
    /// Time of its start
    pub started_at: String,
    /// Hash of its data
    pub data_hash: String,
    /// The settings that it keeps, by their names
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Names and texts of further columns of its summary
    pub tags: Vec<(String, String)>,
    /// Where the training is
    pub progress: Progress,
    /// Bytes of epochs.csv: the rows of the whole epochs
    pub epochs_csv: u64,
    /// CRC-32 of these bytes
    #[serde(default)]
    pub epochs_csv_crc32: Option<u32>,
    /// Rows that were trained on, in all epochs
    pub trained_rows: usize,
    /// Time of training, s
    pub train_s: f64,
    /// Time from the start, without times in which it was stopped, s
    pub wall_s: f64,
    /// The best epoch so far
    pub best: Option<EpochSums>,
    /// The last whole epoch
    pub last: Option<EpochSums>,
}

impl Saved {
    /// The part of epochs.csv that belongs to the checkpoint
    pub fn whole_epochs(&self) -> Written {
        Written { bytes: self.epochs_csv, crc32: self.epochs_csv_crc32 }
    }
}

/// The names and shapes of the tensors of a state
#[derive(Clone, Debug)]
pub struct Tensors {
    model: Vec<(String, Shape)>,
    /// Those that are trained, in their order
    trained: Vec<(String, Shape)>,
    /// Those after the best epoch
    best: Vec<(String, Shape)>,
    /// Those averaged
    average: Vec<(String, Shape)>,
}

/// What a checkpoint holds beside the tensors of the model
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// What the optimizer keeps
    pub kept: Kept,
    /// The tensors after the best epoch
    pub best: bool,
    /// The averaged tensors
    pub average: bool,
}

impl Tensors {
    /// Those of a model
    pub fn of<T: Scalar>(model: &Mlp<T>) -> Self {
        let name = |tensor: crate::nn::parameter::Tensor<&[T]>| (tensor.name(), tensor.shape);
        let trained = model.tensors().filter(|tensor| tensor.gradient.is_some());
        let model: Vec<_> = model.tensors().map(name).collect();
        Self {
            trained: trained.map(name).collect(),
            best: under("best", &model),
            average: under("average", &model),
            model,
        }
    }

    /// Those that an optimizer keeps
    fn kept(&self, kept: Kept) -> Vec<(String, Shape)> {
        kept.names().iter().flat_map(|prefix| under(prefix, &self.trained)).collect()
    }

    /// Writes a model file with these elements, given its metadata
    ///
    /// # Errors
    /// If `out` can't be written to.
    pub fn write_model<T: Scalar>(
        &self,
        out: &mut dyn Write,
        metadata: BTreeMap<String, String>,
        elements: &[Vec<T>],
    ) -> io::Result<()> {
        tensor_file::write(out, metadata, &named(&self.model, elements))
    }

    /// Writes a checkpoint
    ///
    /// # Errors
    /// If `out` can't be written to.
    pub fn write_checkpoint<T: Scalar>(
        &self,
        out: &mut dyn Write,
        saved: &Saved,
        state: &TrainState<T>,
    ) -> io::Result<()> {
        let saved = Saved { version: VERSION, progress: state.progress.clone(), ..saved.clone() };
        let entries = [
            (ENTRY, serde_json::to_string(&saved).unwrap_or_default()),
            ("producer", "chainrule".to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let metadata = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let best = state.best.as_ref().map_or(&[][..], |best| best);
        let tensors = [
            named(&self.model, &state.tensors),
            named(&self.kept(state.keeps), &state.kept),
            named(&self.best, best),
            named(&self.average, state.average.as_deref().unwrap_or_default()),
        ];
        tensor_file::write_sealed(out, metadata, &tensors.concat())
    }
}

/// The names below a prefix, as `best.0.weight`
fn under(prefix: &str, tensors: &[(String, Shape)]) -> Vec<(String, Shape)> {
    tensors.iter().map(|(name, shape)| (format!("{prefix}.{name}"), *shape)).collect()
}

fn named<'a, T>(names: &[(String, Shape)], elements: &'a [Vec<T>]) -> Vec<(String, Shape, &'a [T])> {
    names
        .iter()
        .zip(elements)
        .map(|((name, shape), elements)| (name.clone(), *shape, &elements[..]))
        .collect()
}

/// A checkpoint as it was read
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What it says beside the tensors
    pub saved: Saved,
}

impl Checkpoint {
    /// Reads the checkpoint in the folder of a run
    ///
    /// # Errors
    /// If there is none, or it is no whole checkpoint of this version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CHECKPOINT);
        let (mut file, mut bytes) = (open_regular(&path)?, Vec::new());
        let len = file.metadata().map_err(Error::reading(&path))?.len();
        memory::check(len.into(), || format!("to read {}", path.display()))?;
        file.read_to_end(&mut bytes).map_err(Error::reading(&path))?;
        let saved = saved(&bytes).map_err(|problem| Error::content(&path, problem))?;
        Ok(Self { path, bytes, saved })
    }

    /// The state of a training of this model
    ///
    /// # Errors
    /// If the tensors are not those of the model and those that `holds` says, or an element is not finite.
    pub fn state<T: Scalar>(&self, model: &Mlp<T>, holds: Holds) -> Result<TrainState<T>> {
        let tensors = Tensors::of(model);
        let kept = tensors.kept(holds.kept);
        let best = if holds.best { &tensors.best[..] } else { &[] };
        let average = if holds.average { &tensors.average[..] } else { &[] };
        let read = || -> std::result::Result<TrainState<T>, String> {
            let file = SafeTensors::deserialize(&self.bytes).map_err(|e| format!("header: {e}"))?;
            let expected = tensors.model.len() + kept.len() + best.len() + average.len();
            let found = file.names().into_iter().filter(|name| *name != tensor_file::SEAL).count();
            if found != expected {
                return Err(format!("has {found} tensors, expected {expected}"));
            }
            let all = |names: &[(String, Shape)]| -> std::result::Result<Vec<Vec<T>>, String> {
                names.iter().map(|(name, shape)| elements(&file, name, *shape)).collect()
            };
            let best = if holds.best { Some(Arc::new(all(best)?)) } else { None };
            let average = if holds.average { Some(all(average)?) } else { None };
            let (tensors, kept) = (all(&tensors.model)?, all(&kept)?);
            let progress = self.saved.progress.clone();
            Ok(TrainState { tensors, keeps: holds.kept, kept, best, average, progress })
        };
        read().map_err(|problem| Error::content(&self.path, problem))
    }
}

fn saved(bytes: &[u8]) -> std::result::Result<Saved, String> {
    model_header::check(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| format!("header: {e}"))?;
    let entry = header.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
    let entry = entry.ok_or("has no metadata `checkpoint`, expected a checkpoint that chainrule wrote")?;
    let version = serde_json::from_str::<serde_json::Value>(entry).ok();
    let version = version.and_then(|json| json.get("version")?.as_u64());
    if version.is_some_and(|version| version > u64::from(VERSION)) {
        return Err(format!(
            "has version {}, expected {VERSION} or below: a newer program wrote this",
            version.unwrap_or(0)
        ));
    }
    if version != Some(1) && !tensor_file::is_as_sealed(bytes) {
        return Err("is damaged: its checksum is not that of its content".to_owned());
    }
    serde_json::from_str(entry).map_err(|e| format!("metadata `checkpoint`: {e}"))
}

/// The elements of a tensor, row by row
fn elements<T: Scalar>(
    file: &SafeTensors<'_>,
    name: &str,
    shape: Shape,
) -> std::result::Result<Vec<T>, String> {
    let wrong = |problem: String| format!("{name}: {problem}");
    let tensor = file.tensor(name).map_err(|_| wrong("missing".to_owned()))?;
    let dtype = if T::BYTES == 4 { FileDtype::F32 } else { FileDtype::F64 };
    if (tensor.dtype(), tensor.shape()) != (dtype, &shape.stored()[..]) {
        let (found, expected) = (tensor.shape(), shape.stored());
        return Err(wrong(format!("is {:?} {found:?}, expected {dtype:?} {expected:?}", tensor.dtype())));
    }
    let stored = stored::elements::<T>(&tensor).map_err(wrong)?;
    let mut elements = vec![T::ZERO; stored.len()];
    shape.stored_order().zip(stored).for_each(|(at, x)| elements[at] = x);
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::Activation;
    use crate::nn::loss::LossSum;
    use crate::train::metrics::AverageSums;

    fn state(model: &Mlp<f32>, holds: Holds) -> TrainState<f32> {
        let copies = |scale: f32| {
            model.tensors().map(|t| t.data.iter().map(|x| x * scale).collect()).collect::<Vec<Vec<f32>>>()
        };
        let sums = LossSum { loss: 0.1 + 0.2, correct: 3, rows: 8, ..LossSum::default() };
        let progress = Progress { epoch: 3, batches: 7, sums, seconds: 1e-3 };
        let kept = [-0.5, 0.75].into_iter().take(holds.kept.names().len()).flat_map(copies).collect();
        let best = holds.best.then(|| Arc::new(copies(0.25)));
        let average = holds.average.then(|| copies(0.75));
        TrainState { tensors: copies(1.0), keeps: holds.kept, kept, best, average, progress }
    }

    fn written(folder: &Path, model: &Mlp<f32>, state: &TrainState<f32>, saved: &Saved) {
        let mut file = std::fs::File::create(folder.join(CHECKPOINT)).unwrap();
        Tensors::of(model).write_checkpoint(&mut file, saved, state).unwrap();
    }

    #[test]
    fn a_state_reads_back_to_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let model = Mlp::<f32>::new(3, &[5, 4], 2, Activation::Relu, 1);
        let kinds = [Kept::None, Kept::Velocity, Kept::Moments];
        for (kept, n) in kinds.map(|kept| (0..4).map(move |n| (kept, n))).into_iter().flatten() {
            let holds = Holds { kept, best: n & 1 > 0, average: n & 2 > 0 };
            let state = state(&model, holds);
            let sums = state.progress.sums.clone();
            let average = holds.average.then(|| AverageSums { val: None, test: Some(sums.clone()) });
            let last = EpochSums { epoch: 2, train: sums, val: None, test: None, average };
            let best = Some(EpochSums { epoch: 1, test: Some(last.train.clone()), ..last.clone() });
            let saved = Saved {
                run_id: "a,\"b".to_owned(),
                epochs_csv: 99,
                best,
                last: Some(last),
                ..Saved::default()
            };
            written(folder.path(), &model, &state, &saved);
            let found = Checkpoint::read(folder.path()).unwrap();
            let expected = Saved { version: VERSION, progress: state.progress.clone(), ..saved };
            assert_eq!(found.saved, expected);
            assert_eq!(found.state(&model, holds).unwrap(), state);
            let kept = if kept == Kept::Velocity { Kept::Moments } else { Kept::Velocity };
            let other = Holds { kept, ..holds };
            let error = found.state(&model, other).unwrap_err().to_string();
            assert!(error.contains("tensors, expected"), "{error}");
        }
    }

    #[test]
    fn other_tensors_and_newer_versions_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let model = Mlp::<f32>::new(3, &[5], 2, Activation::Relu, 1);
        let holds = Holds { kept: Kept::Velocity, best: false, average: false };
        written(folder.path(), &model, &state(&model, holds), &Saved::default());
        let found = Checkpoint::read(folder.path()).unwrap();
        let other = Mlp::<f32>::new(3, &[6], 2, Activation::Relu, 1);
        let error = found.state(&other, holds).unwrap_err().to_string();
        assert!(error.contains("0.weight: is F32 [5, 3], expected F32 [6, 3]"), "{error}");
        let double = Mlp::<f64>::new(3, &[5], 2, Activation::Relu, 1);
        assert!(found.state(&double, holds).unwrap_err().to_string().contains("expected F64"));
        let path = folder.path().join(CHECKPOINT);
        let of = |entry: &str| {
            let metadata = [(ENTRY.to_owned(), entry.to_owned())].into_iter().collect();
            std::fs::write(
                &path,
                tensor_file::bytes(metadata, &[("a".to_owned(), Shape::Vector(1), &[0f32][..])]),
            )
            .unwrap();
            Checkpoint::read(folder.path()).unwrap_err().to_string()
        };
        assert!(of(r#"{"version":9}"#).contains("has version 9, expected 2 or below"));
        assert!(of(r#"{"version":1}"#).contains("metadata `checkpoint`: missing field"));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(Checkpoint::read(folder.path()).unwrap_err().to_string().contains("cut"));
    }
}
