//! The update of a running average

use super::{CHUNK, same_len};
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::parallel::for_each_chunk;

/// `a ← a + s (w − a)`: moves each average by the share s towards its new value
///
/// With s = 1 − d this is `a ← d a + s w`, and with s = 1/n it makes the mean of n − 1 values that of n. Rounding s does not
/// bias the average, as it would in `d a + s w`, where the rounded factors need not add up to 1.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn average<T: Number>(s: T, w: &[T], a: &mut [T]) {
    same_len("average", a.len(), w.len());
    for_each_chunk(a, CHUNK, |i, a| chunk(s, &w[i * CHUNK..][..a.len()], a));
}
multiversion! {
    fn chunk<T>(s: T, w: &[T], a: &mut [T]) {
        for (a, &w) in a.iter_mut().zip(w) {
            *a = *a + s * (w - *a);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    #[test]
    fn each_average_moves_by_the_share() {
        for len in [0, 1, 7, 33, CHUNK - 1, CHUNK, CHUNK + 3, 3 * CHUNK + 17] {
            let [w, start] = [1, 2].map(|seed| numbers(len, seed, |x| x as f32));
            for s in [1.0, 0.1, 1e-4] {
                let mut a = start.clone();
                average(s, &w, &mut a);
                for i in 0..len {
                    let want = f64::from(start[i]) + f64::from(s) * (f64::from(w[i]) - f64::from(start[i]));
                    // Three roundings of numbers below 2 + 2
                    assert!((f64::from(a[i]) - want).abs() <= 6.0 * f64::from(f32::EPSILON), "{i} of {len}");
                    // No operation is fused.
                    assert_eq!(a[i], start[i] + s * (w[i] - start[i]), "{i} of {len}");
                }
            }
        }
    }

    #[test]
    fn an_average_of_equal_values_stays_exactly() {
        let w = numbers(100, 3, |x| x);
        let mut a = w.clone();
        (0..1000).for_each(|_| average(1e-3, &w, &mut a));
        assert_eq!(a, w);
    }

    #[test]
    #[should_panic(expected = "average: 3 elements written, 2 read")]
    fn different_lengths_are_refused() {
        average(0.5, &[1.0f32; 2], &mut [0.0; 3]);
    }
}
