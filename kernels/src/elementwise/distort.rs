//! Linear maps of images, with interpolation between pixels

use super::image_moves::{Distortion, ImageShape, Move};

/// An element of an image
pub trait Pixel: Copy + Default + Send + Sync {
    /// The bilinear interpolation between four neighbours, `[[left, right] of the upper line, [left, right] of the lower line]`
    ///
    /// * `right`, `down`: the place between them, in units of 2⁻¹⁶, below 1
    ///
    /// Between four equal elements there is only the same. Bytes are rounded to the nearest, in a grid of 256 places.
    fn between(neighbours: [[Self; 2]; 2], right: u16, down: u16) -> Self;
}

impl Pixel for u8 {
    fn between(neighbours: [[Self; 2]; 2], right: u16, down: u16) -> Self {
        let (right, down) = (u32::from(right >> 8), u32::from(down >> 8));
        let line = |[a, b]: [Self; 2]| u32::from(a) * (256 - right) + u32::from(b) * right;
        let sum = line(neighbours[0]) * (256 - down) + line(neighbours[1]) * down;
        // At most 255 · 2¹⁶ + 2¹⁵, so it fits.
        ((sum + (1 << 15)) >> 16) as Self
    }
}

macro_rules! float_pixel {
    ($float:ident) => {
        impl Pixel for $float {
            fn between(neighbours: [[Self; 2]; 2], right: u16, down: u16) -> Self {
                let [right, down] = [right, down].map(|place| Self::from(place) / 65536.0);
                let mix = |a: Self, b: Self, place: Self| a + (b - a) * place;
                let [upper, lower] = neighbours.map(|[a, b]| mix(a, b, right));
                mix(upper, lower, down)
            }
        }
    };
}
float_pixel!(f32);
float_pixel!(f64);

/// `to ←` a plane of an image, flipped, distorted and shifted; beyond the edges of the image, elements are 0
pub(super) fn distort_plane<T: Pixel>(from: &[T], shape: ImageShape, by: Move, to: &mut [T]) {
    let ImageShape { height, width, channels, .. } = shape;
    let map = by.distortion;
    // All coordinates are doubled, so that the centre is a whole number, and in units of 2⁻¹⁶.
    let centre = |len: usize| len as i64 - 1;
    let one = i64::from(Distortion::ONE);
    let [xx, xy, yx, yy] =
        [i64::from(map.xx) + one, i64::from(map.xy), i64::from(map.yx), i64::from(map.yy) + one];
    let left = -2 * i64::from(by.right) - centre(width);
    // From a pixel of the flipped image to the one at its right, in elements of the image; modulo 2⁶⁴
    let next = if by.flip { channels.wrapping_neg() } else { channels };
    let line = width * channels;
    for (y, to) in to.chunks_exact_mut(line).enumerate() {
        let below = 2 * (y as i64 - i64::from(by.down)) - centre(height);
        let mut source_x = one * centre(width) + xx * left + xy * below;
        let mut source_y = one * centre(height) + yx * left + yy * below;
        for to in to.chunks_exact_mut(channels) {
            let ((x, right), (y, down)) = (place(source_x), place(source_y));
            source_x += 2 * xx;
            source_y += 2 * yx;
            // Almost all pixels lie between four others. A negative number is greater than any width.
            if (x as usize) < width - 1 && (y as usize) < height - 1 {
                let column = if by.flip { width - 1 - x as usize } else { x as usize };
                let at = y as usize * line + column * channels;
                for (channel, to) in to.iter_mut().enumerate() {
                    let pair = |at: usize| [from[at], from[at.wrapping_add(next)]];
                    *to = T::between([pair(at + channel), pair(at + line + channel)], right, down);
                }
            } else {
                at_edge(from, shape, by.flip, (x, y), (right, down), to);
            }
        }
    }
}

