//! Missing numbers in arrays: what is read in their place, and leaving out the rows that have one

use rayon::prelude::*;

use super::array::{Array, Elements, Use};
use crate::config::{Dtype, Missing};

/// How the arrays of a set are read
#[derive(Clone, Copy, Debug)]
pub struct SetUse {
    /// What the inputs are read for
    pub inputs: Use,
    /// What the labels are read for
    pub labels: Use,
    /// Whether rows that lack a number or the label are left out
    pub drops: bool,
}

impl SetUse {
    /// How a set is read for a net of a type, with what is done with missing numbers
    ///
    /// * `is_of_model`: whether a model says what replaces a missing number
    pub fn new(dtype: Dtype, missing: Missing, is_of_model: bool) -> Self {
        let drops = missing == Missing::Drop;
        let is_strict = missing == Missing::Error && !is_of_model;
        Self {
            inputs: if is_strict { Use::Features(dtype) } else { Use::FeaturesOrNan(dtype) },
            labels: if drops { Use::LabelsOrNan } else { Use::Labels },
            drops,
        }
    }
}

/// Leaves out the rows of two arrays in which either has NaN; returns the others' numbers, or `None` if none was left out
///
/// The arrays have as many rows.
pub fn drop_rows(inputs: &mut Array, labels: &mut Array) -> Option<Vec<u32>> {
    let rows = inputs.dims[0];
    let is_whole = |row: &u32| [&*inputs, &*labels].iter().all(|array| is_whole(array, *row as usize));
    let kept: Vec<u32> = (0..rows as u32).into_par_iter().with_min_len(1 << 12).filter(is_whole).collect();
    if kept.len() == rows {
        return None;
    }
    for array in [inputs, labels] {
        let columns = array.elements.len() / rows;
        match &mut array.elements {
            Elements::Bytes(elements) => keep(elements, &kept, columns),
            Elements::Integers(elements) => keep(elements, &kept, columns),
            Elements::Single(elements) => keep(elements, &kept, columns),
            Elements::Double(elements) => keep(elements, &kept, columns),
        }
        array.dims[0] = kept.len();
    }
    Some(kept)
}

fn is_whole(array: &Array, row: usize) -> bool {
    let columns = array.elements.len() / array.dims[0];
    let range = row * columns..(row + 1) * columns;
    match &array.elements {
        Elements::Bytes(_) | Elements::Integers(_) => true,
        Elements::Single(elements) => !elements[range].iter().any(|x| x.is_nan()),
        Elements::Double(elements) => !elements[range].iter().any(|x| x.is_nan()),
    }
}

/// Moves the rows `kept`, which ascend, to the front and forgets the others
fn keep<T: Copy>(elements: &mut Vec<T>, kept: &[u32], columns: usize) {
    for (to, &from) in kept.iter().enumerate() {
        let from = from as usize * columns;
        elements.copy_within(from..from + columns, to * columns);
    }
    elements.truncate(kept.len() * columns);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_lack_a_number_or_the_label_are_left_out() {
        let nan = f32::NAN;
        let inputs = Elements::Single(vec![1.0, 2.0, nan, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let mut inputs = Array { dims: vec![4, 1, 2], elements: inputs };
        let mut labels = Array { dims: vec![4], elements: Elements::Double(vec![0.0, 1.0, f64::NAN, 3.0]) };
        assert_eq!(drop_rows(&mut inputs, &mut labels), Some(vec![0, 3]));
        assert_eq!(
            (inputs.dims, inputs.elements),
            (vec![2, 1, 2], Elements::Single(vec![1.0, 2.0, 6.0, 7.0]))
        );
        assert_eq!((labels.dims, labels.elements), (vec![2], Elements::Double(vec![0.0, 3.0])));
    }
}
