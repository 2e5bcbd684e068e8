//! Random changes of training rows while they are gathered: moves of images, and mixup

use chainrule_kernels::{Distortion, ImageShape, Move, Part, Scalar, mix_rows, move_images_scratch};

use super::batches::gather;
use super::beta::Beta;
use super::encoder::Encoder;
use super::image_shape::image_shape;
use super::moved_images::{check_at_most, check_shift, move_cells, own_scales};
use super::outputs::Outputs;
use super::preprocessing::Preprocessing;
use super::{Cells, Dataset, Split, Task};
use crate::config::{ClassWeight, TrainConfig};
use crate::error::{Error, Result};
use crate::nn::loss::BatchLabels;
use crate::nn::matrix::Matrix;
use crate::random::{Purpose, Streams};

/// What happens to the rows of a batch while they are gathered; keeps its scratch between batches
///
/// How a row is changed depends only on the seed, the epoch and the index of the row in the training set. With mixup, the
/// partner of a row is the next one of its batch.
#[derive(Debug)]
pub struct Augmentation {
    seed: u64,
    moves: Option<Moves>,
    mixup: Option<Mixup>,
}

/// Moves of images
#[derive(Debug)]
struct Moves {
    range: MoveRange,
    shape: ImageShape,
    streams: Streams,
    /// The move of each row of the batch
    of_rows: Vec<Move>,
    /// The moved images of the batch, not yet scaled
    moved: Cells,
    /// Scratch of [`move_cells`]; empty if no image is distorted
    scratch: Cells,
    /// The whole numbers from 0, which are the rows of `moved`
    rows: Vec<u32>,
}

/// The moves from which one is drawn for each image
#[derive(Clone, Copy, Debug)]
struct MoveRange {
    flip: bool,
    shift: u32,
    /// Largest difference from the identity of an element of the linear map, as in [`Distortion`]
    distort: i32,
    erase: u32,
}

/// Mixing of neighbours in a batch
#[derive(Debug)]
struct Mixup {
    beta: Beta,
    streams: Streams,
    /// The share of each row of the batch
    shares: Vec<f64>,
}

impl Augmentation {
    /// What the settings ask for; `None` if rows are not changed
    ///
    /// # Errors
    /// If images are to be moved and the rows are no images, as [`check`] says.
    pub fn new(config: &TrainConfig, set: &Dataset, batch_size: usize) -> Result<Option<Self>> {
        let TrainConfig { seed, flip, shift, distort, erase, mixup, .. } = *config;
        let distort = of_matrix(distort);
        let moves = images(config, set)?.map(|shape| Moves {
            range: MoveRange { flip, shift, distort, erase },
            shape,
            streams: Streams::new(seed, Purpose::Moves { epoch: 0 }),
            of_rows: Vec::with_capacity(batch_size),
            moved: set.train.cells.zeros(batch_size * shape.len()),
            scratch: set.train.cells.zeros(scratch_len(distort, shape, batch_size)),
            rows: (0..).take(batch_size).collect(),
        });
        let mixup = (mixup > 0.0).then(|| Mixup {
            beta: Beta::new(mixup),
            streams: Streams::new(seed, Purpose::Mixup { epoch: 0 }),
            shares: Vec::with_capacity(batch_size),
        });
        Ok((moves.is_some() || mixup.is_some()).then_some(Self { seed, moves, mixup }))
    }

    /// Sets the epoch, counted from 1, whose changes are drawn
    pub fn start_epoch(&mut self, epoch: u32) {
        if let Some(moves) = &mut self.moves {
            moves.streams = Streams::new(self.seed, Purpose::Moves { epoch });
        }
        if let Some(mixup) = &mut self.mixup {
            mixup.streams = Streams::new(self.seed, Purpose::Mixup { epoch });
        }
    }

    /// Memory for the labels of a batch of up to `rows` rows
    pub fn batch_labels<T: Scalar>(&self, outputs: &Outputs, rows: usize) -> BatchLabels<T> {
        let labels = outputs.batch_labels(rows);
        if self.mixup.is_some() { labels.into_mixed(rows) } else { labels }
    }

