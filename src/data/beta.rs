//! Random shares from the distribution Beta(α, α), the same on every machine

use chainrule_kernels::Number;

use crate::random::SplitMix;

/// The distribution Beta(α, α) on [0, 1], which is symmetric about 1/2
///
/// For α below 1, shares close to 0 and 1 are the most likely ones; α = 1 is the uniform distribution; from large α come
/// shares close to 1/2.
#[derive(Clone, Copy, Debug)]
pub struct Beta {
    alpha: f64,
}

impl Beta {
    /// The distribution for an α above 0
    pub fn new(alpha: f64) -> Self {
        Self { alpha }
    }

    /// Draws a share
    ///
    /// A point (a, b) in the unit disk, at the distance r from its centre, gives the uniform number w = r² and, independent of
    /// it, the cosine a/r of a uniform angle. Then `T = a/r √(2α (w^(−1/α) − 1))` has Student's t distribution with 2α degrees
    /// of freedom, and `(1 + T/√(2α + T²)) / 2` the distribution Beta(α, α). With q = w^(1/α) and c = (a/r)², the square of
    /// `T/√(2α + T²)` is `c (1 − q) / (q + c (1 − q))`, where nothing overflows.
    ///
    /// All operations are exactly rounded, but `ln` and `exp`, which are our own.
    ///
    /// Sources: Bailey, *Polar Generation of Random Variates with the t-Distribution* (1994); Devroye, *Random Variate
    /// Generation in One Line of Code* (1996).
    pub fn draw(self, random: &mut SplitMix) -> f64 {
        loop {
            let (a, b) = (random.symmetric(), random.symmetric());
            let w = a * a + b * b;
            if w >= 1.0 || a == 0.0 {
                continue;
            }
            let q = Number::exp(ln(w) / self.alpha);
            let c = a * a / w * (1.0 - q);
            let half = (c / (q + c)).sqrt() / 2.0;
            return if a > 0.0 { 0.5 + half } else { 0.5 - half };
        }
    }
}

/// The coefficients of `artanh(s) / s` as a polynomial of s², from the highest power to the lowest
const ARTANH: [f64; 12] = [
    1.0 / 23.0,
    1.0 / 21.0,
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
    1.0,
];

/// `ln x` for a normal number x above 0
///
/// `x = m 2ᵏ` with m between √½ and √2, and `ln m = 2 artanh(s)` with `s = (m − 1) / (m + 1)`, |s| ≤ 0.172. The remainder
/// of the series is below s²⁴/25 = 2·10⁻²⁰ of it.
fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let k = (x.to_bits() >> 52) as i32 - 1023;
    let m = f64::from_bits((x.to_bits() & MANTISSA) | (1023 << 52));
    let (m, k) = if m > std::f64::consts::SQRT_2 { (m / 2.0, k + 1) } else { (m, k) };
    let s = (m - 1.0) / (m + 1.0);
    let series = ARTANH.iter().fold(0.0, |sum, coefficient| sum * (s * s) + coefficient);
    2.0 * s * series + f64::from(k) * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_standard_library() {
        let mut random = SplitMix::new(1);
        for i in 0..100_000 {
            let x = (1.0 - random.symmetric().abs()) * 0.5f64.powi(i % 105);
            // A few roundings of ε/2 each: of s and of the series, and of the sum with k ln 2.
            approx::assert_relative_eq!(ln(x), x.ln(), max_relative = 1e-15);
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn shares_have_the_moments_of_the_distribution() {
        const DRAWS: usize = 200_000;
        for alpha in [0.05, 0.2, 0.5, 1.0, 1.5, 4.0, 50.0] {
            let mut random = SplitMix::new(7);
            let shares: Vec<f64> = (0..DRAWS).map(|_| Beta::new(alpha).draw(&mut random)).collect();
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{alpha}");
            // E (2x − 1)² = 1 / (2α + 1) and E (2x − 1)⁴ = 3 / ((2α + 1) (2α + 3)); odd moments are 0.
            let moment =
                |power| shares.iter().map(|x| (2.0 * x - 1.0).powi(power)).sum::<f64>() / DRAWS as f64;
            let second = 1.0 / (2.0 * alpha + 1.0);
            let fourth = 3.0 * second / (2.0 * alpha + 3.0);
            // Five standard deviations of a mean: that of y is √(E y² / n).
            let bound = |variance: f64| 5.0 * (variance / DRAWS as f64).sqrt();
            assert!(moment(1).abs() < bound(second), "{alpha}: {}", moment(1));
            assert!((moment(2) - second).abs() < bound(fourth - second * second), "{alpha}: {}", moment(2));
            assert!((moment(4) - fourth).abs() < bound(fourth), "{alpha}: {}", moment(4));
        }
    }

    #[test]
    fn the_uniform_distribution_is_uniform_and_extreme_ones_are_shares() {
        let mut counts = [0; 10];
        let mut random = SplitMix::new(3);
        for _ in 0..100_000 {
            counts[((Beta::new(1.0).draw(&mut random) * 10.0) as usize).min(9)] += 1;
        }
        // The standard deviation of a count is 95.
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        for _ in 0..1000 {
            let share = Beta::new(1e-300).draw(&mut random);
            assert!(share == 0.0 || share == 1.0, "{share}");
            let share = Beta::new(1e300).draw(&mut random);
            assert!((share - 0.5).abs() < 1e-9, "{share}");
        }
    }
}
