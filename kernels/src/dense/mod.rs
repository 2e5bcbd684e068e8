//! An affine map of the rows of a matrix with what follows it, and its gradients, by one of two engines
//!
//! `Y = f(X W + 1 bᵀ)`; X: m × d_in, W: d_in × d_out, b: d_out, Y: m × d_out.
//!
//! The fused engine (`fused.rs`) computes products by own kernels and does all that follows one while its result
//! is in registers or near. The other one is `matrixmultiply` with separate passes:
//! for processors without AVX2, and as what the fused one is held against.

use crate::aligned::room;
use crate::elementwise::activation::{Activation, fill_rows};
use crate::elementwise::sgd::{SgdStep, sgd};
use crate::{Scalar, SimdLevel, View, ViewMut, gemm, simd_level, sum_rows};

mod fused;
pub(crate) mod unfused;

/// Who computes products
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Own kernels with everything fused into them; needs AVX2 with FMA, or AVX-512
    Fused,
    /// The crate `matrixmultiply`, and a pass over memory for everything else; runs anywhere
    Matrixmultiply,
}

impl Backend {
    /// The fastest that this processor has
    pub fn auto() -> Self {
        if Self::Fused.is_available() { Self::Fused } else { Self::Matrixmultiply }
    }

    /// Whether this processor has what it needs
    pub fn is_available(self) -> bool {
        self == Self::Matrixmultiply || simd_level() > SimdLevel::Portable
    }
}

/// An engine with room for what it keeps between its passes: grown as needed, so that a second pass allocates nothing
#[derive(Debug)]
pub struct DenseKernels<T> {
    kind: Backend,
    scratch: Vec<T>,
}

/// What becomes of the gradients of W and b
#[derive(Debug)]
pub enum Gradient<'a, T> {
    /// `dw ← ∂L/∂W`, `db ← ∂L/∂b`; the old content is not read
    Store {
        /// d_in × d_out
        dw: &'a mut [T],
        /// d_out
        db: &'a mut [T],
    },
    /// W and b make a step of SGD ([`sgd`]), and the gradients are not kept
    Step {
        /// d_out
        b: &'a mut [T],
        /// The constants, and the velocities of W and b
        step: SgdStep<'a, T>,
    },
}

impl<T: Scalar> Default for DenseKernels<T> {
    fn default() -> Self {
        Self::new(Backend::auto())
    }
}

impl<T: Scalar> DenseKernels<T> {
    /// Without any room yet
    ///
    /// # Panics
    /// If this processor does not have what the engine needs: ask [`Backend::is_available`].
    pub fn new(kind: Backend) -> Self {
        assert!(kind.is_available(), "{kind:?} engine on a processor of level {:?}", simd_level());
        Self { kind, scratch: Vec::new() }
    }

    /// Which one it is
    pub fn kind(&self) -> Backend {
        self.kind
    }

    /// `Y ← f(X W + 1 bᵀ)`; the old content of Y is not read: it may be NaN
    ///
    /// Each element is summed in an order that depends on the shape alone, so the result does not depend on the
    /// number of threads. The fused engine gives the same bits with AVX2 and AVX-512. The engines sum in different
    /// orders and so differ by rounding: before f, each is within `(d_in + 2) ε (|b[j]| + Σₚ |X[i,p] W[p,j]|)` of
    /// the exact value, to first order (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, section 3.1).
    /// In the fused engine, 0 in X times an infinite W may count as 0 instead of NaN: it passes over zeros where
    /// X has many.
    ///
    /// # Panics
    /// If the shapes don't fit each other, or X or W is transposed.
    #[track_caller]
    pub fn affine(&mut self, x: View<'_, T>, w: View<'_, T>, b: &[T], f: Activation, mut y: ViewMut<'_, T>) {
        let ((m, k), (k2, n)) = (x.shape(), w.shape());
        assert!(
            k == k2 && b.len() == n && y.shape() == (m, n),
            "affine: {m}×{k} by {k2}×{n} plus {} into {:?}",
            b.len(),
            y.shape()
        );
        assert!(x.is_row_major() && w.is_row_major(), "affine: a transposed operand");
        match self.kind {
            Backend::Fused => fused::affine(x, w, b, f, y.data_mut(), &mut self.scratch),
            Backend::Matrixmultiply => {
                fill_rows(y.data_mut(), b);
                gemm(T::ONE, x, w, T::ONE, ViewMut::new(y.data_mut(), m, n));
                f.forward(y.data_mut());
            }
        }
    }

    /// The gradients of [`Self::affine`], given `dy = ∂L/∂(X W + 1 bᵀ)`
    ///
    /// * `dx ← (dY Wᵀ) ∘ f'`, with the W before its step and the derivative of the map that made X, taken at X;
    ///   the old content is not read
    /// * `∂L/∂W = Xᵀ dY` and `∂L/∂b = Σᵢ dY[i,:]` become what `gradient` says
    /// * 0 in X or dY times what is not finite may count as 0, as in [`Self::affine`]
    /// * a step gives the same bits as storing the gradients and then calling [`sgd`]
    ///
    /// # Panics
    /// If the shapes don't fit each other, or X or dY is transposed.
    #[track_caller]
    pub fn affine_backward(
        &mut self,
        x: View<'_, T>,
        dy: View<'_, T>,
        w: &mut [T],
        dx: Option<(&mut [T], Activation)>,
        gradient: Gradient<'_, T>,
    ) {
        let ((m, k), (m2, n)) = (x.shape(), dy.shape());
        assert!(
            m == m2 && w.len() == k * n && dx.as_ref().is_none_or(|(dx, _)| dx.len() == m * k),
            "affine_backward: x {m}×{k}, dy {m2}×{n}, w {}, dx {:?}",
            w.len(),
            dx.map(|(dx, _)| dx.len())
        );
        let fits = |len: usize, want: usize| len == want || len == 0;
        assert!(
            match &gradient {
                Gradient::Store { dw, db } => dw.len() == w.len() && db.len() == n,
                Gradient::Step { b, step } =>
                    b.len() == n && fits(step.vw.len(), w.len()) && fits(step.vb.len(), n),
            },
            "affine_backward: gradients or velocities don't fit {k}×{n}"
        );
        assert!(x.is_row_major() && dy.is_row_major(), "affine_backward: a transposed operand");
        match self.kind {
            Backend::Fused => fused::backward(x, dy, w, dx, gradient, &mut self.scratch),
            Backend::Matrixmultiply => self.backward_in_passes(x, dy, w, dx, gradient),
        }
    }

    fn backward_in_passes(
        &mut self,
        x: View<'_, T>,
        dy: View<'_, T>,
        w: &mut [T],
        dx: Option<(&mut [T], Activation)>,
        gradient: Gradient<'_, T>,
    ) {
        let ((m, k), n) = (x.shape(), dy.shape().1);
        if let Some((dx, f)) = dx {
            gemm(T::ONE, dy, View::new(w, k, n).t(), T::ZERO, ViewMut::new(dx, m, k));
            f.backward(dx, x.data());
        }
        let store = |dw: &mut [T], db: &mut [T]| {
            gemm(T::ONE, x.t(), dy, T::ZERO, ViewMut::new(dw, k, n));
            sum_rows(dy.data(), db);
        };
        match gradient {
            Gradient::Store { dw, db } => store(dw, db),
            Gradient::Step { b, step: SgdStep { rule, vw, vb } } => {
                let (dw, db) = room(&mut self.scratch, (k + 1) * n).split_at_mut(k * n);
                store(dw, db);
                sgd(rule, w, vw, dw);
                sgd(rule, b, vb, db);
            }
        }
    }
}
