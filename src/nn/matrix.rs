//! An owned, aligned matrix

use chainrule_kernels::{AlignedVec, Scalar, View, ViewMut};

/// A row-major `rows × cols` matrix of `f32` or `f64`
#[derive(Debug, PartialEq)]
pub struct Matrix<T> {
    data: AlignedVec<T>,
    rows: usize,
    cols: usize,
}

impl<T: Scalar> Clone for Matrix<T> {
    fn clone(&self) -> Self {
        Self { data: self.data.clone(), ..*self }
    }
}

impl<T: Scalar> Matrix<T> {
    /// All elements 0
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { data: AlignedVec::zeros(rows * cols), rows, cols }
    }

    /// `f(i, j)` in row i and column j
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut matrix = Self::zeros(rows, cols);
        matrix.data_mut().iter_mut().enumerate().for_each(|(at, x)| *x = f(at / cols, at % cols));
        matrix
    }

    /// The elements of `data`, row after row
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` numbers.
    #[track_caller]
    pub fn from_slice(data: &[T], rows: usize, cols: usize) -> Self {
        assert!(rows.checked_mul(cols) == Some(data.len()), "{} numbers can't be {rows}×{cols}", data.len());
        let mut matrix = Self::zeros(rows, cols);
        matrix.data_mut().copy_from_slice(data);
        matrix
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

    /// All elements, row after row
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All elements, row after row, for writing
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// One row
    ///
    /// # Panics
    /// If there is no row `i`.
    #[track_caller]
    pub fn row(&self, i: usize) -> &[T] {
        &self.data()[i * self.cols..][..self.cols]
    }

    /// Sets the number of rows, whose content is unspecified; allocates only beyond the largest number there was
    pub fn set_rows(&mut self, rows: usize) {
        self.data.set_len(rows * self.cols);
        self.rows = rows;
    }

    /// A view of the matrix
    pub fn view(&self) -> View<'_, T> {
        View::new(self.data(), self.rows, self.cols)
    }

    /// A view of the matrix, for writing
    pub fn view_mut(&mut self) -> ViewMut<'_, T> {
        let (rows, cols) = self.shape();
        ViewMut::new(self.data_mut(), rows, cols)
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