    /// Gathers a batch as [`gather`] does, with its rows changed
    ///
    /// # Panics
    /// As those of [`gather`]; if there are more rows than the batch size, or `labels` are not from
    /// [`Self::batch_labels`].
    #[track_caller]
    pub fn gather<T: Scalar>(
        &mut self,
        split: &Split,
        (encoder, outputs): (&Encoder<T>, &Outputs),
        rows: &[u32],
        next: &[u32],
        x: &mut Matrix<T>,
        labels: &mut BatchLabels<T>,
    ) {
        match &mut self.moves {
            None => gather(split, (encoder, outputs), rows, next, x, labels),
            Some(moves) => {
                outputs.gather(&split.labels, rows, labels);
                moves.gather(&split.cells, rows, next);
                encoder.gather(&moves.moved, &moves.rows[..rows.len()], &[], x);
            }
        }
        if let Some(Mixup { beta, streams, shares }) = &mut self.mixup {
            shares.clear();
            shares.extend(rows.iter().map(|&row| beta.draw(&mut streams.at(row))));
            let features = x.cols();
            mix_rows(x.data_mut(), features, shares);
            labels.mix(shares);
        }
    }
}

impl Moves {
    /// Copies the images `rows`, moved, to the beginning of `moved`
    fn gather(&mut self, cells: &Cells, rows: &[u32], next: &[u32]) {
        self.of_rows.clear();
        self.of_rows.extend(rows.iter().map(|&row| self.range.draw(self.shape, self.streams, row)));
        move_cells(cells, self.shape, (rows, &self.of_rows), next, &mut self.scratch, &mut self.moved);
    }
}

impl MoveRange {
    /// Draws how the image `row` is moved
    fn draw(self, shape: ImageShape, streams: Streams, row: u32) -> Move {
        let mut random = streams.at(row);
        let flip = random.below(2) == 1 && self.flip;
        // At most 65,535, so nothing is cut off.
        let mut within = |most: i32| random.below(2 * most as usize + 1) as i32 - most;
        let (down, right) = (within(self.shift as i32), within(self.shift as i32));
        let [xx, xy, yx, yy] = [(); 4].map(|()| within(self.distort));
        let mut below = |n: usize| random.below(n) as u32;
        let [height, width] = [(); 2].map(|()| below(self.erase as usize + 1));
        let top = below(shape.height - height as usize + 1);
        let left = below(shape.width - width as usize + 1);
        let erased = Part { top, left, height, width };
        Move { flip, down, right, distortion: Distortion { xx, xy, yx, yy }, erased }
    }
}

/// A setting that moves images
struct OfImages {
    name: &'static str,
    is_on: bool,
    /// The value with which it does nothing
    off: &'static str,
    found: String,
}

/// All settings that move images
fn settings(config: &TrainConfig) -> [OfImages; 4] {
    let TrainConfig { flip, shift, distort, erase, .. } = *config;
    [
        OfImages { name: "flip", is_on: flip, off: "false", found: flip.to_string() },
        OfImages { name: "shift", is_on: shift > 0, off: "0", found: shift.to_string() },
        OfImages { name: "distort", is_on: distort > 0.0, off: "0", found: distort.to_string() },
        OfImages { name: "erase", is_on: erase > 0, off: "0", found: erase.to_string() },
    ]
}

