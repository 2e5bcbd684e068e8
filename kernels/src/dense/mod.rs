//! One dense layer, forward and backward, by one of three backends
//!
//! Forward: `Y = f(X W + 1 bᵀ)`; X: m × d_in, W: d_in × d_out, b: d_out, Y: m × d_out, f: an activation and dropout.
//! Backward: see
//! [`DenseKernels::affine_backward`].
//!
//! The fused backend (`fused.rs`) computes products by our own kernels, and applies the epilogue to a block of the
//! result while it is in registers or cache. Another (`bf16.rs`) is the same with
//! operands rounded to bf16. The third (`unfused.rs`) is the crate `matrixmultiply` with separate passes: for processors
//! without AVX2, and as the reference in tests of the fused one.

mod bf16;
mod fused;
mod gradient;
pub(crate) mod scalar;
pub(crate) mod unfused;

pub use gradient::Gradient;

use crate::aligned::AlignedVec;
use crate::cpu::simd_level::{SimdLevel, simd_level};
use crate::dense::fused::Operands;
use crate::dense::scalar::Scalar;
use crate::elementwise::epilogue::Epilogue;
use crate::gemm::kernel::Kernel;
use crate::number::pair::Pair;
use crate::view::{View, ViewMut};

/// The code that computes the layers
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Our own kernels, with fused epilogues; needs AVX2 with FMA, or AVX-512
    Fused,
    /// The crate `matrixmultiply`, and a pass over memory for each further step; runs on any processor
    Matrixmultiply,
    /// Products of bf16 that are added in `f32`, by our own kernels; for layers of `f32`, on any processor
    Bf16,
}

impl Backend {
    /// The fastest backend that this processor can run
    pub fn auto() -> Self {
        if Self::Fused.is_available() { Self::Fused } else { Self::Matrixmultiply }
    }

    /// Whether this processor can run the backend
    pub fn is_available(self) -> bool {
        self != Self::Fused || simd_level() > SimdLevel::Portable
    }
}

/// The kernels of dense layers: a backend with its scratch, which grows as needed and is reused by the next call
#[derive(Debug)]
pub struct DenseKernels<T> {
    backend: Backend,
    scratch: AlignedVec<T>,
    /// Operands of bf16
    pairs: AlignedVec<Pair>,
}

impl<T: Scalar> Default for DenseKernels<T> {
    fn default() -> Self {
        Self::new(Backend::auto())
    }
}

impl<T: Scalar> DenseKernels<T> {
    /// Kernels whose scratch is empty
    ///
    /// # Panics
    /// If this processor cannot run the backend: see [`Backend::is_available`]. If the backend is `Bf16`, and T is not
    /// `f32`.
    pub fn new(backend: Backend) -> Self {
        assert!(backend.is_available(), "backend {backend:?} on a processor of level {:?}", simd_level());
        assert!(
            backend != Backend::Bf16 || T::BF16.is_some(),
            "backend Bf16 for elements of {} bytes",
            T::BYTES
        );
        Self { backend, scratch: AlignedVec::default(), pairs: AlignedVec::default() }
    }

    /// The share of the multiply-adds of A times a matrix of n columns that this backend skips, since A is 0 there; for
    /// bf16, since both elements of a pair are 0
    ///
    /// It is 0 if the backend skips none, as it does if A has few zeros. All of A is read: this is for measurements,
    /// not for training.
    pub fn skipped(&self, a: View<'_, T>, n: usize) -> f64 {
        match self.backend {
            Backend::Matrixmultiply => 0.0,
            Backend::Fused => Kernel::skipped(a, n),
            Backend::Bf16 => {
                let Some(bf16) = T::BF16 else { unreachable!("`new` checks the type") };
                (bf16.zeros)(a, n)
            }
        }
    }

