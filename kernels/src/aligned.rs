//! Room that the fused engine keeps from pass to pass

use crate::Scalar;

/// Bytes of a cache line
const LINE: usize = 64;

/// `len` or some more numbers, so many that they are whole cache lines
pub(crate) fn whole_lines<T: Scalar>(len: usize) -> usize {
    len.next_multiple_of(LINE / T::BYTES)
}

/// `len` numbers of `scratch` from a cache line on, grown if need be; their content is unspecified
///
/// The first forward product of 784-512-512-10, passing over zeros, took 1.4 times as long with sums that crossed lines.
pub(crate) fn room<T: Scalar>(scratch: &mut Vec<T>, len: usize) -> &mut [T] {
    let most = LINE / T::BYTES - 1;
    if scratch.len() < len + most {
        scratch.resize(len + most, T::ZERO);
    }
    let start = scratch.as_ptr().align_offset(LINE).min(most);
    &mut scratch[start..start + len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_starts_on_a_line_and_stays_where_it_is_for_less() {
        let mut scratch = Vec::<f32>::new();
        let at = room(&mut scratch, 1000).as_ptr();
        assert_eq!((at.align_offset(LINE), room(&mut scratch, 1000).len()), (0, 1000));
        assert_eq!(room(&mut scratch, 10).as_ptr(), at);
        assert_eq!((whole_lines::<f32>(17), whole_lines::<f64>(16), whole_lines::<f64>(0)), (32, 16, 0));
    }
}
