//! Mean and standard deviation of numbers whose sums or squares leave the range of f64

/// The mean and the standard deviation (divided by n) of finite numbers of any size; 0 and 0 if there are none
///
/// They are computed in units of a power of two, the size of the largest number, so that no square is infinite and none that
/// counts is 0.
pub fn mean_and_deviation(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let largest = numbers.clone().fold(0.0, |largest, x| f64::max(largest, x.abs()));
    if largest == 0.0 {
        return (0.0, 0.0);
    }
    // The bits of the exponent alone; of a subnormal number, all are 0.
    let unit = f64::from_bits(largest.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE);
    let n = numbers.clone().count() as f64;
    let most = largest / unit;
    let mean = (numbers.clone().map(|x| x / unit).sum::<f64>() / n).clamp(-most, most);
    let squares = numbers.map(|x| (x / unit - mean) * (x / unit - mean)).sum::<f64>();
    (unit * mean, unit * (squares / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_have_a_mean_and_a_deviation() {
        for scale in [1.0, 1e-300, 1e-200, 1e200, 1e307] {
            let (mean, deviation) = mean_and_deviation([1.0, 2.0, 3.0, 4.0].into_iter().map(|x| x * scale));
            approx::assert_relative_eq!(mean / scale, 2.5, max_relative = 1e-14);
            approx::assert_relative_eq!(deviation / scale, 1.25_f64.sqrt(), max_relative = 1e-14);
        }
        assert_eq!(mean_and_deviation([f64::MAX; 3].into_iter()), (f64::MAX, 0.0));
        assert_eq!(mean_and_deviation([f64::MAX, f64::MIN].into_iter()), (0.0, f64::MAX));
        // The smallest number above 0 is rounded.
        assert_eq!(mean_and_deviation([5e-324, 15e-324].into_iter()), (10e-324, 5e-324));
        assert_eq!(mean_and_deviation(std::iter::empty()), (0.0, 0.0));
    }
}
