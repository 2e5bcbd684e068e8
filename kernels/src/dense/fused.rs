//! The fused backend: one task computes a block and applies bias, activation, dropout or the optimizer's step to it
//! while it is in cache
//!
//! `matrixmultiply` packs both operands of each product, and each further pass over memory takes as long again
//! (docs/engine.md, row "packing in every product"). Here one thread completes each block:
//!
//! * forward: a block of Y starts from the bias; its product is added, and then activation and dropout are applied
//! * backward: a task has some rows of W. It computes the same columns of dX from their transpose, and multiplies them
//!   by the derivative of activation and dropout. Then it computes the same rows of ∂L/∂W, and applies the step to these
//!   rows of W: that of SGD while the gradients are in registers, that of AdamW right after, while they are in cache. One
//!   parallel loop computes all gradients of a layer.
//!
//! Each product of a task is computed by the [`Kernel`] that suits its left operand: tiles, or rows that skip zeros.
//!
//! Which core computes what matters as much, since reading a line that another core wrote last is slow (docs/engine.md,
//! row "line of another core"). A core keeps its rows of W from step to step. Where W is long and narrow, the
//! forward product too is divided along these rows ([`inner_blocks`]): each core multiplies the columns of X that it
//! has gathered by its rows of W, and only partial sums and ∂L/∂Y go from core to core.

use std::ops::Range;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::aligned::{AlignedVec, whole_lines};
use crate::cpu::simd_level::multiversion;
use crate::dense::gradient::{Gradient, InputGradient};
use crate::elementwise::adamw::{self, AdamWStep, LayerAdamW};
use crate::elementwise::epilogue::Epilogue;
use crate::elementwise::reduce::sum_rows;
use crate::elementwise::sgd::{SgdRule, SgdStep, sgd};
use crate::gemm::blocking::{NR, is_far};
use crate::gemm::dispatch::Operand;
use crate::gemm::kernel::{Kernel, block_columns};
use crate::gemm::{Gemm, Update};
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::{SendPtr, parallel_for_work};
use crate::threads::partition::{MAX_TASKS, Partition, UNIT, inner_blocks};
use crate::view::View;

/// Rows of Y in a block of tiles: a multiple of MR on both AVX2 and AVX-512 (docs/engine.md, row "rows of a block of
/// tiles")
const DENSE_ROWS: usize = 24;
/// Rows of Y in a block that skips zeros: enough rows to amortise loading a block of W into L1 (docs/engine.md, row
/// "rows of a block that skips zeros")
const SKIP_ROWS: usize = 64;
/// Rows of Y in a block that skips zeros, if the block of W is packed first (docs/engine.md, row "rows of a packed
/// block")
const PACKED_SKIP_ROWS: usize = 128;
/// Work of adding one element of a partial sum, in multiply-adds of a product (docs/engine.md, row "adding partial
/// sums")
const ADD_WORK: usize = 16;

/// `n` columns rounded up to whole vectors of AVX-512 in f32, since tiles compute whole vectors
fn lanes(n: usize) -> usize {
    n.next_multiple_of(NR / 2)
}

