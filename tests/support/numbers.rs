//! The one generator of numbers for tests and benches: splitmix64
//!
//! The same seed gives the same numbers in every run and on every machine. Tests of the kernels include this file, too,
//! so it uses only the standard library.
//!
//! Source: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators* (2014).

#![allow(dead_code, reason = "each test program uses a part of it")]

/// A sequence of random numbers
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence that belongs to `seed`, at its beginning
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number of 64 random bits
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A whole number below `end`; 0 if `end` is 0
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }

    /// A number in [0, 1)
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in [−1, 1)
    pub fn symmetric(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }
}

/// `len` numbers in [−1, 1], converted by `convert`
pub fn numbers<T>(len: usize, seed: u64, convert: impl Fn(f64) -> T) -> Vec<T> {
    sparse(len, seed, 1.0, convert)
}

/// `len` numbers in [−1, 1], converted by `convert`; all but the fraction `density` of them are 0
pub fn sparse<T>(len: usize, seed: u64, density: f64, convert: impl Fn(f64) -> T) -> Vec<T> {
    let mut random = Numbers::new(seed);
    let mut element = || {
        let (x, kept) = (random.symmetric(), random.unit() < density);
        convert(if kept { x } else { 0.0 })
    };
    (0..len).map(|_| element()).collect()
}