/// The shape of the images that are moved; `None` if none are
fn images(config: &TrainConfig, set: &Dataset) -> Result<Option<ImageShape>> {
    let Some(setting) = settings(config).into_iter().find(|setting| setting.is_on) else { return Ok(None) };
    let shape = image_shape(&set.inputs.dims).map_err(|problem| {
        let expected = format!("{}, since {problem}", setting.off);
        Error::Setting { name: setting.name, expected, found: setting.found }
    })?;
    if config.distort > 0.0 && of_matrix(config.distort) == 0 {
        let expected = "0, or 0.00001 to 0.5".to_owned();
        return Err(Error::Setting { name: "distort", expected, found: config.distort.to_string() });
    }
    if config.distort > 0.0 && move_images_scratch(shape, 1).is_none() {
        let expected =
            "0, since the images are too large: a side of 2³⁰ pixels or more, or about 2³² elements"
                .to_owned();
        return Err(Error::Setting { name: "distort", expected, found: config.distort.to_string() });
    }
    check_shift(shape, config.shift)?;
    check_at_most("erase", config.erase, shape.height.min(shape.width), shape)?;
    Ok(Some(shape))
}

/// A share of 1 in the units of a [`Distortion`]
fn of_matrix(share: f64) -> i32 {
    (share * f64::from(Distortion::ONE)).round() as i32
}

/// Elements of the scratch of [`move_cells`]; 0 for images that can't be distorted
fn scratch_len(distort: i32, shape: ImageShape, batch_size: usize) -> usize {
    if distort > 0 { move_images_scratch(shape, batch_size).unwrap_or(0) } else { 0 }
}

/// Checks that the settings of augmentation and label smoothing fit the data
///
/// # Errors
/// If images are to be moved and the rows are no images, labels that are numbers are to be smoothed, or rows are to be mixed
/// that have weights.
pub fn check(config: &TrainConfig, set: &Dataset) -> Result<()> {
    images(config, set)?;
    let TrainConfig { label_smoothing, mixup, class_weight, .. } = *config;
    if label_smoothing > 0.0 && matches!(set.task, Task::Regress(_)) {
        let expected = "0, since these labels are numbers to predict".to_owned();
        return Err(Error::Setting { name: "label-smoothing", expected, found: label_smoothing.to_string() });
    }
    let weights = match (&set.row_weights, class_weight) {
        (Some(_), _) => "--weight-column",
        (None, ClassWeight::Balanced) => "--class-weight balanced",
        (None, ClassWeight::None) => return Ok(()),
    };
    if mixup > 0.0 {
        let expected = format!(
            "0 with {weights}, since a mix of two rows has no weight of its own: leave out one of the two"
        );
        return Err(Error::Setting { name: "mixup", expected, found: mixup.to_string() });
    }
    Ok(())
}

/// A warning where images are moved, so that a pixel comes to a place with another scale
///
/// A run that starts from a model has the scales of that, so it gets none.
pub fn warning(config: &TrainConfig, set: &Dataset, preprocessing: &Preprocessing) -> Option<String> {
    let is_on = |setting: &OfImages| setting.is_on && setting.name != "erase";
    let moved = settings(config).into_iter().find(is_on)?.name;
    let own_scales = own_scales(moved, preprocessing).filter(|_| config.init.is_none())?;
    let instead = match set.train.cells {
        Cells::Bytes(_) => "without --scale, bytes are divided by 255",
        _ => "--scale none keeps the numbers of the file, which should be about 0 to 1",
    };
    Some(format!("{own_scales}; {instead}"))
}

