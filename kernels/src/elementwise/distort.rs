//! Linear maps of images, with interpolation between pixels
//!
//! A plane is first copied with a border of zeros, so that a pixel outside of it is read as any other. Places are then
//! computed for a group of pixels at a time, the four neighbours of each are read, and all are interpolated: the first and the
//! last step are vector instructions.

use std::array;

use super::image_moves::{Distortion, ImageShape, Move};
use crate::cpu::simd_level::multiversion;

/// Pixels of a group: a line of the usual small images, and whole vectors
const GROUP: usize = 32;

/// Zeros on each side of a padded plane: between two of them, everything outside of the plane is 0
const PADDING: usize = 2;

/// Number of elements of a padded plane; `None` if its places do not fit the numbers that they are computed with
pub(super) fn padded_len(shape: ImageShape) -> Option<usize> {
    let has_short_sides = shape.height.max(shape.width) < 1 << 30;
    let sides = [shape.height, shape.width].map(|side| side + 2 * PADDING);
    let len = sides[0].checked_mul(sides[1])?.checked_mul(shape.channels)?;
    (has_short_sides && u32::try_from(len).is_ok()).then_some(len)
}

fn padded_line(shape: ImageShape) -> usize {
    (shape.width + 2 * PADDING) * shape.channels
}

/// The lines of a padded plane, without their padding
pub(super) fn padded_lines<T>(padded: &mut [T], shape: ImageShape) -> impl Iterator<Item = &mut [T]> {
    let ImageShape { height, width, channels, .. } = shape;
    let lines = padded.chunks_exact_mut(padded_line(shape)).skip(PADDING).take(height);
    lines.map(move |line| &mut line[PADDING * channels..][..width * channels])
}

/// An element of an image
pub trait Pixel: Copy + Default + Send + Sync {
    /// The bilinear interpolation between four neighbours of each pixel
    ///
    /// * `corners`: upper left, upper right, lower left, lower right
    /// * `right`, `down`: the places between them, in units of 2⁻¹⁶, below 1
    ///
    /// Between four equal elements there is only the same. Bytes are rounded to the nearest, in a grid of 256 places.
    fn between(
        corners: &[[Self; GROUP]; 4],
        right: &[u16; GROUP],
        down: &[u16; GROUP],
        to: &mut [Self; GROUP],
    );
}

multiversion! {
    fn between_bytes(corners: &[[u8; GROUP]; 4], right: &[u16; GROUP], down: &[u16; GROUP], to: &mut [u8; GROUP]) {
        for i in 0..GROUP {
            let (right, down) = (u32::from(right[i] >> 8), u32::from(down[i] >> 8));
            let line = |a: u8, b: u8| u32::from(a) * (256 - right) + u32::from(b) * right;
            let [upper, lower] = [0, 2].map(|at| line(corners[at][i], corners[at + 1][i]));
            let sum = upper * (256 - down) + lower * down;
            // At most 255 · 2¹⁶ + 2¹⁵, so it fits.
            to[i] = ((sum + (1 << 15)) >> 16) as u8;
        }
    }
}

impl Pixel for u8 {
    fn between(
        corners: &[[Self; GROUP]; 4],
        right: &[u16; GROUP],
        down: &[u16; GROUP],
        to: &mut [Self; GROUP],
    ) {
        between_bytes(corners, right, down, to);
    }
}

macro_rules! float_pixel {
    ($float:ident, $between:ident) => {
        multiversion! {
            fn $between(
                corners: &[[$float; GROUP]; 4],
                right: &[u16; GROUP],
                down: &[u16; GROUP],
                to: &mut [$float; GROUP],
            ) {
                for i in 0..GROUP {
                    let [right, down] = [right[i], down[i]].map(|place| $float::from(place) / 65536.0);
                    // At a pixel, only that pixel counts, even if its neighbour is not finite.
                    let mix = |a: $float, b: $float, place: $float| {
                        if place == 0.0 { a } else { a + (b - a) * place }
                    };
                    let [upper, lower] = [0, 2].map(|at| mix(corners[at][i], corners[at + 1][i], right));
                    to[i] = mix(upper, lower, down);
                }
            }
        }

        impl Pixel for $float {
            fn between(
                corners: &[[Self; GROUP]; 4],
                right: &[u16; GROUP],
                down: &[u16; GROUP],
                to: &mut [Self; GROUP],
            ) {
                $between(corners, right, down, to);
            }
        }
    };
}
float_pixel!(f32, between_f32);
float_pixel!(f64, between_f64);