/// `to ←` a pixel between four of the flipped image, some of which may lie outside of it
fn at_edge<T: Pixel>(
    from: &[T],
    shape: ImageShape,
    flip: bool,
    (x, y): (i64, i64),
    (right, down): (u16, u16),
    to: &mut [T],
) {
    let (height, width) = (shape.height as i64, shape.width as i64);
    if !(-1..width).contains(&x) || !(-1..height).contains(&y) {
        return to.fill(T::default());
    }
    let element = |x: i64, y: i64, channel: usize| {
        let is_inside = (0..width).contains(&x) && (0..height).contains(&y);
        let x = if flip { width - 1 - x } else { x };
        if is_inside { from[(y * width + x) as usize * shape.channels + channel] } else { T::default() }
    };
    for (channel, to) in to.iter_mut().enumerate() {
        let pair = |y: i64| [element(x, y, channel), element(x + 1, y, channel)];
        *to = T::between([pair(y), pair(y + 1)], right, down);
    }
}

/// The pixel at or before a doubled coordinate in units of 2⁻¹⁶, and the place between it and the next
fn place(doubled: i64) -> (i64, u16) {
    // The remainder is below 2¹⁷, so half of it fits.
    (doubled >> 17, ((doubled & 0x1_ffff) >> 1) as u16)
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

    fn distorted<T: Pixel>(image: &[T], (height, width): (usize, usize), by: Move) -> Vec<T> {
        let mut out = image.to_vec();
        distort_plane(image, ImageShape { planes: 1, height, width, channels: 1 }, by, &mut out);
        out
    }

    #[test]
    fn a_distorted_image_is_interpolated_between_the_pixels_of_the_image() {
        let maps = [(0, 0, 0, 1), (6554, 0, 0, -6554), (0, 9000, -9000, 0), (20000, -30000, 12345, -32000)];
        for (height, width) in [(1, 1), (2, 5), (7, 4), (28, 28)] {
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
                    let found = distorted(&numbers, (height, width), by);
                    // Half a unit of the place, twice, times the largest difference of neighbours
                    let near = |a: &f64, b: &f64| (a - b).abs() < 2.0 * 255.0 / 65536.0;
                    assert!(found.iter().zip(&want).all(|(a, b)| near(a, b)), "{height} {width} {by:?}");
                    // Bytes have 256 places between pixels, and are rounded.
                    let bytes = distorted(&bytes, (height, width), by);
                    let near = |a: &u8, b: &f64| (f64::from(*a) - b).abs() < 0.5 + 2.0 * 255.0 / 256.0;
                    assert!(bytes.iter().zip(&want).all(|(a, b)| near(a, b)), "{height} {width} {by:?}");
                }
            }
        }
    }

    #[test]
    fn between_equal_pixels_there_is_the_same() {
        for place in [0, 1, 255, 256, 32768, u16::MAX] {
            for byte in 0..=u8::MAX {
                assert_eq!(u8::between([[byte; 2]; 2], place, u16::MAX - place), byte);
            }
            assert_eq!(f32::between([[0.1; 2]; 2], place, place), 0.1);
        }
        assert_eq!(u8::between([[0, 255], [0, 255]], 0x8000, 0), 128);
        assert_eq!(f64::between([[1.0, 2.0], [3.0, 4.0]], 0x4000, 0x8000), 2.25);
    }

    #[test]
    fn a_quarter_turn_takes_each_pixel_and_channel_to_its_place() {
        // (x, y) comes from (−y, x): the matrix is [[0, −1], [1, 0]].
        let one = Distortion::ONE;
        let by = Move { distortion: Distortion { xx: -one, xy: -one, yx: one, yy: -one }, ..Move::default() };
        let image: Vec<u8> = (1..=18).collect();
        let mut out = [0; 18];
        distort_plane(&image, ImageShape { planes: 1, height: 3, width: 3, channels: 2 }, by, &mut out);
        assert_eq!(out, [5, 6, 11, 12, 17, 18, 3, 4, 9, 10, 15, 16, 1, 2, 7, 8, 13, 14]);
    }
}
