//! Random numbers: ChaCha8, with one stream per seed, purpose and epoch
//!
//! Streams are independent: the order of an epoch depends only on the seed and the epoch's number, not on what was
//! drawn before.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The purpose of a stream; each purpose has its own stream
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights of all layers, in order
    InitialWeights,
    /// The order of the images in one epoch
    Shuffle {
        /// Number of the epoch, counted from 1
        epoch: u32,
    },
    /// The choice of the rows that are held out for validation
    Validation,
    /// The choice of the rows that are held out as test set
    Test,
    /// Images and labels for benches
    BenchImages,
    /// The trials of a sweep that draws them
    SweepSample,
    /// Inputs of gradient checks, and the choice of elements that are checked
    GradientCheck,
}

/// A stream of random numbers
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream for `seed` and `purpose`, at its beginning
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(match purpose {
            Purpose::InitialWeights => 0,
            Purpose::Shuffle { epoch } => 1 << 32 | u64::from(epoch),
            Purpose::GradientCheck => 2 << 32,
            Purpose::BenchImages => 3 << 32,
            Purpose::Validation => 4 << 32,
            Purpose::Test => 5 << 32,
            Purpose::SweepSample => 50 << 32,
        });
        Self(rng)
    }

    /// A random number, uniform in [0, 1), that is a multiple of 2⁻⁵³
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A random number, uniform in [−limit, limit)
    pub fn symmetric(&mut self, limit: f64) -> f64 {
        (2.0 * self.unit() - 1.0) * limit
    }

    /// A random integer below n, where all results are exactly equally likely
    ///
    /// Source: Lemire, *Fast Random Integer Generation in an Interval* (2019).
    ///
    /// # Panics
    /// If n is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "no number below 0");
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(n);
            // The low half is the position in a result's interval. Rejecting the first 2³² mod n positions makes all
            // intervals equally long.
            if product as u32 >= n.wrapping_neg() % n {
                return (product >> 32) as u32;
            }
        }
    }

    /// Shuffles `items` so that all orders are equally likely (Fisher and Yates, from the last item to the first)
    ///
    /// # Panics
    /// If there are more than 2³² items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let n = u32::try_from(last + 1).unwrap_or_else(|_| panic!("{} items to shuffle", items.len()));
            items.swap(last, self.below(n) as usize);
        }
    }
}