    /// `Y ← f(X W + 1 bᵀ)`; the old content of Y is not read: it may be NaN
    ///
    /// The order in which an element is summed depends on the shape alone, so the result does not depend on the number
    /// of threads. The fused backend gives the same bits with AVX2 and AVX-512. `matrixmultiply` sums in another
    /// order and so differs by rounding: before f, both are within `(d_in + 2) ε (|b[j]| + Σₚ |X[i,p] W[p,j]|)` of the
    /// exact value, to first order (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, section 3.1). In
    /// the fused backend, 0 in X times an infinite W may be 0 instead of NaN, since zeros are skipped if X has many.
    ///
    /// # Panics
    /// If the shapes don't fit each other, or X or W is transposed.
    #[track_caller]
    pub fn affine(
        &mut self,
        x: View<'_, T>,
        w: View<'_, T>,
        b: &[T],
        f: impl Into<Epilogue<T>>,
        mut y: ViewMut<'_, T>,
    ) {
        let f = f.into();
        let ((m, k), (k2, n)) = (x.shape(), w.shape());
        assert!(
            k == k2 && b.len() == n && y.shape() == (m, n),
            "affine: {m}×{k} by {k2}×{n} plus {} into {:?}",
            b.len(),
            y.shape()
        );
        assert!(x.is_row_major() && w.is_row_major(), "affine: a transposed operand");
        match self.backend {
            Backend::Fused => fused::forward(x, w, b, f, y.data_mut(), &mut self.scratch),
            Backend::Matrixmultiply => unfused::forward(x, w, b, f, y.data_mut()),
            Backend::Bf16 => {
                let Some(bf16) = T::BF16 else { unreachable!("`new` checks the type") };
                (bf16.forward)(x, w, b, f, y.data_mut(), &mut self.scratch, &mut self.pairs);
            }
        }
    }

    /// The gradients of [`Self::affine`], given `dy = ∂L/∂(X W + 1 bᵀ)`
    ///
    /// * `dx ← (dY Wᵀ) ∘ f'`, with W as it is before its step; f' is the derivative of the epilogue that made X,
    ///   computed from X; the old content of `dx` is not read
    /// * `∂L/∂W = Xᵀ dY` and `∂L/∂b = Σᵢ dY[i,:]` go where `gradient` says
    /// * 0 in X or dY times a value that is infinite or NaN may be 0 instead of NaN, as in [`Self::affine`]
    /// * a step gives the same bits as storing the gradients and then calling [`sgd`](crate::sgd) or
    ///   [`adamw`](crate::adamw)
    ///
    /// # Panics
    /// If the shapes don't fit each other, or X or dY is transposed.
    #[track_caller]
    pub fn affine_backward(
        &mut self,
        x: View<'_, T>,
        dy: View<'_, T>,
        w: &mut [T],
        dx: Option<(&mut [T], Epilogue<T>)>,
        gradient: Gradient<'_, T>,
    ) {
        let ((m, k), (m2, n)) = (x.shape(), dy.shape());
        assert!(
            m == m2 && w.len() == k * n && dx.as_ref().is_none_or(|(dx, _)| dx.len() == m * k),
            "affine_backward: x {m}×{k}, dy {m2}×{n}, w {}, dx {:?}",
            w.len(),
            dx.map(|(dx, _)| dx.len())
        );
        assert!(
            gradient.fits(k * n, n),
            "affine_backward: gradients, velocities or moments don't fit {k}×{n}"
        );
        assert!(x.is_row_major() && dy.is_row_major(), "affine_backward: a transposed operand");
        match self.backend {
            Backend::Fused => {
                let operands = Operands { to_w: dy, to_x: dy };
                fused::backward(x, dy, operands, w, dx, gradient, &mut self.scratch);
            }
            Backend::Matrixmultiply => unfused::backward(x, dy, w, dx, gradient, &mut self.scratch),
            Backend::Bf16 => {
                let Some(bf16) = T::BF16 else { unreachable!("`new` checks the type") };
                (bf16.backward)(x, dy, w, dx, gradient, &mut self.scratch, &mut self.pairs);
            }
        }
    }
}