/// Where the pixels of a group come from
struct Places {
    /// The index of the upper left neighbour in the padded plane
    at: [u32; GROUP],
    /// How far it is to the left of the place, in units of 2⁻¹⁶
    right: [u16; GROUP],
    /// How far it is above the place, in units of 2⁻¹⁶
    down: [u16; GROUP],
}

multiversion! {
    /// The places of the pixels of a group, the first of which comes from `first`, and each next one from `step` further
    ///
    /// * `first`, `step`: (x, y), doubled, in units of 2⁻¹⁶
    fn places(first: [i64; 2], step: [i32; 2], shape: ImageShape, to: &mut Places) {
        // Beyond the edges, all places are alike, so the coordinates of the first pixel need not be exact there.
        let whole = first.map(|doubled| (doubled >> 17).clamp(-(1 << 30), 1 << 30) as i32);
        let part = first.map(|doubled| (doubled & 0x1_ffff) as i32);
        let padding = PADDING as i32;
        let last = [shape.width as i32, shape.height as i32];
        let channels = shape.channels as u32;
        let line = padded_line(shape) as u32;
        for i in 0..GROUP {
            let doubled: [i32; 2] = array::from_fn(|axis| part[axis] + i as i32 * step[axis]);
            let [x, y]: [u32; 2] = array::from_fn(|axis| {
                ((whole[axis] + (doubled[axis] >> 17)).clamp(-padding, last[axis]) + padding) as u32
            });
            to.at[i] = y * line + x * channels;
            // The remainder is below 2¹⁷, so half of it fits.
            [to.right[i], to.down[i]] = doubled.map(|doubled| ((doubled & 0x1_ffff) >> 1) as u16);
        }
    }
}

/// `to ←` a plane of an image, distorted and shifted; beyond the edges of the image, elements are 0
///
/// * `padded`: the plane, flipped if it is to be, padded with zeros
pub(super) fn distort_plane<T: Pixel>(padded: &[T], shape: ImageShape, by: Move, to: &mut [T]) {
    let ImageShape { height, width, channels, .. } = shape;
    let map = by.distortion;
    // All coordinates are doubled, so that the centre is a whole number, and in units of 2⁻¹⁶.
    let centre = |len: usize| len as i64 - 1;
    let one = i64::from(Distortion::ONE);
    let [xx, xy, yx, yy] =
        [i64::from(map.xx) + one, i64::from(map.xy), i64::from(map.yx), i64::from(map.yy) + one];
    // The steps of a group fit, since no element of the matrix is greater than `Distortion::MAX`.
    let step = [2 * xx as i32, 2 * yx as i32];
    let next_line = padded_line(shape);
    let mut from = Places { at: [0; GROUP], right: [0; GROUP], down: [0; GROUP] };
    let (mut corners, mut mixed) = ([[T::default(); GROUP]; 4], [T::default(); GROUP]);
    for (y, to) in to.chunks_exact_mut(width * channels).enumerate() {
        let below = 2 * (y as i64 - i64::from(by.down)) - centre(height);
        for (group, to) in to.chunks_mut(GROUP * channels).enumerate() {
            let beside = 2 * ((group * GROUP) as i64 - i64::from(by.right)) - centre(width);
            let source_x = one * centre(width) + xx * beside + xy * below;
            let source_y = one * centre(height) + yx * beside + yy * below;
            places([source_x, source_y], step, shape, &mut from);
            if channels == 1 {
                read_corners(padded, &from.at[..to.len()], (1, next_line), &mut corners);
                T::between(&corners, &from.right, &from.down, &mut mixed);
                to.copy_from_slice(&mixed[..to.len()]);
                continue;
            }
            for channel in 0..channels {
                let at = &from.at[..to.len() / channels];
                read_corners(&padded[channel..], at, (channels, next_line), &mut corners);
                T::between(&corners, &from.right, &from.down, &mut mixed);
                let to = to[channel..].iter_mut().step_by(channels);
                to.zip(&mixed).for_each(|(to, &mixed)| *to = mixed);
            }
        }
    }
}

