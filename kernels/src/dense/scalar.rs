//! The element types of layers

use crate::aligned::AlignedVec;
use crate::dense::bf16;
use crate::dense::gradient::Gradient;
use crate::elementwise::epilogue::Epilogue;
use crate::gemm::dispatch::Operand;
use crate::number::Number;
use crate::number::pair::Pair;
use crate::view::View;

/// An element type of matrices and layers: `f32` or `f64`
pub trait Scalar: Number + Operand<Sum = Self> {
    /// `C ← α A B + β C` by the crate `matrixmultiply`
    #[doc(hidden)]
    const GEMM: RawGemm<Self>;
    /// The layers of this type whose products take bf16; `None` for `f64`
    #[doc(hidden)]
    const BF16: Option<Bf16<Self>>;
}

impl Scalar for f32 {
    const GEMM: RawGemm<Self> = matrixmultiply::sgemm;
    const BF16: Option<Bf16<Self>> =
        Some(Bf16 { forward: bf16::forward, backward: bf16::backward, zeros: bf16::zeros });
}

impl Scalar for f64 {
    const GEMM: RawGemm<Self> = matrixmultiply::dgemm;
    const BF16: Option<Bf16<Self>> = None;
}

/// The functions of `bf16.rs`
#[derive(Debug)]
pub struct Bf16<T> {
    pub(super) forward: Forward<T>,
    pub(super) backward: Backward<T>,
    pub(super) zeros: fn(View<'_, T>, usize) -> f64,
}

type Forward<T> =
    fn(View<'_, T>, View<'_, T>, &[T], Epilogue<T>, &mut [T], &mut AlignedVec<T>, &mut AlignedVec<Pair>);
type Backward<T> = fn(
    View<'_, T>,
    View<'_, T>,
    &mut [T],
    Option<(&mut [T], Epilogue<T>)>,
    Gradient<'_, T>,
    &mut AlignedVec<T>,
    &mut AlignedVec<Pair>,
);

/// The type of `matrixmultiply::sgemm` and `dgemm`; strides count elements
///
/// # Safety
/// Every element of A (m × k), B (k × n) and C (m × n) that the strides reach is valid for reading, and those of C
/// for writing. No two elements of C share an address, and C overlaps neither A nor B.
pub type RawGemm<T> = unsafe fn(
    m: usize,
    k: usize,
    n: usize,
    alpha: T,
    a: *const T,
    a_row_stride: isize,
    a_col_stride: isize,
    b: *const T,
    b_row_stride: isize,
    b_col_stride: isize,
    beta: T,
    c: *mut T,
    c_row_stride: isize,
    c_col_stride: isize,
);
