//! The five most probable classes of a row

use chainrule_kernels::Scalar;

/// Classes above which the five most probable ones are a metric
pub const TOP: usize = 5;

/// Number of rows of rows × classes probabilities whose label is among the five most probable classes
pub fn among_top<T: Scalar>(probabilities: &[T], labels: &[u32], classes: usize) -> usize {
    let rows = probabilities.chunks_exact(classes).zip(labels);
    rows.filter(|(row, label)| is_among(row, **label as usize)).count()
}

/// Whether fewer than five classes come before this one: more probable ones, and earlier ones that are as probable
fn is_among<T: Scalar>(probabilities: &[T], label: usize) -> bool {
    let p = probabilities[label];
    let before = |(class, &other): (usize, &T)| other > p || other == p && class < label;
    probabilities.iter().enumerate().filter(|&other| before(other)).count() < TOP
}
