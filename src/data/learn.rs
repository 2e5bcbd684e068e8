//! Learning the preprocessing from training rows: means, deviations, quartiles and categories

use rayon::prelude::*;

use super::deviation::mean_and_deviation;
use super::preprocessing::{Column, Encoding, Preprocessing};
use super::{Cells, Dataset};
use crate::config::{Missing, Scale};
use crate::error::{first_ten, printable};

/// Rows that one task adds up; sums of blocks are then added in order, so that they don't depend on the threads
const BLOCK: usize = 1 << 12;

/// The preprocessing that the training rows `rows` of a data set give, and a warning of columns that are constant, and of
/// those that no number of the net's type can scale
///
/// Standard deviations are those of the rows themselves (divided by n), and quartiles are interpolated, as in
/// scikit-learn and NumPy. A column that has one value only, or that can't be scaled, gets the factor 0.
pub fn learn(data: &Dataset, rows: &[u32], scale: Scale, missing: Missing) -> (Preprocessing, Vec<String>) {
    let (dims, names) = (data.inputs.dims.clone(), data.inputs.names.clone());
    let scale = match (scale, &data.train.cells) {
        (Scale::Auto, Cells::Bytes(_)) => {
            return (Preprocessing { dims, names, encoding: Encoding::Pixels }, Vec::new());
        }
        (Scale::Auto, _) => Scale::Standard,
        (scale, _) => scale,
    };
    let instead = if missing == Missing::Zero { 0.0 } else { f64::NAN };
    let view = View { cells: &data.train.cells, columns: data.train.columns, rows, instead };
    let moments = view.moments(scale == Scale::Standard);
    let learnt: Vec<(Column, Fate)> = (0..view.columns)
        .into_par_iter()
        .map(|column| match data.inputs.categories.get(column).and_then(Option::as_ref) {
            Some(values) => (Column::Category(view.seen(column, values)), Fate::Scaled),
            None => view.encoding(column, &moments[column], scale, missing),
        })
        .collect();
    let (columns, fates): (Vec<Column>, Vec<Fate>) = learnt.into_iter().unzip();
    let preprocessing = Preprocessing { dims, names, encoding: Encoding::Columns { scale, columns } };
    let warning = |(fate, reason): (Fate, &str)| {
        let columns = (0..fates.len()).filter(|&column| fates[column] == fate);
        let names = columns.map(|column| printable(&preprocessing.column_name(column)).into_owned());
        let named = first_ten(names.collect::<Vec<_>>().into_iter(), ", ");
        (!named.is_empty())
            .then(|| format!("{reason}, so they become 0: {named}; --ignore leaves columns out"))
    };
    let type_name = if matches!(data.train.cells, Cells::Double(_)) { "f64" } else { "f32" };
    let out_of_range = format!("differences that are too small or too large to be scaled in {type_name}");
    // Reading may have rounded different numbers to the same one.
    let constant = match data.train.cells {
        Cells::Single(_) => "the same in all training rows, rounded to f32",
        Cells::Bytes(_) | Cells::Double(_) => "the same in all training rows",
    };
    let reasons = [(Fate::Constant, constant), (Fate::OutOfRange, &*out_of_range)];
    let warnings = reasons.into_iter().filter_map(warning).collect();
    (preprocessing, warnings)
}

/// What becomes of a column
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Its numbers are scaled, or it has categories
    Scaled,
    /// It is 0, since all its numbers are the same
    Constant,
    /// It is 0, since the factor that would scale it is no number of the net's type
    OutOfRange,
}

/// Rows of cells
struct View<'a> {
    cells: &'a Cells,
    columns: usize,
    rows: &'a [u32],
    /// What is learnt from in place of a missing number; NaN if it is left out
    instead: f64,
}

/// Sums over the numbers of a column that are not missing
#[derive(Clone, Copy, Debug)]
struct Moments {
    count: usize,
    sum: f64,
    least: f64,
    greatest: f64,
    /// Sum of squared differences from the mean; 0 if it was not asked for
    squares: f64,
}

impl Moments {
    const NONE: Self =
        Self { count: 0, sum: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY, squares: 0.0 };

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.squares += other.squares;
    }

    fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}

