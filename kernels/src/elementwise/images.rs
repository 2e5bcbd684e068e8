//! The images of a batch, moved while they are gathered: flipped, distorted, shifted, and partly erased

use super::distort::{Pixel, distort_plane, padded_len, padded_lines};
use super::gather::{GATHER_WORK, prefetch};
use super::image_moves::{Distortion, ImageShape, Move, Part};
use super::same_len;
use crate::threads::parallel::for_each_chunk_with;
use crate::threads::partition::{MAX_TASKS, Partition};

/// `out[i] ←` image `rows[i]`, moved by `moves[i]`; where no pixel of the image comes to lie, the elements are 0
///
/// * `images` and `out` hold one image after the other
/// * a task gathers some of the images
/// * `next`: the rows of the next call, or empty; they are prefetched, since they lie anywhere in memory
/// * `scratch`: [`move_images_scratch`] elements, or none if no image is distorted
///
/// # Panics
/// If there is not one move for each row, `out` is not one image for each row, a row is beyond `images`, an erased part
/// beyond its image, an element of a distortion beyond [`Distortion::MAX`], an image is distorted without scratch, or there is
/// scratch, but too little, or images are too large for [`move_images_scratch`].
#[track_caller]
pub fn move_images<T: Pixel>(
    images: &[T],
    shape: ImageShape,
    (rows, moves): (&[u32], &[Move]),
    next: &[u32],
    scratch: &mut [T],
    out: &mut [T],
) {
    let len = shape.len();
    same_len("move_images", out.len(), rows.len() * len);
    same_len("move_images", moves.len(), rows.len());
    let can_distort = |by: &Move| by.distortion.is_valid() && !scratch.is_empty();
    let is_allowed = moves.iter().all(|by| by.distortion == Distortion::default() || can_distort(by));
    assert!(is_allowed, "move_images: a distortion beyond its range, or without scratch");
    let image = |row: u32| &images[row as usize * len..][..len];
    let height = Partition::by_work(rows.len(), 1, len * GATHER_WORK, MAX_TASKS).longest().max(1);
    let too_large = || panic!("move_images: distorted images of {} x {} pixels", shape.height, shape.width);
    let padded_len = if scratch.is_empty() { 0 } else { padded_len(shape).unwrap_or_else(too_large) };
    for_each_chunk_with(out, (height * len).max(1), (scratch, padded_len), |i, out, padded| {
        let from = i * height;
        for (at, out) in (from..).zip(out.chunks_exact_mut(len)) {
            if let Some(&row) = next.get(at) {
                prefetch(image(row));
            }
            move_image(image(rows[at]), shape, moves[at], padded, out);
        }
    });
}

/// Elements of scratch that [`move_images`] needs to distort up to `rows` images; `None` for images that it can't distort, with
/// 2³⁰ pixels or more in a line or a column, or about 2³² elements in a plane
pub fn move_images_scratch(shape: ImageShape, rows: usize) -> Option<usize> {
    padded_len(shape).map(|len| MAX_TASKS.min(rows) * len)
}

/// `to ←` the image `from`, moved
///
/// * `padded`: scratch for a plane that is distorted
fn move_image<T: Pixel>(from: &[T], shape: ImageShape, by: Move, padded: &mut [T], to: &mut [T]) {
    let ImageShape { height, width, channels, .. } = shape;
    let line = width * channels;
    for (from, to) in from.chunks_exact(height * line).zip(to.chunks_exact_mut(height * line)) {
        if by.distortion == Distortion::default() {
            move_plane(from, shape, by, to);
        } else {
            pad(from, shape, by.flip, padded);
            distort_plane(padded, shape, by, to);
        }
        let Part { top, left, height, width } = by.erased;
        let (left, width) = (left as usize * channels, width as usize * channels);
        for y in top as usize..(top + height) as usize {
            to[y * line + left..][..width].fill(T::default());
        }
    }
}

