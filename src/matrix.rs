//! An owned matrix; its methods only forward to the kernels

use chainrule_kernels as kernels;
use kernels::{Scalar, View, ViewMut};

/// A row-major `rows × cols` matrix of `f32` or `f64`
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
}

impl<T: Scalar> Matrix<T> {
    /// All numbers 0
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { data: vec![T::ZERO; rows * cols], rows, cols }
    }

    /// `f(i, j)` in row i and column j
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let data = (0..rows * cols).map(|at| f(at / cols, at % cols)).collect();
        Self { data, rows, cols }
    }

    /// The numbers of `data`, row after row
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` numbers.
    #[track_caller]
    pub fn from_vec(data: Vec<T>, rows: usize, cols: usize) -> Self {
        assert!(rows.checked_mul(cols) == Some(data.len()), "{} numbers can't be {rows}×{cols}", data.len());
        Self { data, rows, cols }
    }

    /// How many rows
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Rows and columns
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// All numbers, row after row
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All numbers, row after row, for writing
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// One row
    ///
    /// # Panics
    /// If there is no row `i`.
    #[track_caller]
    pub fn row(&self, i: usize) -> &[T] {
        &self.data[i * self.cols..][..self.cols]
    }

    /// Makes it have `rows` rows, whose content is unspecified; allocates only beyond the most it ever had
    pub fn set_rows(&mut self, rows: usize) {
        self.data.resize(rows * self.cols, T::ZERO);
        self.rows = rows;
    }

    /// The matrix as it lies
    pub fn view(&self) -> View<'_, T> {
        View::new(&self.data, self.rows, self.cols)
    }

    /// Its transpose, without moving a number
    pub fn t(&self) -> View<'_, T> {
        self.view().t()
    }

    /// The matrix as it lies, for writing
    pub fn view_mut(&mut self) -> ViewMut<'_, T> {
        ViewMut::new(&mut self.data, self.rows, self.cols)
    }

    /// Every row becomes `b`
    ///
    /// # Panics
    /// If `b` has another length than a row.
    #[track_caller]
    pub fn fill_rows(&mut self, b: &[T]) {
        assert!(b.len() == self.cols, "a row of {} into {:?}", b.len(), self.shape());
        kernels::fill_rows(&mut self.data, b);
    }

    /// `out[j] ← Σᵢ self[i, j]`
    ///
    /// # Panics
    /// If `out` has another length than a row.
    #[track_caller]
    pub fn sum_rows(&self, out: &mut [T]) {
        assert!(out.len() == self.cols, "sums of {:?} into {}", self.shape(), out.len());
        kernels::sum_rows(&self.data, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_and_back_costs_no_allocation() {
        let mut x = Matrix::<f32>::zeros(8, 3);
        let at = x.data().as_ptr();
        x.set_rows(5);
        assert_eq!((x.shape(), x.data().len()), ((5, 3), 15));
        x.set_rows(8);
        assert_eq!((x.shape(), x.data().as_ptr()), ((8, 3), at));
    }

    #[test]
    fn from_fn_is_row_major() {
        let x = Matrix::from_fn(2, 3, |i, j| (10 * i + j) as f64);
        assert_eq!(x.data(), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
        assert_eq!(x.row(1), [10.0, 11.0, 12.0]);
    }
}
