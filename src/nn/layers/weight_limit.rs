//! The largest magnitude of the initial weights of a layer, by its activation
//!
//! Weights are uniform in [−a, a), so their variance is a²/3.

/// He's limit, `√(6 / d_in)`: the variance is 2 / d_in, for activations that pass about half of their input
///
/// Source: He, Zhang, Ren, Sun, *Delving Deep into Rectifiers* (2015).
pub fn he(d_in: usize) -> f64 {
    (6.0 / d_in as f64).sqrt()
}

/// Xavier's limit, `√(6 / (d_in + d_out))`: the variance is 2 / (d_in + d_out), for activations that saturate on both sides
///
/// Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010).
pub fn xavier(d_in: usize, d_out: usize) -> f64 {
    (6.0 / (d_in + d_out) as f64).sqrt()
}

/// LeCun's limit, `√(3 / d_in)`: the variance is 1 / d_in, which SELU's constants assume
///
/// Source: LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.6.
pub fn lecun(d_in: usize) -> f64 {
    (3.0 / d_in as f64).sqrt()
}