/// `Y ← f(X W + 1 bᵀ)`; the caller checks the shapes
pub(super) fn forward<O: Operand>(
    x: View<'_, O>,
    w: View<'_, O::Sum>,
    b: &[O::Sum],
    f: Epilogue<O::Sum>,
    y: &mut [O::Sum],
    scratch: &mut AlignedVec<O::Sum>,
) {
    let ((m, k), n) = (x.shape(), w.shape().1);
    if y.is_empty() {
        return;
    }
    // Partial sums go from core to core, and weights stay on their core: this pays while there are fewer sums than
    // weights.
    let blocks =
        if 2 * m <= k && !is_far::<O>(n) { inner_blocks(k) } else { Partition::into_parts(1, k, UNIT) };
    let is_whole = blocks.count() == 1;
    // The first block starts from the bias, so that afterwards the blocks only have to be added.
    let product = |block: usize, to: *mut O::Sum| {
        let depth = blocks.range(block);
        let numbers = depth.start * O::NUMBERS..(depth.end * O::NUMBERS).min(w.shape().0);
        let (x, w) = (x.data().as_ptr(), w.data().as_ptr().cast::<O>());
        let (x, w) = (x.wrapping_add(depth.start), w.wrapping_add(numbers.start * n));
        Gemm {
            numbers: numbers.len(),
            b_unrounded: O::NUMBERS > 1,
            c_init: if block == 0 { b.as_ptr() } else { ptr::null() },
            ..Gemm::new(depth.len(), x, k, w, n, to.wrapping_add(block * m * n))
        }
    };
    let tasks = |kernel: Kernel| {
        let columns = if kernel == Kernel::SkipZeros { block_columns::<O>() } else { NR };
        let max = MAX_TASKS / blocks.count();
        let cols = Partition::by_work(n, columns, m * k, max);
        let rows = match kernel {
            Kernel::Dense if is_whole => Partition::by_work(m, DENSE_ROWS, lanes(n) * k, max / cols.count()),
            Kernel::Dense => Partition::into_parts(1, m, DENSE_ROWS),
            Kernel::SkipZeros => {
                let unit = if n > columns { PACKED_SKIP_ROWS } else { SKIP_ROWS };
                Partition::by_work(m, unit, n * k, max / cols.count())
            }
        };
        let longest = Gemm { k: blocks.longest(), ..product(0, ptr::null_mut()) };
        (cols, rows, whole_lines::<O>(longest.scratch_len(rows.longest(), kernel)))
    };
    let sums_len = if is_whole { 0 } else { whole_lines::<O>(blocks.count() * m * n) };
    // Enough for both kernels, since the next batch may need the other one.
    let len = |kernel| {
        let (cols, rows, each) = tasks(kernel);
        sums_len + blocks.count() * cols.count() * rows.count() * each
    };
    scratch.set_len(len(Kernel::Dense).max(len(Kernel::SkipZeros)));
    let (sums, scratch) = scratch.split_at_mut(sums_len);
    let kernel = Kernel::choose(x, n);
    let (cols, rows, each) = tasks(kernel);
    let tasks_of_block = cols.count() * rows.count();
    let scratch = SendPtr(scratch.as_mut_ptr());
    let to = SendPtr(if is_whole { y.as_mut_ptr() } else { sums.as_mut_ptr() });
    parallel_for_work(blocks.count() * tasks_of_block, m * k * lanes(n), |i| {
        let (block, at) = (i / tasks_of_block, i % tasks_of_block);
        let (cols, rows) = (cols.range(at / rows.count()), rows.range(at % rows.count()));
        // SAFETY: this processor has the kernels (`DenseKernels::new` checks that). `View`s cover their shapes, b has n
        // elements and Y m × n (the caller checks that), as has each block of the partial sums; all are borrowed until
        // the loop ends. Tasks of different i share no element of these and no scratch, and each runs once.
        unsafe {
            let scratch = scratch.get().add(i * each);
            product(block, to.get()).compute_block(rows.clone(), cols, kernel, scratch, |cols| {
                if is_whole {
                    let first = rows.start * n + cols.start;
                    f.forward_block(BlockMut::new(to.get().add(first), rows.len(), n, cols.len()), first);
                }
            });
        }
    });
    if !is_whole {
        add_blocks(&sums[..blocks.count() * m * n], blocks.count(), f, y, n);
    }
}

/// `Y ← f(sum of the blocks)`, added in their order; Y has n columns
fn add_blocks<T: Number>(sums: &[T], blocks: usize, f: Epilogue<T>, y: &mut [T], n: usize) {
    let len = y.len();
    let rows = Partition::by_work(len / n.max(1), 1, ADD_WORK * blocks * n, MAX_TASKS);
    let y = SendPtr(y.as_mut_ptr());
    parallel_for_work(rows.count(), ADD_WORK * blocks * len, |i| {
        let rows = rows.range(i);
        let at = rows.start * n..rows.end * n;
        // SAFETY: only this task accesses these rows of Y, which has `len` elements and is borrowed until the loop ends.
        let y = unsafe { std::slice::from_raw_parts_mut(y.get().add(at.start), at.len()) };
        add_rows(y, sums, len, at.start);
        f.forward_block(BlockMut::one_row(y), at.start);
    });
}
multiversion! {
    /// `y[i] ←` the sum of `sums[at + i]`, `sums[at + i + stride]`, …, in this order
    fn add_rows<T>(y: &mut [T], sums: &[T], stride: usize, at: usize) {
        let len = y.len();
        let block = |b: usize| &sums[b * stride + at..][..len];
        match sums.len() / stride {
            2 => y.iter_mut().zip(block(0)).zip(block(1)).for_each(|((y, &a), &b)| *y = a + b),
            4 => {
                let rest = block(2).iter().zip(block(3));
                let all = y.iter_mut().zip(block(0)).zip(block(1)).zip(rest);
                all.for_each(|(((y, &a), &b), (&c, &d))| *y = a + b + c + d);
            }
            count => {
                y.copy_from_slice(block(0));
                for b in 1..count {
                    y.iter_mut().zip(block(b)).for_each(|(y, &x)| *y += x);
                }
            }
        }
    }
}

