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
    /// How the images are moved in one epoch
    Moves {
        /// Number of the epoch, counted from 1
        epoch: u32,
    },
    /// The shares by which rows are mixed in one epoch
    Mixup {
        /// Number of the epoch, counted from 1
        epoch: u32,
    },
    /// Inputs of gradient checks, and the choice of elements that are checked
    GradientCheck,
    /// The key of the mask of a dropout layer in one training step
    Dropout {
        /// Number of the epoch, counted from 1
        epoch: u32,
        /// Number of the batch in its epoch, counted from 1
        batch: u64,
        /// Index of the layer
        layer: u64,
    },
}

/// A stream of random numbers
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream for `seed` and `purpose`, at its beginning
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        if let Purpose::Dropout { batch, layer, .. } = purpose {
            key[8..16].copy_from_slice(&batch.to_le_bytes());
            key[16..24].copy_from_slice(&layer.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(match purpose {
            Purpose::InitialWeights => 0,
            Purpose::Shuffle { epoch } => 1 << 32 | u64::from(epoch),
            Purpose::GradientCheck => 2 << 32,
            Purpose::BenchImages => 3 << 32,
            Purpose::Validation => 4 << 32,
            Purpose::Test => 5 << 32,
            Purpose::Moves { epoch } => 10 << 32 | u64::from(epoch),
            Purpose::Mixup { epoch } => 11 << 32 | u64::from(epoch),
            Purpose::Dropout { epoch, .. } => 12 << 32 | u64::from(epoch),
            Purpose::SweepSample => 50 << 32,
        });
        Self(rng)
    }

    /// 64 random bits
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A random number, uniform in [0, 1), that is a multiple of 2⁻⁵³
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
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

/// Short streams of random numbers for one purpose, one for each index
///
/// A stream depends only on the key and the index, so any thread can draw from it, in any order.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    key: u64,
}

impl Streams {
    /// The streams for `seed` and `purpose`
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self { key: Random::new(seed, purpose).0.next_u64() }
    }

    /// The stream of an index, at its beginning
    pub fn at(self, index: u32) -> SplitMix {
        // Its state is number `index` of the stream that starts at the key, so the streams of neighbours share nothing.
        SplitMix::new(SplitMix::new(self.key.wrapping_add(u64::from(index).wrapping_mul(GAMMA))).bits())
    }
}

/// What SplitMix64 adds to its state at each step: the odd number that is closest to 2⁶⁴ / φ
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator SplitMix64, which needs no setup, so each image can have its own stream
///
/// Source: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators* (2014).
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// The stream that starts at a state
    pub fn new(state: u64) -> Self {
        Self(state)
    }

    /// 64 random bits
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random integer below n; 0 if n is 0
    ///
    /// How likely a result is differs from 1/n by less than 2⁻⁶⁴.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A random number, uniform in [−1, 1), that is a multiple of 2⁻⁵²
    pub fn symmetric(&mut self) -> f64 {
        2.0 * ((self.bits() >> 11) as f64 / (1u64 << 53) as f64) - 1.0
    }
}
