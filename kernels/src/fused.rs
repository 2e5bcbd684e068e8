//! The fused engine: register tiles over pieces of a layer's matrices, and what follows them while it is in L1
//!
//! `matrixmultiply` packs both operands of each product, which in a training step takes a third as long as the
//! arithmetic, and every pass over memory beside the products costs as much again. Here each piece of a result is
//! made, finished and left by one thread:
//!
//! * forward: a piece of Y gets its bias as the start value, its product, and its activation
//! * backward: a piece is some rows of W. They are transposed into scratch, give those columns of dX, which get
//!   the activation's derivative; then come the same rows of ∂L/∂W, which are spent on the update of these rows of W
//!   in registers. One parallel loop does all of a layer.
//!
//! Which numbers a core touches matters as much: a line that another core wrote last costs ten times one in the
//! own L2. A core keeps its rows of W from step to step. Where W is long and narrow, the forward product too is cut
//! along these rows ([`blocks`]): each core multiplies the columns of X that it has gathered by its rows of W, and
//! only partial sums and ∂L/∂Y go from core to core.

use std::ops::Range;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::cut::{Cut, PIECES_MAX, blocks};
use crate::dispatch::multiversion;
use crate::elementwise::Map;
use crate::engine::{Gradient, room};
use crate::sgd::{SgdRule, sgd};
use crate::strip::Strip;
use crate::team::{SendPtr, parallel_for_work};
use crate::{Scalar, View, sum_rows};

/// Columns a piece of Y or dX is cut by: two vectors of AVX-512 in f32, two cache lines
const COLUMNS: usize = 32;
/// Rows a piece of Y is cut by: a multiple of both tiles' heights
const ROWS: usize = 24;
/// Rows so far apart, bytes, are each on a page of their own and fall into the same few sets of the caches:
/// they are packed. Big's products gain 10 to 40 % by it; at 512 columns of f32, half of this, wide's would
/// lose 5 to 15 %.
const PAGE: usize = 4096;
/// A panel is worth packing when at least so many rows run over it: two tiles of AVX-512 pay for the copy
/// many times
const PANEL_MIN_USES: usize = 32;
/// What adding up a number of a partial sum counts as, in multiply-adds of a product: it is bound by the caches
const ADD_WORK: usize = 16;

/// Where a product's operands lie; strides count elements
#[derive(Debug)]
pub struct Operands<T> {
    /// Inner dimension
    pub(crate) k: usize,
    /// A, m × k, as it lies or as a transposed matrix
    pub(crate) a: *const T,
    /// From row to row of A or, if it is transposed, from column to column; the other stride is 1
    pub(crate) a_stride: usize,
    /// Whether A's columns are contiguous, and not its rows
    pub(crate) a_transposed: bool,
    /// B, k × n, each row contiguous
    pub(crate) b: *const T,
    /// From row to row of B
    pub(crate) b_stride: usize,
    /// C, m × n, each row contiguous
    pub(crate) c: *mut T,
    /// From row to row of C
    pub(crate) c_stride: usize,
    /// Start value of each column, n numbers; null for 0
    pub(crate) bias: *const T,
    /// If there is one, C holds weights, and the product is their gradient
    pub(crate) update: Option<Update<T>>,
}

/// A step of SGD that a product is spent on
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update<T> {
    /// η, μ, λ
    pub rule: SgdRule<T>,
    /// Velocities, laid out as C; null if there is no momentum
    pub v: *mut T,
}

