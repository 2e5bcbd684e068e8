//! Arrays in Fortran order (the first dimension varies fastest), brought into row-major order

use bytemuck::Pod;
use rayon::prelude::*;

/// Side of the square blocks that are transposed: 64 · 64 elements of 8 bytes fill a first-level cache of 32 KiB
const BLOCK: usize = 64;

/// `out[i₁, …, iₖ]` in row-major order ← the same element of `elements` in Fortran order
///
/// The first dimension counts rows; the others together count columns. In Fortran order, a column is contiguous.
///
/// # Panics
/// If the lengths of both slices differ from the product of `dims`.
pub fn to_rows<T: Pod + Send + Sync>(elements: &[T], dims: &[usize], out: &mut [T]) {
    assert!(elements.len() == out.len(), "to_rows: {} and {}", elements.len(), out.len());
    columns_to_rows(elements, 0, dims, out);
}

/// As [`to_rows`], of the columns that `elements` has, which are those from `first` on
///
/// # Panics
/// If the length of `out` is not the product of `dims`, or `elements` are not whole columns of it.
pub fn columns_to_rows<T: Pod + Send + Sync>(elements: &[T], first: usize, dims: &[usize], out: &mut [T]) {
    let len: usize = dims.iter().product();
    let (rows, columns) = (dims[0], len / dims[0]);
    let end = first + elements.len() / rows;
    assert!(
        out.len() == len && elements.len().is_multiple_of(rows) && end <= columns,
        "columns {first} to {end} of {dims:?}: {} elements into {}",
        elements.len(),
        out.len()
    );
    out.par_chunks_mut(BLOCK * columns).enumerate().for_each(|(block, out)| {
        let top = block * BLOCK;
        let height = out.len() / columns;
        for start in (first..end).step_by(BLOCK) {
            for column in start..end.min(start + BLOCK) {
                let to = row_major(column, &dims[1..]);
                let from = &elements[(column - first) * rows + top..][..height];
                from.iter().enumerate().for_each(|(row, &element)| out[row * columns + to] = element);
            }
        }
    });
}

/// Whether both orders are the same, since at most one dimension is larger than 1
pub fn is_row_major(dims: &[usize]) -> bool {
    dims.iter().filter(|&&d| d > 1).count() <= 1
}

/// The row-major position of the element at a position in Fortran order
pub fn row_major(position: usize, dims: &[usize]) -> usize {
    // The last dimension has stride 1, so its index is multiplied by no other dimension.
    let mut stride: usize = dims.iter().product();
    let (mut left, mut sum) = (position, 0);
    for &d in dims {
        stride /= d;
        sum += left % d * stride;
        left /= d;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_keeps_its_indices() {
        for dims in [
            &[1][..],
            &[7],
            &[1, 5],
            &[5, 1],
            &[63, 65],
            &[64, 64],
            &[65, 63],
            &[130, 3],
            &[2, 3, 4],
            &[65, 2, 3, 5],
            &[3, 1, 2],
        ] {
            let len: usize = dims.iter().product();
            // The element at indices i has the row-major position of i as its value.
            let mut fortran = vec![0_u32; len];
            for position in 0..len {
                let (mut left, mut indices) = (position, vec![0; dims.len()]);
                for (index, d) in indices.iter_mut().zip(dims).rev() {
                    (*index, left) = (left % d, left / d);
                }
                let at = indices.iter().zip(dims).rev().fold(0, |sum, (index, d)| sum * d + index);
                fortran[at] = position as u32;
            }
            let mut out = vec![u32::MAX; len];
            to_rows(&fortran, dims, &mut out);
            assert!(out.iter().enumerate().all(|(at, &value)| at == value as usize), "{dims:?}: {out:?}");
            let mut in_parts = vec![u32::MAX; len];
            for (part, columns) in fortran.chunks(7 * dims[0]).enumerate() {
                columns_to_rows(columns, 7 * part, dims, &mut in_parts);
            }
            assert!(in_parts == out, "{dims:?}: {in_parts:?}");
        }
    }

    #[test]
    fn orders_are_the_same_with_one_long_dimension() {
        for (dims, is) in [(&[4][..], true), (&[1, 4, 1], true), (&[1, 1], true), (&[2, 2], false)] {
            assert_eq!(is_row_major(dims), is, "{dims:?}");
        }
    }
}
