//! The error function in f64, as a reference for tests

/// `erf x = 2/√π e^(−x²) Σₙ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · 5 · … · (2n + 1))`; nothing cancels, since all terms have the sign of x
///
/// Source: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), formula 7.1.6.
pub fn erf(x: f64) -> f64 {
    // 1 − erf 6 is 2e-17.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}