impl View<'_> {
    fn get(&self, row: u32, column: usize) -> f64 {
        self.cells.get(row as usize * self.columns + column)
    }

    /// A cell of a column of numbers
    fn number(&self, row: u32, column: usize) -> f64 {
        let x = self.get(row, column);
        if x.is_nan() { self.instead } else { x }
    }

    /// The moments of each column; with `squares`, in a second pass over the rows, also the squared differences
    fn moments(&self, squares: bool) -> Vec<Moments> {
        let first = self.blocks(|row, moments| {
            for (column, moments) in moments.iter_mut().enumerate() {
                let x = self.number(row, column);
                if !x.is_nan() {
                    moments.add(&Moments { count: 1, sum: x, least: x, greatest: x, squares: 0.0 });
                }
            }
        });
        if !squares {
            return first;
        }
        let means: Vec<f64> = first.iter().map(Moments::mean).collect();
        let second = self.blocks(|row, moments| {
            for (column, moments) in moments.iter_mut().enumerate() {
                let difference = self.number(row, column) - means[column];
                if !difference.is_nan() {
                    moments.squares += difference * difference;
                }
            }
        });
        first
            .iter()
            .zip(second)
            .map(|(first, second)| Moments { squares: second.squares, ..*first })
            .collect()
    }

    /// Adds each row to the moments of all columns, in blocks of rows side by side
    fn blocks(&self, add: impl Fn(u32, &mut [Moments]) + Sync) -> Vec<Moments> {
        let blocks: Vec<Vec<Moments>> = self
            .rows
            .par_chunks(BLOCK)
            .map(|rows| {
                let mut moments = vec![Moments::NONE; self.columns];
                rows.iter().for_each(|&row| add(row, &mut moments));
                moments
            })
            .collect();
        let mut sums = vec![Moments::NONE; self.columns];
        blocks.iter().for_each(|block| sums.iter_mut().zip(block).for_each(|(sum, block)| sum.add(block)));
        sums
    }

    /// The values of a column of categories that occur in the rows, in their order
    fn seen(&self, column: usize, values: &[String]) -> Vec<String> {
        let mut seen = vec![false; values.len()];
        for &row in self.rows {
            let code = self.get(row, column);
            if !code.is_nan() {
                seen[code as usize] = true;
            }
        }
        values.iter().zip(seen).filter(|(_, seen)| *seen).map(|(value, _)| value.clone()).collect()
    }

    /// The numbers of a column, without those that are missing and left out
    fn present(&self, column: usize) -> impl Iterator<Item = f64> + Clone {
        self.rows.iter().map(move |&row| self.number(row, column)).filter(|x| !x.is_nan())
    }

    /// The mean and the standard deviation of a column, also where the sums of its moments left the range of f64
    fn mean_and_deviation(&self, column: usize, moments: &Moments, needs_deviation: bool) -> (f64, f64) {
        let variance = moments.squares / moments.count.max(1) as f64;
        let has_deviation = moments.squares >= f64::MIN_POSITIVE && variance.is_finite();
        if moments.sum.is_finite() && (has_deviation || !needs_deviation) {
            return (moments.mean(), variance.sqrt());
        }
        mean_and_deviation(self.present(column))
    }

    /// The encoding of a column of numbers, and what becomes of it
    fn encoding(&self, column: usize, moments: &Moments, scale: Scale, missing: Missing) -> (Column, Fate) {
        let needs_order = scale == Scale::Robust || missing == Missing::Median;
        let sorted = if needs_order { self.sorted(column) } else { Vec::new() };
        let (least, greatest) = (moments.least, moments.greatest);
        // A column of which no number is present has no least one.
        let is_constant = moments.count == 0 || least == greatest;
        let needs_deviation = scale == Scale::Standard && !is_constant;
        let (mean, deviation) = self.mean_and_deviation(column, moments, needs_deviation);
        let (center, width) = match scale {
            Scale::None => (0.0, 1.0),
            Scale::Minmax => (least, greatest - least),
            Scale::Robust => {
                let quartiles = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
                let width = if quartiles > 0.0 { quartiles } else { (greatest - least) / 2.0 };
                (quantile(&sorted, 0.5), width)
            }
            Scale::Auto | Scale::Standard => (mean, deviation),
        };
        let factor = 1.0 / width;
        // It must be a number in the type of the net.
        let is_finite = match self.cells {
            Cells::Double(_) => factor.is_finite(),
            Cells::Single(_) | Cells::Bytes(_) => (factor as f32).is_finite(),
        };
        let is_usable = is_finite && factor > 0.0 && center.is_finite() && !is_constant;
        let fill = match missing {
            Missing::Error | Missing::Drop => None,
            Missing::Mean => Some(mean),
            Missing::Median => Some(quantile(&sorted, 0.5)),
            Missing::Zero => Some(0.0),
        };
        match (scale, is_usable) {
            (Scale::None, _) => (Column::Number { center, factor: 1.0, fill }, Fate::Scaled),
            (_, true) => (Column::Number { center, factor, fill }, Fate::Scaled),
            (_, false) => {
                let center = if moments.count == 0 { 0.0 } else { least };
                let fate = if is_constant { Fate::Constant } else { Fate::OutOfRange };
                (Column::Number { center, factor: 0.0, fill }, fate)
            }
        }
    }

    /// The numbers of a column that are not missing, in ascending order
    fn sorted(&self, column: usize) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.present(column).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    }
}

