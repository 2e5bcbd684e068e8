//! Mean and standard deviation of a few numbers

/// Mean and standard deviation of a metric
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Number of values
    pub n: usize,
    /// Mean
    pub mean: f64,
    /// Sample standard deviation √(Σ (xᵢ − mean)² / (n − 1)); `None` for one value
    pub sd: Option<f64>,
}

impl Spread {
    /// The spread of `numbers`; `None` without numbers
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let n = numbers.len();
        let spread = |scale: f64| {
            let scaled = numbers.iter().map(|x| x / scale);
            let mean = scaled.clone().sum::<f64>() / n as f64;
            let squares: f64 = scaled.map(|x| (x - mean).powi(2)).sum();
            let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
            Self { n, mean: mean * scale, sd: sd.map(|sd| sd * scale) }
        };
        let is_finite = |spread: &Self| spread.mean.is_finite() && spread.sd.is_none_or(f64::is_finite);
        // The squares of numbers beyond 1e154 overflow.
        let largest = numbers.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        (n > 0).then(|| Some(spread(1.0)).filter(is_finite).unwrap_or_else(|| spread(largest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_the_largest_numbers_is_finite() {
        for numbers in [[1e300, 2e300], [f64::MAX, f64::MAX], [0.0, f64::MAX]] {
            let spread = Spread::of(&numbers).unwrap();
            assert!(spread.mean.is_finite() && spread.sd.unwrap().is_finite(), "{spread:?}");
        }
        assert_eq!(Spread::of(&[1.0, 3.0]).unwrap(), Spread { n: 2, mean: 2.0, sd: Some(2_f64.sqrt()) });
    }
}
