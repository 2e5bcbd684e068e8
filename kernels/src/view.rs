//! Borrowed matrices: a slice, its shape and its strides

/// A borrowed matrix that is row-major, or the transpose of one
///
/// The fields are private to this file: a `View` is built only over exactly `rows · cols` elements, and
/// [`View::t`] swaps shape and strides together, so no index inside the shape leaves the slice.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl<'a, T> View<'a, T> {
    /// A row-major `rows × cols` matrix over `data`
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` elements.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        check(data.len(), rows, cols);
        Self { data, rows, cols, transposed: false }
    }

    /// The transpose, without moving an element
    #[must_use]
    pub fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, transposed: !self.transposed, ..self }
    }

    /// The number of rows and of columns
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The underlying slice, in storage order
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// Whether the rows are contiguous: false for a transpose
    pub fn is_row_major(&self) -> bool {
        !self.transposed
    }

    /// The distance from row to row and from column to column, in elements
    pub(crate) fn strides(&self) -> (usize, usize) {
        if self.transposed { (1, self.rows) } else { (self.cols, 1) }
    }
}

/// A row-major matrix, borrowed for writing
#[derive(Debug)]
pub struct ViewMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
}

impl<'a, T> ViewMut<'a, T> {
    /// A row-major `rows × cols` matrix over `data`
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` elements.
    #[track_caller]
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        check(data.len(), rows, cols);
        Self { data, rows, cols }
    }

    /// The number of rows and of columns
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// All elements, row after row
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data
    }
}

#[track_caller]
fn check(len: usize, rows: usize, cols: usize) {
    assert!(rows.checked_mul(cols) == Some(len), "{len} elements can't be a {rows}×{cols} matrix");
}