/// `corners ←` the elements at `at`, right of them, below them, and below and right of them
#[inline(always)]
fn read_corners<T: Copy>(
    padded: &[T],
    at: &[u32],
    (right, below): (usize, usize),
    corners: &mut [[T; GROUP]; 4],
) {
    let [upper_left, upper_right, lower_left, lower_right] = corners;
    for (i, &at) in at.iter().enumerate().take(GROUP) {
        let from = &padded[at as usize..][..=below + right];
        upper_left[i] = from[0];
        upper_right[i] = from[right];
        lower_left[i] = from[below];
        lower_right[i] = from[below + right];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image, distorted: bilinear interpolation in f64, by coordinates from the centre
    fn expected(image: &[f64], (height, width): (usize, usize), by: Move) -> Vec<f64> {
        let at = |x: i64, y: i64| {
            let is_inside = (0..width as i64).contains(&x) && (0..height as i64).contains(&y);
            let x = if by.flip { width as i64 - 1 - x } else { x };
            if is_inside { image[y as usize * width + x as usize] } else { 0.0 }
        };
        let share = |x: i32| f64::from(x) / 65536.0;
        let Distortion { xx, xy, yx, yy } = by.distortion;
        let pixel = |at_pixel: usize| {
            let centre = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
            let x = (at_pixel % width) as f64 - f64::from(by.right) - centre.0;
            let y = (at_pixel / width) as f64 - f64::from(by.down) - centre.1;
            let source =
                (x + share(xx) * x + share(xy) * y + centre.0, y + share(yx) * x + share(yy) * y + centre.1);
            let (left, above) = (source.0.floor(), source.1.floor());
            let (u, v) = (source.0 - left, source.1 - above);
            let (left, above) = (left as i64, above as i64);
            (1.0 - v) * ((1.0 - u) * at(left, above) + u * at(left + 1, above))
                + v * ((1.0 - u) * at(left, above + 1) + u * at(left + 1, above + 1))
        };
        (0..height * width).map(pixel).collect()
    }

    /// The plane, padded, flipped and distorted
    fn distorted<T: Pixel>(plane: &[T], shape: ImageShape, by: Move) -> Vec<T> {
        let ImageShape { width, channels, .. } = shape;
        let mut padded = vec![T::default(); padded_len(shape).unwrap()];
        for (padded, line) in padded_lines(&mut padded, shape).zip(plane.chunks_exact(width * channels)) {
            padded.copy_from_slice(line);
            if by.flip {
                padded.reverse();
                padded.chunks_exact_mut(channels).for_each(|pixel| pixel.reverse());
            }
        }
        let mut out = plane.to_vec();
        distort_plane(&padded, shape, by, &mut out);
        out
    }

    fn grey(height: usize, width: usize) -> ImageShape {
        ImageShape { planes: 1, height, width, channels: 1 }
    }

    #[test]
    fn a_distorted_image_is_interpolated_between_the_pixels_of_the_image() {
        let maps = [(0, 0, 0, 1), (6554, 0, 0, -6554), (0, 9000, -9000, 0), (20000, -30000, 12345, -32000)];
        for (height, width) in [(1, 1), (2, 5), (7, 4), (28, 28), (3, 70)] {
            let bytes: Vec<u8> = (0..height * width).map(|at| (at * 77 % 256) as u8).collect();
            let numbers: Vec<f64> = bytes.iter().map(|&byte| f64::from(byte)).collect();
            for (xx, xy, yx, yy) in maps {
                for (flip, down, right) in [(false, 0, 0), (true, 0, 0), (true, -1, 2), (false, 1, -1)] {
                    let by = Move {
                        flip,
                        down,
                        right,
                        distortion: Distortion { xx, xy, yx, yy },
                        ..Move::default()
                    };
                    let want = expected(&numbers, (height, width), by);
                    let found = distorted(&numbers, grey(height, width), by);
                    // Half a unit of the place, twice, times the largest difference of neighbours
                    let near = |a: &f64, b: &f64| (a - b).abs() < 2.0 * 255.0 / 65536.0;
                    assert!(found.iter().zip(&want).all(|(a, b)| near(a, b)), "{height} {width} {by:?}");
                    // Bytes have 256 places between pixels, and are rounded.
                    let bytes = distorted(&bytes, grey(height, width), by);
                    let near = |a: &u8, b: &f64| (f64::from(*a) - b).abs() < 0.5 + 2.0 * 255.0 / 256.0;
                    assert!(bytes.iter().zip(&want).all(|(a, b)| near(a, b)), "{height} {width} {by:?}");
                }
            }
        }
    }

    fn between<T: Pixel>([upper, lower]: [[T; 2]; 2], right: u16, down: u16) -> T {
        let corners = [upper[0], upper[1], lower[0], lower[1]].map(|corner| [corner; GROUP]);
        let mut to = [T::default(); GROUP];
        T::between(&corners, &[right; GROUP], &[down; GROUP], &mut to);
        to[GROUP - 1]
    }

    #[test]
    fn between_equal_pixels_there_is_the_same() {
        for place in [0, 1, 255, 256, 32768, u16::MAX] {
            for byte in 0..=u8::MAX {
                assert_eq!(between([[byte; 2]; 2], place, u16::MAX - place), byte);
            }
            assert_eq!(between([[0.1f32; 2]; 2], place, place), 0.1);
        }
        assert_eq!(between([[0u8, 255], [0, 255]], 0x8000, 0), 128);
        assert_eq!(between([[1.0f64, 2.0], [3.0, 4.0]], 0x4000, 0x8000), 2.25);
        assert_eq!(between([[1.0f32, f32::NAN], [f32::MAX, f32::MIN]], 0, 0), 1.0);
    }

    #[test]
    fn a_quarter_turn_takes_each_pixel_and_channel_to_its_place() {
        // (x, y) comes from (−y, x): the matrix is [[0, −1], [1, 0]].
        let one = Distortion::ONE;
        let by = Move { distortion: Distortion { xx: -one, xy: -one, yx: one, yy: -one }, ..Move::default() };
        let image: Vec<u8> = (1..=18).collect();
        let out = distorted(&image, ImageShape { planes: 1, height: 3, width: 3, channels: 2 }, by);
        assert_eq!(out, [5, 6, 11, 12, 17, 18, 3, 4, 9, 10, 15, 16, 1, 2, 7, 8, 13, 14]);
    }

    #[test]
    fn a_group_may_lie_far_outside_and_the_largest_map_fits() {
        let image = vec![7u8; 3 * 100];
        let most = Distortion::MAX;
        for (xx, xy, yx, yy) in [(most, most, most, most), (-most, most, -most, -most), (most, 0, 0, most)] {
            let map = Distortion { xx, xy, yx, yy };
            let by = Move { distortion: map, ..Move::default() };
            let numbers: Vec<f64> = image.iter().map(|&byte| f64::from(byte)).collect();
            let (found, want) = (distorted(&numbers, grey(3, 100), by), expected(&numbers, (3, 100), by));
            assert!(found.iter().zip(&want).all(|(a, b)| (a - b).abs() < 0.01), "{map:?}");
        }
    }
}
