//! Matrix products on one thread
//!
//! [`Gemm`] describes a product and states the contract of all unsafe code that computes it. `blocking.rs` computes a
//! block of the product with one of two kernels: register tiles (`microkernel.rs`), or rows that skip the zeros of A
//! (`skip_zeros.rs`). `kernel.rs` chooses the kernel, and `dispatch.rs` its version for the element type and the
//! processor. `pack.rs` copies blocks into scratch, `round.rs` rounds them to pairs of bf16 on the way, and `simd.rs` has
//! the vector instructions.

pub(crate) mod blocking;
pub(crate) mod dispatch;
pub(crate) mod kernel;
#[cfg(target_arch = "x86_64")]
mod microkernel;
#[cfg(target_arch = "x86_64")]
mod pack;
#[cfg(target_arch = "x86_64")]
mod pair_simd;
mod portable;
#[cfg(target_arch = "x86_64")]
mod round;
#[cfg(target_arch = "x86_64")]
mod simd;
#[cfg(target_arch = "x86_64")]
mod skip_zeros;

use std::ptr;

use crate::elementwise::sgd::SgdRule;
use crate::number::factor::Factor;

/// A product `C ← C₀ + A B`, or a step of SGD on C with the gradient `C₀ + A B`: pointers to the operands, and strides
/// in elements
///
/// # The contract
/// The unsafe functions of this folder compute some rows and columns of C. Their callers ensure for these:
/// * They lie inside C, which is m × n.
/// * The elements of A (m × k), B (k × n), C₀, C and the velocities that belong to them, by the pointers and strides
///   here, are valid for reading, and those of C and the velocities for writing.
/// * Until the function returns, no other thread accesses these elements of C and of the velocities, or writes these
///   elements of A, B and C₀. C and the velocities overlap no other operand, except that C₀ may be C.
/// * The processor has the instructions of the function.
///
/// An operand that is not rounded (`a_unrounded`, `b_unrounded`) is read only by packing, which rounds it; its pointer is
/// then to elements of `O::Sum`, and its strides count these.
///
/// Pointers need not be aligned. Only these elements have to exist: if an operand is a packed block, or a block of sums
/// in scratch, its pointer (`a`, `b`, `c` or `c_init`) may lie outside of any allocation. So addresses are formed by
/// `wrapping_add`, and by `add` only where both addresses lie inside one allocation.
#[derive(Clone, Copy, Debug)]
pub struct Gemm<O: Factor> {
    /// Inner dimension, in factors
    pub(crate) k: usize,
    /// Inner dimension, in numbers: k, or for pairs 2k, or 2k − 1 if the last number has no partner
    pub(crate) numbers: usize,
    /// A, m × k, row-major or transposed
    pub(crate) a: *const O,
    /// From row to row of A or, if it is transposed, from column to column; the other stride is 1
    pub(crate) a_stride: usize,
    /// Whether the columns of A are contiguous, and not its rows
    pub(crate) a_transposed: bool,
    /// Whether A is still to be rounded to factors; then it is transposed
    pub(crate) a_unrounded: bool,
    /// B, k × n, row-major or transposed
    pub(crate) b: *const O,
    /// From row to row of B or, if it is transposed, from column to column; the other stride is 1
    pub(crate) b_stride: usize,
    /// Whether the columns of B are contiguous, and not its rows
    pub(crate) b_transposed: bool,
    /// Whether B is still to be rounded to factors
    pub(crate) b_unrounded: bool,
    /// C, m × n, row-major
    pub(crate) c: *mut O::Sum,
    /// From row to row of C
    pub(crate) c_stride: usize,
    /// C₀, element (i, j) at `i · c_init_stride + j`; null for 0
    pub(crate) c_init: *const O::Sum,
    /// From row to row of C₀; 0 repeats one row, such as a bias
    pub(crate) c_init_stride: usize,
    /// If it is `Some`, C holds weights, and the product is their gradient
    pub(crate) update: Option<Update<O::Sum>>,
}

/// A step of SGD on weights whose gradient is a product
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update<T> {
    /// η, μ, λ, and the kind of momentum
    pub rule: SgdRule<T>,
    /// Velocities, with the strides of C; null without momentum
    pub v: *mut T,
}

impl<O: Factor> Gemm<O> {
    /// `C ← A B` for k columns of A and k rows of B, all row-major, where the rows of B and C are `n` elements apart
    pub(crate) fn new(k: usize, a: *const O, a_stride: usize, b: *const O, n: usize, c: *mut O::Sum) -> Self {
        Self {
            k,
            numbers: k * O::NUMBERS,
            a,
            a_stride,
            a_transposed: false,
            a_unrounded: false,
            b,
            b_stride: n,
            b_transposed: false,
            b_unrounded: false,
            c,
            c_stride: n,
            c_init: ptr::null(),
            c_init_stride: 0,
            update: None,
        }
    }
}