/// ∂L/∂Y as operands of both products of a backward pass
pub(super) struct Operands<'a, O> {
    /// dY for `∂L/∂W = Xᵀ dY`
    pub to_w: View<'a, O>,
    /// dY for `dX = dY Wᵀ`
    pub to_x: View<'a, O>,
}

/// What a task does with its rows and columns of ∂L/∂W
enum ForWeights<T> {
    /// It stores them here.
    Store(SendPtr<T>),
    /// It applies a step of SGD, with velocities unless the pointer is null.
    Sgd(SgdRule<T>, SendPtr<T>),
    /// It stores them in scratch, and applies a step of AdamW with these first and second moments.
    AdamW { step: AdamWStep<T>, moments: [SendPtr<T>; 2], dw: SendPtr<T> },
}

/// What the last task does with ∂L/∂b, in addition to computing it
enum ForBias<'a, T> {
    /// It is only stored.
    Store,
    /// A step of SGD of b, with velocities unless they are empty
    Sgd(SgdRule<T>, &'a mut [T], &'a mut [T]),
    /// A step of AdamW of b, with these first and second moments
    AdamW(AdamWStep<T>, &'a mut [T], [&'a mut [T]; 2]),
}

impl<T: Number> ForBias<'_, T> {
    fn apply(&mut self, db: &[T]) {
        match self {
            Self::Store => {}
            Self::Sgd(rule, b, vb) => sgd(*rule, b, vb, db),
            Self::AdamW(step, b, [m, v]) => adamw::update(*step, b, m, v, db),
        }
    }
}

