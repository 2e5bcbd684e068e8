//! Which rows are images, and how their pixels are laid out

use chainrule_kernels::ImageShape;

use crate::error::first_ten;

/// The numbers of channels by which they are told from height and width: grey, colors, and colors with transparency
const CHANNELS: [usize; 3] = [1, 3, 4];

/// The shape of images whose rows have these dimensions: height × width, or that with channels first or last
///
/// # Errors
/// If the rows are no images, or it is not known which dimension is that of the channels; the text says why.
pub fn image_shape(dims: &[usize]) -> Result<ImageShape, String> {
    let shape = |planes, height, width, channels| Ok(ImageShape { planes, height, width, channels });
    match *dims {
        [height, width] => shape(1, height, width, 1),
        [first, height, last] => match [first, last].map(|dim| CHANNELS.contains(&dim)) {
            [true, false] => shape(first, height, last, 1),
            [false, true] => shape(1, first, height, last),
            _ => Err(format!(
                "rows of {first} × {height} × {last} numbers leave open which of them are height and width: give an array \
                 of N × height × width, or with 1, 3 or 4 channels before or after these two"
            )),
        },
        _ => {
            let found = first_ten(dims.iter().map(ToString::to_string), " × ");
            Err(format!(
                "rows of {found} numbers are no images: give an array of N × height × width, or with 1, 3 or 4 channels \
                 before or after these two"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_found_first_and_last() {
        for (dims, expected) in [
            (&[28, 20][..], (1, 28, 20, 1)),
            (&[3, 28, 20], (3, 28, 20, 1)),
            (&[32, 32, 3], (1, 32, 32, 3)),
            (&[28, 28, 1], (1, 28, 28, 1)),
            (&[1, 28, 28], (1, 28, 28, 1)),
            (&[3, 4], (1, 3, 4, 1)),
        ] {
            let ImageShape { planes, height, width, channels } = image_shape(dims).unwrap();
            assert_eq!((planes, height, width, channels), expected, "{dims:?}");
        }
        for (dims, message) in [
            (&[784][..], "rows of 784 numbers are no images"),
            (&[3, 32, 3], "rows of 3 × 32 × 3 numbers leave open"),
            (&[7, 32, 32], "rows of 7 × 32 × 32 numbers leave open"),
            (&[2, 3, 32, 32], "rows of 2 × 3 × 32 × 32 numbers are no images"),
            (&[], "are no images"),
        ] {
            let problem = image_shape(dims).unwrap_err();
            assert!(problem.contains(message), "{problem}");
        }
    }
}