/// The number below which a share of the sorted numbers lies, interpolated between two of them; 0 if there are none
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Inputs, Split};
    use crate::data::{Labels, Task};

    fn data(columns: &[&[f64]]) -> Dataset {
        let rows = columns[0].len();
        let cells = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        let train = Split {
            cells: Cells::Double(cells),
            columns: columns.len(),
            labels: Labels::Classes(vec![0; rows]),
        };
        let test = Split {
            cells: Cells::Double(Vec::new()),
            columns: columns.len(),
            labels: Labels::Classes(Vec::new()),
        };
        let inputs = Inputs::of_array(&[columns.len()]);
        Dataset {
            source: String::new(),
            inputs,
            task: Task::Classify(vec!["a".to_owned()]),
            task_note: None,
            train,
            test,
            row_weights: None,
            warnings: Vec::new(),
            undivided_hash: None,
        }
    }

    fn numbers(preprocessing: &Preprocessing) -> Vec<(f64, f64, Option<f64>)> {
        let Encoding::Columns { columns, .. } = &preprocessing.encoding else { panic!("pixels") };
        let number = |column: &Column| match *column {
            Column::Number { center, factor, fill } => (center, factor, fill),
            Column::Category(_) => panic!("a category"),
        };
        columns.iter().map(number).collect()
    }

    /// Columns 1 2 3 4 (and an outlier that is no training row), 5 5 5 5, and 0 0 0 8
    fn columns() -> Dataset {
        data(&[&[1.0, 2.0, 3.0, 4.0, 1e9], &[5.0; 5], &[0.0, 0.0, 0.0, 8.0, f64::NAN]])
    }

    #[test]
    fn scales_are_those_of_the_training_rows_and_constant_columns_become_0() {
        let learn = |scale| learn(&columns(), &[0, 1, 2, 3], scale, Missing::Error);
        let sd = 1.25_f64.sqrt();
        for (scale, first, third) in [
            (Scale::Standard, (2.5, 1.0 / sd), (2.0, 1.0 / 12_f64.sqrt())),
            (Scale::Minmax, (1.0, 1.0 / 3.0), (0.0, 1.0 / 8.0)),
            // The third column's quartiles are 0 and 2.
            (Scale::Robust, (2.5, 1.0 / 1.5), (0.0, 1.0 / 2.0)),
        ] {
            let (preprocessing, warnings) = learn(scale);
            let expected = vec![(first.0, first.1, None), (5.0, 0.0, None), (third.0, third.1, None)];
            assert_eq!(numbers(&preprocessing), expected, "{scale:?}");
            assert!(warnings[0].contains(": column 2;") && warnings.len() == 1, "{scale:?}");
        }
        let (preprocessing, warnings) = learn(Scale::None);
        assert_eq!((numbers(&preprocessing), warnings), (vec![(0.0, 1.0, None); 3], vec![]));
    }

    #[test]
    fn missing_numbers_are_replaced_by_the_mean_or_median_of_the_others() {
        let fills = |missing| {
            let (preprocessing, _) = learn(&columns(), &[0, 1, 3, 4], Scale::Minmax, missing);
            numbers(&preprocessing).into_iter().map(|(_, _, fill)| fill).collect::<Vec<_>>()
        };
        assert_eq!(fills(Missing::Mean)[1..], [Some(5.0), Some(8.0 / 3.0)]);
        assert_eq!(fills(Missing::Median), [Some(3.0), Some(5.0), Some(0.0)]);
        // As if the file had zeros there.
        let (holes, _) = learn(&columns(), &[0, 1, 3, 4], Scale::Robust, Missing::Zero);
        let filled = data(&[&[1.0, 2.0, 4.0, 1e9], &[5.0; 4], &[0.0, 0.0, 8.0, 0.0]]);
        let (filled, _) = learn(&filled, &[0, 1, 2, 3], Scale::Robust, Missing::Zero);
        assert_eq!(holes, filled);
        assert_eq!(numbers(&holes)[2].2, Some(0.0));
        let gap = data(&[&[1.0, f64::NAN]]);
        let (gap, warnings) = learn(&gap, &[0, 1], Scale::Standard, Missing::Zero);
        assert_eq!((numbers(&gap), warnings), (vec![(0.5, 2.0, Some(0.0))], vec![]));
        let all = data(&[&[f64::NAN, f64::NAN]]);
        let (preprocessing, warnings) = learn(&all, &[0, 1], Scale::Standard, Missing::Mean);
        assert_eq!(numbers(&preprocessing), [(0.0, 0.0, Some(0.0))]);
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn a_net_of_f64_scales_differences_of_any_size() {
        for (unit, scales) in [(1e-300, 3), (1e-200, 3), (1e200, 3), (1e305, 3), (1e-310, 0)] {
            let column = [1.0, 2.0, 3.0, 4.0].map(|x| x * unit);
            let data = data(&[&column]);
            for scale in [Scale::Standard, Scale::Minmax, Scale::Robust] {
                let (preprocessing, warnings) = learn(&data, &[0, 1, 2, 3], scale, Missing::Mean);
                let (center, factor, fill) = numbers(&preprocessing)[0];
                if scales == 0 {
                    assert!(factor == 0.0 && warnings[0].contains("too small or too large"), "{warnings:?}");
                    continue;
                }
                assert!(warnings.is_empty(), "{unit} {scale:?}: {warnings:?}");
                let expected = match scale {
                    Scale::Standard => (2.5, 1.25_f64.sqrt()),
                    Scale::Minmax => (1.0, 3.0),
                    _ => (2.5, 1.5),
                };
                approx::assert_relative_eq!(center / unit, expected.0, max_relative = 1e-14);
                approx::assert_relative_eq!(1.0 / factor / unit, expected.1, max_relative = 1e-14);
                approx::assert_relative_eq!(fill.unwrap() / unit, 2.5, max_relative = 1e-14);
            }
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_number_of_threads() {
        let column: Vec<f64> = (0..30_000).map(|i| f64::from(i * 7919 % 10_007) * 1e-3).collect();
        let (data, rows) = (data(&[&column]), (0..30_000).collect::<Vec<u32>>());
        let learnt = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| learn(&data, &rows, Scale::Standard, Missing::Mean))
        };
        assert_eq!(learnt(1), learnt(2));
        let (center, factor, _) = numbers(&learnt(1).0)[0];
        let mean = column.iter().sum::<f64>() / 3e4;
        let sd = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3e4).sqrt();
        approx::assert_relative_eq!(center, mean, max_relative = 1e-12);
        approx::assert_relative_eq!(1.0 / factor, sd, max_relative = 1e-12);
    }

    #[test]
    fn only_categories_of_training_rows_become_inputs() {
        let mut data = data(&[&[2.0, 0.0, f64::NAN, 1.0]]);
        let values = ["x", "y", "z"].map(str::to_owned).to_vec();
        data.inputs.categories = vec![Some(values)];
        let (preprocessing, warnings) = learn(&data, &[0, 1, 2], Scale::Auto, Missing::Error);
        let Encoding::Columns { columns, .. } = &preprocessing.encoding else { panic!("pixels") };
        assert_eq!(columns, &[Column::Category(vec!["x".to_owned(), "z".to_owned()])]);
        assert_eq!((preprocessing.features(), data.features(), warnings), (2, 3, vec![]));
    }
}
