//! The images of a batch, flipped and shifted while they are gathered

use super::gather::{GATHER_WORK, prefetch};
use super::same_len;
use crate::threads::parallel::for_each_chunk;
use crate::threads::partition::{MAX_TASKS, Partition};

/// How the elements of an image are laid out: `planes` planes of `height` lines of `width` pixels of `channels` elements
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Number of planes: the channels of an image whose channels come first, else 1
    pub planes: usize,
    /// Number of lines
    pub height: usize,
    /// Number of pixels in a line
    pub width: usize,
    /// Elements of a pixel: the channels of an image whose channels come last, else 1
    pub channels: usize,
}

impl ImageShape {
    /// Number of elements of an image
    pub fn len(&self) -> usize {
        self.planes * self.height * self.width * self.channels
    }

    /// Whether an image has no elements
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How an image is moved: flipped first, then shifted
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Whether left and right are exchanged
    pub flip: bool,
    /// Pixels by which it is shifted down, or up if negative
    pub down: i32,
    /// Pixels by which it is shifted to the right, or to the left if negative
    pub right: i32,
}

/// `out[i] ←` image `rows[i]`, moved by `moves[i]`; where no pixel of the image comes to lie, the elements are 0
///
/// * `images` and `out` hold one image after the other
/// * a task gathers some of the images
/// * `next`: the rows of the next call, or empty; they are prefetched, since they lie anywhere in memory
///
/// # Panics
/// If there is not one move for each row, `out` is not one image for each row, or a row is beyond `images`.
#[track_caller]
pub fn move_images<T: Copy + Default + Send + Sync>(
    images: &[T],
    shape: ImageShape,
    (rows, moves): (&[u32], &[Move]),
    next: &[u32],
    out: &mut [T],
) {
    let len = shape.len();
    same_len("move_images", out.len(), rows.len() * len);
    same_len("move_images", moves.len(), rows.len());
    let image = |row: u32| &images[row as usize * len..][..len];
    let height = Partition::by_work(rows.len(), 1, len * GATHER_WORK, MAX_TASKS).longest().max(1);
    for_each_chunk(out, (height * len).max(1), |i, out| {
        let from = i * height;
        for (at, out) in (from..).zip(out.chunks_exact_mut(len)) {
            if let Some(&row) = next.get(at) {
                prefetch(image(row));
            }
            move_image(image(rows[at]), shape, moves[at], out);
        }
    });
}

/// `to ←` the image `from`, moved
fn move_image<T: Copy + Default>(from: &[T], shape: ImageShape, by: Move, to: &mut [T]) {
    let ImageShape { height, width, channels, .. } = shape;
    let line = width * channels;
    for (from, to) in from.chunks_exact(height * line).zip(to.chunks_exact_mut(height * line)) {
        for (y, to) in to.chunks_exact_mut(line).enumerate() {
            let source = usize::try_from(y as i64 - i64::from(by.down)).ok().filter(|&y| y < height);
            match source {
                Some(y) => move_line(&from[y * line..][..line], channels, by, to),
                None => to.fill(T::default()),
            }
        }
    }
}

/// `to ←` the line `from`, flipped and shifted to the right
fn move_line<T: Copy + Default>(from: &[T], channels: usize, by: Move, to: &mut [T]) {
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
                    let by = Move { flip, down: down.clamp(-far, far), right: right.clamp(-far, far) };
                    let rows = [4, 0, 4];
                    let moves = [Move::default(), by, by];
                    let mut out = vec![99; 3 * len];
                    move_images(&images, shape, (&rows, &moves), &[1, 2], &mut out);
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
    fn a_shift_beyond_the_image_leaves_zeros_and_no_images_give_none() {
        let shape = ImageShape { planes: 1, height: 2, width: 3, channels: 1 };
        let by = |down, right| Move { flip: true, down, right };
        let mut out = [7.0; 12];
        move_images(&[1.0; 6], shape, (&[0, 0], &[by(2, 0), by(0, -9)]), &[], &mut out);
        assert_eq!(out, [0.0; 12]);
        move_images(&[1.0; 6], shape, (&[], &[]), &[], &mut []);
    }
}
