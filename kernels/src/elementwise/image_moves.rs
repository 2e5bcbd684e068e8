//! How images are laid out, and what moves them

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

/// The difference from the identity of the matrix of a linear map about the centre of an image, in units of 2⁻¹⁶
///
/// No element is greater than [`Self::MAX`].
///
/// What lies at `(x, y)` of the new image is taken from `(x + xx x + xy y, y + yx x + yy y)` of the old one, where x counts
/// pixels to the right of the centre and y pixels below it. Small differences are a rotation, a change of size and a shear
/// in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distortion {
    /// From x to x
    pub xx: i32,
    /// From y to x
    pub xy: i32,
    /// From x to y
    pub yx: i32,
    /// From y to y
    pub yy: i32,
}

impl Distortion {
    /// 1 in the units of the matrix
    pub const ONE: i32 = 1 << 16;

    /// The greatest absolute value of an element: 16
    pub const MAX: i32 = 16 * Self::ONE;

    /// Whether no element is greater than [`Self::MAX`]
    pub(super) fn is_valid(self) -> bool {
        [self.xx, self.xy, self.yx, self.yy].iter().all(|element| element.unsigned_abs() <= Self::MAX as u32)
    }
}

/// How an image is moved: flipped first, then distorted, then shifted, then erased in part
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Whether left and right are exchanged
    pub flip: bool,
    /// Pixels by which it is shifted down, or up if negative
    pub down: i32,
    /// Pixels by which it is shifted to the right, or to the left if negative
    pub right: i32,
    /// The linear map about its centre
    pub distortion: Distortion,
    /// The part of the moved image that becomes 0
    pub erased: Part,
}

/// A rectangle of pixels inside an image
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its first line
    pub top: u32,
    /// Its first pixel in each line
    pub left: u32,
    /// Number of its lines
    pub height: u32,
    /// Number of its pixels in each line
    pub width: u32,
}