/// `padded ←` a plane of an image, flipped if it is to be, with zeros around it
fn pad<T: Pixel>(from: &[T], shape: ImageShape, flip: bool, padded: &mut [T]) {
    let (line, by) = (shape.width * shape.channels, Move { flip, ..Move::default() });
    padded.fill(T::default());
    for (from, padded) in from.chunks_exact(line).zip(padded_lines(padded, shape)) {
        move_line(from, shape.channels, by, padded);
    }
}

/// `to ←` a plane of an image, flipped and shifted
fn move_plane<T: Pixel>(from: &[T], shape: ImageShape, by: Move, to: &mut [T]) {
    let ImageShape { height, width, channels, .. } = shape;
    let line = width * channels;
    for (y, to) in to.chunks_exact_mut(line).enumerate() {
        let source = usize::try_from(y as i64 - i64::from(by.down)).ok().filter(|&y| y < height);
        match source {
            Some(y) => move_line(&from[y * line..][..line], channels, by, to),
            None => to.fill(T::default()),
        }
    }
}

/// `to ←` the line `from`, flipped and shifted to the right
fn move_line<T: Pixel>(from: &[T], channels: usize, by: Move, to: &mut [T]) {
    let line = from.len();
    let beyond = (by.right.unsigned_abs() as usize * channels).min(line);
    let kept = line - beyond;
    let is_right = by.right >= 0;
    // The part of the line that stays in the image: its beginning, if it is moved to the right, or flipped and moved to the
    // left.
    let from = if is_right != by.flip { &from[..kept] } else { &from[beyond..] };
    let (to, zeros) = if is_right {
        let (zeros, to) = to.split_at_mut(beyond);
        (to, zeros)
    } else {
        to.split_at_mut(kept)
    };
    zeros.fill(T::default());
    match (by.flip, channels) {
        (false, _) => to.copy_from_slice(from),
        (true, 1) => to.iter_mut().zip(from.iter().rev()).for_each(|(to, &from)| *to = from),
        (true, _) => {
            let pixels = to.chunks_exact_mut(channels).zip(from.chunks_exact(channels).rev());
            pixels.for_each(|(to, from)| to.copy_from_slice(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_takes_each_pixel_to_its_place() {
        for (planes, height, width, channels) in
            [(1, 1, 1, 1), (1, 4, 5, 1), (3, 3, 4, 1), (1, 5, 3, 3), (1, 28, 28, 1)]
        {
            let shape = ImageShape { planes, height, width, channels };
            let len = shape.len();
            let images: Vec<u8> = (0..5 * len).map(|at| 1 + (at * 7 % 255) as u8).collect();
            let far = height.min(width) as i32 - 1;
            for (down, right) in [(0, 0), (1, 0), (0, 1), (-1, 2), (far, -far), (-far, 1), (-1, -1)] {
                for flip in [false, true] {
                    let (down, right) = (down.clamp(-far, far), right.clamp(-far, far));
                    let by = Move { flip, down, right, ..Move::default() };
                    let rows = [4, 0, 4];
                    let moves = [Move::default(), by, by];
                    let mut out = vec![99; 3 * len];
                    move_images(&images, shape, (&rows, &moves), &[1, 2], &mut [], &mut out);
                    assert_eq!(out[..len], images[4 * len..], "no move changes nothing");
                    for (i, &row) in rows.iter().enumerate().skip(1) {
                        for at in 0..len {
                            let (c, x) = (at % channels, at / channels % width);
                            let (y, plane) = (at / channels / width % height, at / channels / width / height);
                            let (y, x) = (y as i32 - by.down, x as i32 - by.right);
                            let is_inside = (0..height as i32).contains(&y) && (0..width as i32).contains(&x);
                            let x = if flip { width as i32 - 1 - x } else { x };
                            let want = if is_inside {
                                let line = (plane * height + y as usize) * width;
                                images[row as usize * len + (line + x as usize) * channels + c]
                            } else {
                                0
                            };
                            assert_eq!(out[i * len + at], want, "{shape:?} {by:?} at {at}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_erased_part_is_0_in_each_plane_and_channel_and_nothing_else_is() {
        for (planes, channels) in [(1, 1), (3, 1), (1, 4)] {
            let shape = ImageShape { planes, height: 5, width: 6, channels };
            let image: Vec<u8> = (1..=shape.len() as u8).collect();
            for (top, left, height, width) in
                [(0, 0, 5, 6), (1, 2, 3, 4), (4, 5, 1, 1), (2, 2, 0, 3), (0, 0, 0, 0)]
            {
                let erased = Part { top, left, height, width };
                let mut out = image.clone();
                let moves = [Move { erased, ..Move::default() }];
                move_images(&image, shape, (&[0], &moves), &[], &mut [], &mut out);
                for (at, (&byte, &was)) in out.iter().zip(&image).enumerate() {
                    let (y, x) = ((at / channels / 6 % 5) as u32, (at / channels % 6) as u32);
                    let is_erased = (top..top + height).contains(&y) && (left..left + width).contains(&x);
                    assert_eq!(byte, if is_erased { 0 } else { was }, "{shape:?} {erased:?} at {at}");
                }
            }
        }
    }

    #[test]
    fn each_plane_and_channel_of_a_distorted_image_is_moved_as_a_grey_image() {
        let distortion = Distortion { xx: 9000, xy: -20_000, yx: 5000, yy: -7000 };
        let erased = Part { top: 2, left: 1, height: 3, width: 4 };
        let (height, width) = (7, 40);
        let grey = ImageShape { planes: 1, height, width, channels: 1 };
        let moved = |image: &[u8], shape: ImageShape, by: Move| {
            let (mut scratch, mut out) =
                (vec![9; move_images_scratch(shape, 2).unwrap()], vec![9; 2 * shape.len()]);
            move_images(image, shape, (&[0, 0], &[Move::default(), by]), &[], &mut scratch, &mut out);
            assert_eq!(out[..shape.len()], *image);
            out.split_off(shape.len())
        };
        for (planes, channels) in [(1, 1), (3, 1), (1, 3), (2, 2)] {
            let shape = ImageShape { planes, height, width, channels };
            let image: Vec<u8> = (0..shape.len()).map(|at| 1 + (at * 37 % 255) as u8).collect();
            for (down, right) in [(0, 0), (1, -2), (-3, 30)] {
                let by = Move { flip: false, down, right, distortion, erased };
                let (plain, flipped) =
                    (moved(&image, shape, by), moved(&image, shape, Move { flip: true, ..by }));
                for (plane, channel) in
                    (0..planes).flat_map(|plane| (0..channels).map(move |channel| (plane, channel)))
                {
                    let part = |image: &[u8]| -> Vec<u8> {
                        let plane = &image[plane * height * width * channels..][..height * width * channels];
                        plane.iter().skip(channel).step_by(channels).copied().collect()
                    };
                    let mut alone = part(&image);
                    assert_eq!(part(&plain), moved(&alone, grey, by), "{shape:?} {by:?}");
                    alone.chunks_exact_mut(width).for_each(<[u8]>::reverse);
                    assert_eq!(part(&flipped), moved(&alone, grey, by), "flipped {shape:?} {by:?}");
                }
            }
        }
    }

    #[test]
    fn a_shift_beyond_the_image_leaves_zeros_and_no_images_give_none() {
        let shape = ImageShape { planes: 1, height: 2, width: 3, channels: 1 };
        let by = |down, right| Move { flip: true, down, right, ..Move::default() };
        let mut out = [7.0; 12];
        move_images(&[1.0; 6], shape, (&[0, 0], &[by(2, 0), by(0, -9)]), &[], &mut [], &mut out);
        assert_eq!(out, [0.0; 12]);
        move_images(&[1.0; 6], shape, (&[], &[]), &[], &mut [], &mut []);
    }
}