/// Applies a step of AdamW to rows `rows` and columns `cols` of W, which has n columns, as have its moments and gradients
///
/// # Safety
/// W, both moments and the gradients `g` have these rows and columns, valid for reading and, except for `g`, for writing.
/// No two of the four overlap, and no other thread accesses these elements.
unsafe fn adamw_block<T: Number>(
    step: AdamWStep<T>,
    [w, m, v]: [*mut T; 3],
    n: usize,
    (rows, cols): (Range<usize>, Range<usize>),
    g: *const T,
) {
    // Whole rows are contiguous.
    let (lines, len) = if cols.len() == n { (1, rows.len() * n) } else { (rows.len(), cols.len()) };
    for line in 0..lines {
        let at = (rows.start + line) * n + cols.start;
        // SAFETY: the elements lie in these rows and columns.
        unsafe {
            let [w, m, v] = [w, m, v].map(|to| std::slice::from_raw_parts_mut(to.add(at), len));
            adamw::update(step, w, m, v, std::slice::from_raw_parts(g.add(at), len));
        }
    }
}

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b; the caller checks the shapes
pub(super) fn backward<O: Operand>(
    x: View<'_, O::Sum>,
    dy: View<'_, O::Sum>,
    operands: Operands<'_, O>,
    w: &mut [O::Sum],
    dx: Option<InputGradient<'_, O::Sum>>,
    gradient: Gradient<'_, O::Sum>,
    scratch: &mut AlignedVec<O::Sum>,
) {
    let ((m, k), n) = (x.shape(), dy.shape().1);
    let products = 1 + usize::from(dx.is_some());
    let w = SendPtr(w.as_mut_ptr());
    let dx = dx.map(|(dx, f)| (SendPtr(dx.as_mut_ptr()), f));
    let Operands { to_w: dy_to_w, to_x: dy_to_x } = operands;
    let unrounded = O::NUMBERS > 1;
    let to_x = |dx: *mut O::Sum| Gemm {
        numbers: n,
        b_stride: n,
        b_transposed: true,
        b_unrounded: unrounded,
        ..Gemm::new(
            dy_to_x.shape().1,
            dy_to_x.data().as_ptr(),
            dy_to_x.shape().1,
            w.get().cast_const().cast(),
            k,
            dx,
        )
    };
    let to_w = |dw: *mut O::Sum, update: Option<Update<O::Sum>>| Gemm {
        numbers: m,
        a_transposed: true,
        a_unrounded: unrounded,
        update,
        ..Gemm::new(dy_to_w.shape().0, x.data().as_ptr().cast(), k, dy_to_w.data().as_ptr(), n, dw)
    };
    let tasks = |for_x: Kernel, for_w: Kernel| {
        // A task has whole blocks of columns of dX, and enough rows of W for packing dY to pay.
        let block = block_columns::<O>();
        let unit = match (for_x, for_w) {
            (Kernel::SkipZeros, _) if k >= 4 * block => block,
            (Kernel::SkipZeros, _) => block / 2,
            (_, Kernel::SkipZeros) if n > block => block / 2,
            _ => NR,
        };
        let rows = Partition::by_work(k, unit, m * lanes(n) * products, MAX_TASKS);
        // Without dX, whose columns need whole rows of W, tiles of few rows of W are divided by columns, too.
        let max = if dx.is_none() && for_w == Kernel::Dense { MAX_TASKS / rows.count() } else { 1 };
        let cols = Partition::by_work(n, NR, m * k, max);
        let x_len = if dx.is_some() { to_x(ptr::null_mut()).scratch_len(m, for_x) } else { 0 };
        let w_len = to_w(ptr::null_mut(), None).scratch_len(rows.longest(), for_w);
        (rows, cols, whole_lines::<O>(x_len.max(w_len)))
    };
    // Enough for all kernels, since the next batch may need others.
    let kernels = [Kernel::Dense, Kernel::SkipZeros];
    let pairs = kernels.map(|for_x| kernels.map(|for_w| (for_x, for_w)));
    let lens = pairs.as_flattened().iter().map(|&(for_x, for_w)| {
        let (rows, cols, each) = tasks(for_x, for_w);
        rows.count() * cols.count() * each
    });
    let len = lens.max().unwrap_or(0);
    let for_x = if dx.is_some() { Kernel::choose(dy_to_x, k) } else { Kernel::Dense };
    let for_w = Kernel::choose_for_rows::<O>(x, n);
    let (rows, cols, each) = tasks(for_x, for_w);
    let dw_len = if matches!(gradient, Gradient::AdamW { .. }) { whole_lines::<O>(k * n) } else { 0 };
    scratch.set_len(len + dw_len + n);
    let (scratch, gradients) = scratch.split_at_mut(len);
    let (dw_scratch, db_scratch) = gradients.split_at_mut(dw_len);
    let scratch = SendPtr(scratch.as_mut_ptr());
    let (for_weights, db, for_bias) = match gradient {
        Gradient::Store { dw, db } => (ForWeights::Store(SendPtr(dw.as_mut_ptr())), db, ForBias::Store),
        Gradient::Sgd { b, step: SgdStep { rule, bias_rule, vw, vb } } => {
            let v = if vw.is_empty() { ptr::null_mut() } else { vw.as_mut_ptr() };
            (ForWeights::Sgd(rule, SendPtr(v)), db_scratch, ForBias::Sgd(bias_rule, b, vb))
        }
        Gradient::AdamW { b, step: LayerAdamW { constants, bias_constants, moments, bias_moments } } => {
            let moments = moments.map(|moments| SendPtr(moments.as_mut_ptr()));
            let dw = SendPtr(dw_scratch.as_mut_ptr());
            let for_weights = ForWeights::AdamW { step: constants, moments, dw };
            (for_weights, db_scratch, ForBias::AdamW(bias_constants, b, bias_moments))
        }
    };
    let bias = Mutex::new((db, for_bias));
    // The last task computes the gradient of the bias and its step, which are too little work for a loop of their own.
    let count = rows.count() * cols.count();
    parallel_for_work(count + 1, products * m * k * lanes(n), |i| {
        if i == count {
            let (db, for_bias) = &mut *bias.lock().unwrap_or_else(PoisonError::into_inner);
            sum_rows(dy.data(), db);
            for_bias.apply(db);
            return;
        }
        let (rows, cols) = (rows.range(i / cols.count()), cols.range(i % cols.count()));
        let scratch = scratch.get().wrapping_add(i * each);
        if let Some((dx, f)) = &dx {
            // SAFETY: this processor has the kernels (`DenseKernels::new` checks that). Only this task reads these rows
            // of W, k × n, and it writes them only below. Only this task accesses the columns of dX, m × k, that they
            // give, and its scratch. All are borrowed until the loop ends.
            unsafe {
                to_x(dx.get()).compute_block(0..m, rows.clone(), for_x, scratch, |cols| {
                    let block = BlockMut::new(dx.get().add(cols.start), m, k, cols.len());
                    f.backward_block(block, x.data(), k, cols);
                });
            }
        }
        let product = match &for_weights {
            ForWeights::Store(dw) | ForWeights::AdamW { dw, .. } => to_w(dw.get(), None),
            ForWeights::Sgd(rule, v) => to_w(w.get(), Some(Update { rule: *rule, v: v.get() })),
        };
        // SAFETY: as above: only this task accesses these rows and columns of ∂L/∂W, of W, of the velocities, which have
        // the shape of W or are null, and of the moments, which have the shape of W. The columns are all of W's if there
        // is a dX.
        unsafe {
            product.compute_block(rows.clone(), cols.clone(), for_w, scratch, |_| ());
            if let ForWeights::AdamW { step, moments: [m, v], dw } = &for_weights {
                adamw_block(*step, [w.get(), m.get(), v.get()], n, (rows, cols), dw.get());
            }
        }
    });
}
