//! Matrices as kernels see them: a slice with a shape and strides that were checked once, when the view was made.

use crate::error::{Mismatch, at_least};

/// A matrix that is read, `rows × cols`, in any strides.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows of `cols` neighbours, `stride` elements from row to row.
    pub fn new(data: &'a [T], rows: usize, cols: usize, stride: usize) -> Result<Self, Mismatch> {
        Matrix::strided(data, rows, cols, stride, 1)
    }

    /// Rows of `cols` neighbours, one behind the other.
    pub fn dense(data: &'a [T], rows: usize, cols: usize) -> Result<Self, Mismatch> {
        Matrix::strided(data, rows, cols, cols, 1)
    }

    /// Any strides, in elements.
    pub fn strided(
        data: &'a [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Result<Self, Mismatch> {
        at_least("elements of a matrix", data.len(), span(rows, cols, row_stride, col_stride))?;
        Ok(Matrix { data, rows, cols, row_stride, col_stride })
    }

    /// Any strides, in elements, from memory that another owns.
    ///
    /// # Safety
    /// All elements from the first to the last lie in memory that can be read for `'a`, and nobody writes them meanwhile.
    pub unsafe fn raw(
        first: *const T,
        (rows, cols): (usize, usize),
        (row_stride, col_stride): (usize, usize),
    ) -> Self {
        // SAFETY: the caller's promise.
        let data = unsafe { std::slice::from_raw_parts(first, span(rows, cols, row_stride, col_stride)) };
        Matrix { data, rows, cols, row_stride, col_stride }
    }

    /// The same elements with rows and columns changed over.
    pub fn transposed(self) -> Self {
        Matrix {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// `count` rows from `first` on; fewer where there are fewer.
    pub fn some_rows(self, first: usize, count: usize) -> Self {
        let first = first.min(self.rows);
        let rows = count.min(self.rows - first);
        let start = (first * self.row_stride).min(self.data.len());
        Matrix { data: &self.data[start..], rows, ..self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Whether the elements of a row are neighbours.
    pub(crate) fn has_rows(&self) -> bool {
        self.col_stride == 1
    }

    /// Elements from row to row.
    pub(crate) fn stride(&self) -> usize {
        self.row_stride
    }

    /// Whether the elements of a column are neighbours.
    pub(crate) fn has_columns(&self) -> bool {
        self.row_stride == 1
    }

    /// A row; only of a matrix that [`Matrix::has_rows`].
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &'a [T] {
        &self.data[row * self.row_stride..][..self.cols]
    }

    /// A column; only of a matrix that [`Matrix::has_columns`].
    #[inline(always)]
    pub(crate) fn column(&self, col: usize) -> &'a [T] {
        &self.data[col * self.col_stride..][..self.rows]
    }

    /// Sixteen neighbours of a column; only of a matrix that [`Matrix::has_columns`].
    ///
    /// # Safety
    /// Rows `row .. row + 16` and the column are there.
    #[inline(always)]
    pub(crate) unsafe fn chunk(&self, row: usize, col: usize) -> &'a [T; 16] {
        debug_assert!(row + 16 <= self.rows && col < self.cols);
        // SAFETY: the caller's promise; a matrix was checked to lie within its slice when it was made.
        unsafe { &*self.data.as_ptr().add(row + col * self.col_stride).cast() }
    }

    #[inline(always)]
    pub(crate) fn at(&self, row: usize, col: usize) -> &'a T {
        &self.data[row * self.row_stride + col * self.col_stride]
    }
}

/// A matrix that is written, `rows × cols`: rows of neighbours.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<'a, T> MatrixMut<'a, T> {
    /// Rows of `cols` neighbours, `stride` elements from row to row; rows may not overlap.
    pub fn new(data: &'a mut [T], rows: usize, cols: usize, stride: usize) -> Result<Self, Mismatch> {
        at_least("elements of a matrix", data.len(), span(rows, cols, stride, 1))?;
        if rows > 1 {
            at_least("elements from row to row of a matrix that is written", stride, cols)?;
        }
        Ok(MatrixMut { data, rows, cols, stride })
    }

    /// Rows of `cols` neighbours, one behind the other.
    pub fn dense(data: &'a mut [T], rows: usize, cols: usize) -> Result<Self, Mismatch> {
        MatrixMut::new(data, rows, cols, cols)
    }

    /// Rows of neighbours, `stride` elements from row to row, in memory that another owns.
    ///
    /// # Errors
    /// Rows that overlap.
    ///
    /// # Safety
    /// All elements from the first to the last lie in memory that can be written for `'a`, and nobody else reads or writes
    /// them meanwhile.
    pub unsafe fn raw(first: *mut T, (rows, cols): (usize, usize), stride: usize) -> Result<Self, Mismatch> {
        // SAFETY: the caller's promise.
        let data = unsafe { std::slice::from_raw_parts_mut(first, span(rows, cols, stride, 1)) };
        MatrixMut::new(data, rows, cols, stride)
    }

    /// The same matrix for a shorter time.
    pub fn again(&mut self) -> MatrixMut<'_, T> {
        MatrixMut { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    /// To read it.
    pub fn as_ref(&self) -> Matrix<'_, T> {
        Matrix { data: self.data, rows: self.rows, cols: self.cols, row_stride: self.stride, col_stride: 1 }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Elements from row to row.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        &mut self.data[row * self.stride..][..self.cols]
    }
}

/// Elements from the first to the last of a matrix.
fn span(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    let last = (rows - 1).checked_mul(row_stride).zip((cols - 1).checked_mul(col_stride));
    last.and_then(|(row, col)| row.checked_add(col)?.checked_add(1)).unwrap_or(usize::MAX)
}