/// `Y ← f(X W + 1 bᵀ)`; shapes were checked by the caller
pub(crate) fn affine<T: Scalar>(
    x: View<'_, T>,
    w: View<'_, T>,
    b: &[T],
    f: Map,
    y: &mut [T],
    scratch: &mut Vec<T>,
) {
    let ((m, k), n) = (x.shape(), w.shape().1);
    // Partial sums pay while they are fewer than the weights that stay where they are.
    if blocks(k).count() > 1 && 2 * m <= k && n * T::BYTES < PAGE {
        return affine_by_blocks(x, w, b, f, y, scratch);
    }
    let cols = Cut::worth(n, COLUMNS, m * k, PIECES_MAX);
    let rows = Cut::worth(m, ROWS, n * k, PIECES_MAX / cols.count());
    let pieces = cols.count() * rows.count();
    // Rows of W far apart are gathered into a panel that many rows of X then run over.
    let packed = n * T::BYTES >= PAGE && m >= PANEL_MIN_USES;
    let panel = if packed { k * COLUMNS } else { 0 };
    let panels = SendPtr::new(room(scratch, pieces * panel).as_mut_ptr());
    let y = SendPtr::new(y.as_mut_ptr());
    parallel_for_work(pieces, m * k * n, |i| {
        let (rows, cols) = (rows.piece(i % rows.count()), cols.piece(i / rows.count()));
        let step = if packed { COLUMNS } else { cols.len().max(1) };
        for first in cols.clone().step_by(step) {
            let width = step.min(cols.end - first);
            let mut p = product(x, 0..k, w, y.get(), b.as_ptr());
            // SAFETY: `View`s cover what their shapes say, b has n numbers and Y m × n (checked by the caller),
            // borrowed until the loop ends. Pieces of different i share no element of Y and no panel, each is
            // computed once, and a panel has k times `COLUMNS` numbers.
            let strip = unsafe {
                if packed {
                    let panel = panels.get().add(i * panel);
                    T::pack(w.as_ptr().add(first), n, k, width, panel);
                    (p.b, p.b_stride) = (panel.wrapping_sub(first), width);
                }
                T::tiles(&p, rows.clone(), first..first + width);
                Strip::new(y.get().add(rows.start * n + first), rows.len(), n, width)
            };
            f.forward_strip(strip);
        }
    });
}

