//! A matrix that owns its elements

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
    /// A matrix of zeros
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { data: AlignedVec::zeros(rows * cols), rows, cols }
    }

    /// A matrix with `f(i, j)` in row i and column j
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut matrix = Self::zeros(rows, cols);
        matrix.data_mut().iter_mut().enumerate().for_each(|(at, x)| *x = f(at / cols, at % cols));
        matrix
    }

    /// A copy of `data`, which holds the elements row by row
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` elements.
    #[track_caller]
    pub fn from_slice(data: &[T], rows: usize, cols: usize) -> Self {
        assert!(rows.checked_mul(cols) == Some(data.len()), "{} elements can't be {rows}×{cols}", data.len());
        let mut matrix = Self::zeros(rows, cols);
        matrix.data_mut().copy_from_slice(data);
        matrix
    }

    /// Number of rows
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of rows and number of columns
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// All elements, row by row
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All elements, row by row, for writing
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Row `i`
    ///
    /// # Panics
    /// If there is no row `i`.
    #[track_caller]
    pub fn row(&self, i: usize) -> &[T] {
        &self.data()[i * self.cols..][..self.cols]
    }

    /// Sets the number of rows and leaves the elements unspecified; allocates only beyond the largest earlier number
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
    fn a_matrix_that_gets_fewer_rows_and_the_old_number_again_keeps_its_memory() {
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
