//! Borrowed matrices: a slice, its shape and its strides

/// A borrowed matrix that is row-major, or the transpose of one
///
/// The fields are private to this file: a `View` is built only over exactly `rows · cols` elements, and
/// [`View::t`] only swaps shape and strides, so no index inside the shape leaves the slice.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// A row-major `rows × cols` matrix over `data`
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` elements.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        check(data.len(), rows, cols);
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The transpose, without moving an element
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
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
        self.col_stride == 1 && self.row_stride == self.cols
    }

    pub(crate) fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    pub(crate) fn as_ptr(&self) -> *const T {
        self.data.as_ptr()
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

    pub(crate) fn as_mut_ptr(&mut self) -> *mut T {
        self.data.as_mut_ptr()
    }
}

#[track_caller]
fn check(len: usize, rows: usize, cols: usize) {
    assert!(rows.checked_mul(cols) == Some(len), "{len} elements can't be a {rows}×{cols} matrix");
}