/// Number of bytes of scratch for batches of `batch_size` rows
pub fn scratch_bytes(config: &TrainConfig, set: &Dataset, batch_size: usize) -> u128 {
    let Ok(Some(shape)) = images(config, set) else { return 0 };
    let planes = scratch_len(of_matrix(config.distort), shape, batch_size) * set.train.cells.cell_bytes();
    let row = set.train.columns * set.train.cells.cell_bytes() + size_of::<Move>() + size_of::<u32>();
    planes as u128 + batch_size as u128 * row as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { planes: 1, height: 9, width: 12, channels: 1 };
    const NONE: MoveRange = MoveRange { flip: false, shift: 0, distort: 0, erase: 0 };

    #[test]
    fn half_of_the_images_are_flipped_and_all_shifts_are_equally_likely() {
        const IMAGES: u32 = 90_000;
        let range = MoveRange { flip: true, shift: 1, ..NONE };
        let streams = |epoch| Streams::new(5, Purpose::Moves { epoch });
        let moves =
            |epoch| (0..IMAGES).map(move |row| range.draw(SHAPE, streams(epoch), row)).collect::<Vec<_>>();
        let (one, two) = (moves(1), moves(2));
        let mut counts = [0u32; 18];
        for by in &one {
            let place = 3 * (by.down + 1) + by.right + 1;
            counts[place as usize * 2 + usize::from(by.flip)] += 1;
        }
        // Counts of a binomial distribution with p = 1/18 have the standard deviation 69: five of them.
        assert!(counts.iter().all(|count| count.abs_diff(IMAGES / 18) < 345), "{counts:?}");
        // Another epoch, and the image that follows, agree with an image as often as chance says, with the same deviation.
        let same = |others: &mut dyn Iterator<Item = &Move>| {
            let of_image = |by: &Move| (by.flip, by.down, by.right);
            one.iter().zip(others).filter(|(a, b)| of_image(a) == of_image(b)).count()
        };
        for agree in [same(&mut two.iter()), same(&mut one.iter().skip(1))] {
            assert!((agree as u32).abs_diff(IMAGES / 18) < 345, "{agree}");
        }
        assert_eq!(one, moves(1));
    }

    #[test]
    fn each_setting_changes_its_own_part_of_a_move() {
        let streams = Streams::new(5, Purpose::Moves { epoch: 3 });
        let all = MoveRange { flip: true, shift: 4, distort: 6554, erase: 9 };
        for row in 0..1000 {
            let draw = |range: MoveRange| range.draw(SHAPE, streams, row);
            let by = draw(all);
            assert_eq!(draw(MoveRange { flip: false, ..all }), Move { flip: false, ..by });
            assert_eq!(draw(MoveRange { shift: 0, ..all }), Move { down: 0, right: 0, ..by });
            assert_eq!(
                draw(MoveRange { distort: 0, ..all }),
                Move { distortion: Distortion::default(), ..by }
            );
            let whole = draw(MoveRange { erase: 0, ..all });
            assert_eq!((whole.erased.height, whole.erased.width), (0, 0));
            assert_eq!(Move { erased: by.erased, ..whole }, by);
            assert!(by.down.abs() <= 4 && by.right.abs() <= 4);
        }
    }

    #[test]
    fn all_maps_and_parts_within_the_range_are_equally_likely() {
        let streams = Streams::new(5, Purpose::Moves { epoch: 1 });
        let range = MoveRange { distort: 1, erase: 9, ..NONE };
        let (mut elements, mut sizes) = ([[0u32; 3]; 4], [[0u32; 10]; 2]);
        let (mut tops, mut lefts) = ([0u32; 9], [0u32; 12]);
        for row in 0..90_000 {
            let by = range.draw(SHAPE, streams, row);
            let Distortion { xx, xy, yx, yy } = by.distortion;
            for (counts, element) in elements.iter_mut().zip([xx, xy, yx, yy]) {
                counts[(element + 1) as usize] += 1;
            }
            let Part { top, left, height, width } = by.erased;
            assert!(top + height <= 9 && left + width <= 12);
            for (counts, size) in sizes.iter_mut().zip([height, width]) {
                counts[size as usize] += 1;
            }
            if height == 1 {
                tops[top as usize] += 1;
            }
            if width == 1 {
                lefts[left as usize] += 1;
            }
        }
        // Five standard deviations of binomial distributions with p = 1/3, 1/10 and, of the 9,000 or so of height or width 1, 1/9
        // and 1/12.
        assert!(elements.iter().flatten().all(|count| count.abs_diff(30_000) < 707), "{elements:?}");
        assert!(sizes.iter().flatten().all(|count| count.abs_diff(9_000) < 450), "{sizes:?}");
        assert!(tops.iter().all(|count| count.abs_diff(1_000) < 200), "{tops:?}");
        assert!(lefts.iter().all(|count| count.abs_diff(750) < 180), "{lefts:?}");
    }
}
