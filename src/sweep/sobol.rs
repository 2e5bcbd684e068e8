//! Sobol's sequence: points of the unit cube that cover every axis evenly
//!
//! Of the first `2ᵏ` points, each interval `[i / 2ᵏ, (i + 1) / 2ᵏ)` of each axis holds one. A shift, which is combined by
//! exclusive or, moves the points to other places and keeps that.
//!
//! Sources: Sobol (1967); Joe and Kuo, *Constructing Sobol Sequences with Better Two-Dimensional Projections* (2008), for the
//! numbers of [`AXES`] (the first lines of their file new-joe-kuo-6); Owen (1998) for the shift.

/// Bits of a point's number that count
const BITS: usize = 32;

/// For each axis after the first, the degree of its polynomial, the coefficients between the first and the last as bits, and
/// the first direction numbers
const AXES: [(u32, u32, &[u64]); 20] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];

/// Greatest number of axes
pub const AXES_MAX: usize = AXES.len() + 1;

/// The points, from the first, in fractions of 2⁶⁴
#[derive(Debug)]
pub struct Sobol {
    /// The direction numbers of each axis, shifted to the highest bits
    directions: Vec<[u64; BITS]>,
    shifts: Vec<u64>,
    number: u64,
}

impl Sobol {
    /// The sequence with one axis for each of `shifts`
    ///
    /// # Panics
    /// If there are more than [`AXES_MAX`].
    pub fn new(shifts: Vec<u64>) -> Self {
        assert!(shifts.len() <= AXES_MAX, "{} axes of {AXES_MAX}", shifts.len());
        Self { directions: (0..shifts.len()).map(directions).collect(), shifts, number: 0 }
    }

    /// The next point
    pub fn next(&mut self) -> Vec<u64> {
        let gray = self.number ^ (self.number >> 1);
        self.number += 1;
        let bits = || (0..BITS).filter(|bit| gray >> bit & 1 == 1);
        let at =
            |(directions, shift): (&[u64; BITS], &u64)| bits().fold(*shift, |x, bit| x ^ directions[bit]);
        self.directions.iter().zip(&self.shifts).map(at).collect()
    }
}

/// The direction numbers of an axis, counted from 0
fn directions(axis: usize) -> [u64; BITS] {
    let mut numbers = [1; BITS];
    if let Some((degree, coefficients, first)) = axis.checked_sub(1).map(|axis| AXES[axis]) {
        let degree = degree as usize;
        numbers[..degree].copy_from_slice(first);
        for i in degree..BITS {
            numbers[i] = numbers[i - degree] ^ numbers[i - degree] << degree;
            for k in 1..degree {
                if coefficients >> (degree - 1 - k) & 1 == 1 {
                    numbers[i] ^= numbers[i - k] << k;
                }
            }
        }
    }
    std::array::from_fn(|i| numbers[i] << (63 - i))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [(usize, [u64; AXES_MAX]); 4] = [
        (
            1,
            [
                524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288,
                524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288, 524_288,
                524_288,
            ],
        ),
        (
            2,
            [
                786_432, 262_144, 262_144, 262_144, 786_432, 786_432, 262_144, 786_432, 786_432, 786_432,
                786_432, 786_432, 262_144, 262_144, 786_432, 262_144, 786_432, 262_144, 786_432, 262_144,
                262_144,
            ],
        ),
        (
            37,
            [
                966_656, 671_744, 606_208, 966_656, 802_816, 311_296, 180_224, 835_584, 638_976, 180_224,
                16_384, 81_920, 606_208, 901_120, 114_688, 507_904, 835_584, 442_368, 49_152, 147_456,
                999_424,
            ],
        ),
        (
            1000,
            [
                230_400, 101_376, 543_744, 709_632, 293_888, 951_296, 48_128, 943_104, 525_312, 72_704,
                89_088, 267_264, 168_960, 402_432, 150_528, 388_096, 754_688, 361_472, 1_039_360, 760_832,
                547_840,
            ],
        ),
    ];

    #[test]
    fn points_are_those_of_an_independent_program() {
        // python3 -c "import torch; e = torch.quasirandom.SobolEngine(21); e.fast_forward(SKIP); print((e.draw(1) * 2**20).int())"
        for (skip, expected) in EXPECTED {
            let mut sobol = Sobol::new(vec![0; AXES_MAX]);
            let point = (0..=skip).map(|_| sobol.next()).last().unwrap();
            let found: Vec<u64> = point.iter().map(|x| x >> 44).collect();
            assert_eq!(found, expected, "point {skip}");
        }
    }

    #[test]
    fn each_of_equal_parts_of_an_axis_has_one_point_of_as_many() {
        let shifts = (0..AXES_MAX as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let mut sobol = Sobol::new(shifts);
        let points: Vec<_> = (0..64).map(|_| sobol.next()).collect();
        for axis in 0..AXES_MAX {
            let mut parts: Vec<u64> = points.iter().map(|point| point[axis] >> 58).collect();
            parts.sort_unstable();
            assert!(parts.iter().copied().eq(0..64), "axis {axis}: {parts:?}");
        }
    }
}