/// The same as a sum over the blocks of d_in, added in their order
fn affine_by_blocks<T: Scalar>(
    x: View<'_, T>,
    w: View<'_, T>,
    b: &[T],
    f: Map,
    y: &mut [T],
    scratch: &mut Vec<T>,
) {
    let ((m, k), n) = (x.shape(), w.shape().1);
    let blocks = blocks(k);
    let cols = Cut::worth(n, COLUMNS, m * k, PIECES_MAX / blocks.count());
    let partial = room(scratch, blocks.count() * m * n);
    let start = SendPtr::new(partial.as_mut_ptr());
    parallel_for_work(blocks.count() * cols.count(), m * k * n, |i| {
        let (block, cols) = (i / cols.count(), cols.piece(i % cols.count()));
        // The first block starts from the bias, so that adding up is all that is left to do.
        let bias = if block == 0 { b.as_ptr() } else { ptr::null() };
        // SAFETY: as in `affine`, with the block's m × n numbers of `partial`, which has so many for each, as Y.
        unsafe {
            let p = product(x, blocks.piece(block), w, start.get().add(block * m * n), bias);
            T::tiles(&p, 0..m, cols);
        }
    });
    let rows = Cut::worth(m, 1, ADD_WORK * blocks.count() * n, PIECES_MAX);
    let (y, partial) = (SendPtr::new(y.as_mut_ptr()), &*partial);
    parallel_for_work(rows.count(), ADD_WORK * blocks.count() * m * n, |i| {
        let rows = rows.piece(i);
        let at = rows.start * n..rows.end * n;
        // SAFETY: these rows of Y, which is m × n and borrowed until the loop ends, are this piece's alone.
        let y = unsafe { std::slice::from_raw_parts_mut(y.get().add(at.start), at.len()) };
        add_blocks(y, partial, m * n, at.start);
        f.forward_strip(Strip::whole(y));
    });
}
multiversion! {
    /// `y[i] ←` the sum of `partial[at + i]`, `partial[at + i + stride]`, …, in this order
    fn add_blocks<T>(y: &mut [T], partial: &[T], stride: usize, at: usize) {
        let len = y.len();
        let block = |b: usize| &partial[b * stride + at..][..len];
        match partial.len() / stride {
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

/// Columns `depth` of X by rows `depth` of W into C, which is as wide as W
fn product<T: Scalar>(
    x: View<'_, T>,
    depth: Range<usize>,
    w: View<'_, T>,
    c: *mut T,
    bias: *const T,
) -> Operands<T> {
    let n = w.shape().1;
    Operands {
        k: depth.len(),
        a: x.as_ptr().wrapping_add(depth.start),
        a_stride: x.strides().0,
        a_transposed: false,
        b: w.as_ptr().wrapping_add(depth.start * n),
        b_stride: n,
        c,
        c_stride: n,
        bias,
        update: None,
    }
}

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b as asked for; shapes were checked by the caller
pub(crate) fn backward<T: Scalar>(
    x: View<'_, T>,
    dy: View<'_, T>,
    w: &mut [T],
    dx: Option<(&mut [T], Map)>,
    gradient: Gradient<'_, T>,
    scratch: &mut Vec<T>,
) {
    let ((m, k), n) = (x.shape(), dy.shape().1);
    let products = 1 + usize::from(dx.is_some());
    let cut = Cut::worth(k, COLUMNS, m * n * products, PIECES_MAX);
    let packed = k * T::BYTES >= PAGE && m >= PANEL_MIN_USES;
    // Of each piece: some rows of W transposed, or some columns of dY; and its columns of X
    let panel = n.max(m) * COLUMNS;
    let columns = if packed { m * (k.div_ceil(cut.count()) + COLUMNS) } else { 0 };
    let (rooms, db_room) =
        room(scratch, cut.count() * (panel + columns) + n).split_at_mut(cut.count() * (panel + columns));
    let rooms = SendPtr::new(rooms.as_mut_ptr());
    let w = SendPtr::new(w.as_mut_ptr());
    let dx = dx.map(|(dx, f)| (SendPtr::new(dx.as_mut_ptr()), f));
    let (target, update, bias) = match gradient {
        Gradient::Store { dw, db } => (SendPtr::new(dw.as_mut_ptr()), None, Bias::Store(db)),
        Gradient::Step { rule, b, vw, vb } => {
            let v = if vw.is_empty() { ptr::null_mut() } else { vw.as_mut_ptr() };
            (SendPtr::new(w.get()), Some((rule, SendPtr::new(v))), Bias::Step { rule, b, v: vb, db: db_room })
        }
    };
    let bias = Mutex::new(bias);
    // The last piece is the bias: a sum so small that it must not have a loop of its own.
    parallel_for_work(cut.count() + 1, products * m * k * n, |i| {
        if i == cut.count() {
            return bias.lock().unwrap_or_else(PoisonError::into_inner).by_sum_of(dy.data());
        }
        let rows = cut.piece(i);
        let panel_at = rooms.get().wrapping_add(i * (panel + columns));
        if let Some((dx, f)) = &dx {
            for first in rows.clone().step_by(COLUMNS) {
                let some = first..(first + COLUMNS).min(rows.end);
                // SAFETY: these rows of W, k × n, are read by this piece alone, and written only below. The columns
                // of dX, m × k, that they give are this piece's alone, as is its panel, which has n numbers for
                // each of up to `COLUMNS` rows. All are borrowed until the loop ends.
                let strip = unsafe {
                    T::transpose(w.get(), n, some.clone(), n, panel_at);
                    let p = Operands {
                        k: n,
                        a: dy.as_ptr(),
                        a_stride: n,
                        a_transposed: false,
                        b: panel_at,
                        b_stride: some.len(),
                        c: dx.get().add(first),
                        c_stride: k,
                        bias: ptr::null(),
                        update: None,
                    };
                    T::tiles(&p, 0..m, 0..some.len());
                    Strip::new(dx.get().add(first), m, k, some.len())
                };
                f.backward_strip(strip, x.data(), k, some);
            }
        }
        let mut p = Operands {
            k: m,
            a: x.as_ptr(),
            a_stride: k,
            a_transposed: true,
            b: dy.as_ptr(),
            b_stride: n,
            c: target.get(),
            c_stride: n,
            bias: ptr::null(),
            update: update.as_ref().map(|(rule, v)| Update { rule: *rule, v: v.get() }),
        };
        // SAFETY: the same rows of ∂L/∂W or of W, and of the velocities, which have W's shape or are null, are
        // this piece's alone. Packed, the columns of X, m for each row of the piece, and m times up to `COLUMNS`
        // numbers of dY fit into the piece's room.
        unsafe {
            if !packed {
                return T::tiles(&p, rows, 0..n);
            }
            let x_at = panel_at.add(panel);
            T::pack(x.as_ptr().add(rows.start), k, m, rows.len(), x_at);
            (p.a, p.a_stride) = (x_at.wrapping_sub(rows.start), rows.len());
            for first in (0..n).step_by(COLUMNS) {
                let width = COLUMNS.min(n - first);
                T::pack(dy.as_ptr().add(first), n, m, width, panel_at);
                (p.b, p.b_stride) = (panel_at.wrapping_sub(first), width);
                T::tiles(&p, rows.clone(), first..first + width);
            }
        }
    });
}

/// What becomes of `db = Σᵢ dY[i,:]`
enum Bias<'a, T> {
    Store(&'a mut [T]),
    Step { rule: SgdRule<T>, b: &'a mut [T], v: &'a mut [T], db: &'a mut [T] },
}

impl<T: Scalar> Bias<'_, T> {
    fn by_sum_of(&mut self, dy: &[T]) {
        match self {
            Self::Store(db) => sum_rows(dy, db),
            Self::Step { rule, b, v, db } => {
                sum_rows(dy, db);
                sgd(*rule, b, v, db);
            }
        }
    }
}
