//! The fused engine: pieces of a layer's matrices, and what follows them while they are near
//!
//! `matrixmultiply` packs both operands of each product, which in a training step takes a third as long as the
//! arithmetic, and every pass over memory beside the products costs as much again. Here each piece of a result is
//! made, finished and left by one thread:
//!
//! * forward: a piece of Y gets its bias as the start value, its product, and its activation
//! * backward: a piece is some rows of W. Transposed, they give those columns of dX, which get the activation's
//!   derivative; then come the same rows of ∂L/∂W, which are spent on the update of these rows of W
//!   in registers. One parallel loop does all of a layer.
//!
//! Each product of a piece goes over register tiles or, where half of its left operand is 0, passes over the zeros
//! ([`Way`]).
//!
//! Which numbers a core touches matters as much: a line that another core wrote last costs ten times one in the
//! own L2. A core keeps its rows of W from step to step. Where W is long and narrow, the forward product too is cut
//! along these rows ([`blocks`]): each core multiplies the columns of X that it has gathered by its rows of W, and
//! only partial sums and ∂L/∂Y go from core to core.

use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::aligned::{room, whole_lines};
use crate::cpu::simd_level::multiversion;
use crate::dense::Gradient;
use crate::elementwise::activation::Activation;
use crate::elementwise::sgd::{SgdRule, SgdStep, sgd};
use crate::gemm::{COLUMNS, Operands, Update, Way, block_columns, is_far};
use crate::threads::block_mut::Strip;
use crate::threads::parallel::{SendPtr, parallel_for_work};
use crate::threads::partition::{Cut, PIECES_MAX, UNIT, blocks};
use crate::{Scalar, View, sum_rows};

/// Rows a dense piece of Y is cut by: a multiple of both tiles' heights
const ROWS: usize = 24;
/// Rows a sparse one is cut by, since a block of W in L1 has to pay for its way there, most of all from another
/// core: with 16, small's epoch on two threads takes 1.05 to 1.2 of the time, by where the system has put them.
/// Chosen on two cores: it leaves small's forward product two pieces.
const SPARSE_ROWS: usize = 64;
/// and where that way is a copy
const COPY_ROWS: usize = 128;
/// What adding up a number of a partial sum counts as, in multiply-adds of a product: it is bound by the caches
const ADD_WORK: usize = 16;

/// `Y ← f(X W + 1 bᵀ)`; shapes were checked by the caller
pub(crate) fn affine<T: Scalar>(
    x: View<'_, T>,
    w: View<'_, T>,
    b: &[T],
    f: Activation,
    y: &mut [T],
    scratch: &mut Vec<T>,
) {
    let ((m, k), n) = (x.shape(), w.shape().1);
    if y.is_empty() {
        return;
    }
    let way = Way::of(x, n);
    // Partial sums pay while they are fewer than the weights that stay where they are.
    let blocks = if 2 * m <= k && !is_far::<T>(n) { blocks(k) } else { Cut::into(1, k, UNIT) };
    let whole = blocks.count() == 1;
    // The first block starts from the bias, so that adding up is all that is left to do.
    let product = |block: usize, to: *mut T| Operands {
        start: if block == 0 { b.as_ptr() } else { ptr::null() },
        ..Operands::new(
            blocks.piece(block).len(),
            x.as_ptr().wrapping_add(blocks.piece(block).start),
            k,
            w.as_ptr().wrapping_add(blocks.piece(block).start * n),
            n,
            to.wrapping_add(block * m * n),
        )
    };
    let pieces = |way: Way| {
        let columns = if way == Way::Sparse { block_columns::<T>() } else { COLUMNS };
        let max = PIECES_MAX / blocks.count();
        let cols = Cut::worth(n, columns, m * k, max);
        let rows = match way {
            Way::Dense if whole => Cut::worth(m, ROWS, n * k, max / cols.count()),
            Way::Dense => Cut::into(1, m, ROWS),
            Way::Sparse => {
                let unit = if n > columns { COPY_ROWS } else { SPARSE_ROWS };
                Cut::worth(m, unit, n * k, max / cols.count())
            }
        };
        let longest = Operands { k: blocks.longest(), ..product(0, ptr::null_mut()) };
        (cols, rows, whole_lines::<T>(longest.room(rows.longest(), way)))
    };
    let partial = if whole { 0 } else { whole_lines::<T>(blocks.count() * m * n) };
    // Room for either way, since the next batch may go the other one.
    let len = |way| {
        let (cols, rows, each) = pieces(way);
        partial + blocks.count() * cols.count() * rows.count() * each
    };
    let room = room(scratch, len(Way::Dense).max(len(Way::Sparse)));
    let (partial, rooms) = room.split_at_mut(partial);
    let (cols, rows, each) = pieces(way);
    let a_block = cols.count() * rows.count();
    let rooms = SendPtr::new(rooms.as_mut_ptr());
    let to = SendPtr::new(if whole { y.as_mut_ptr() } else { partial.as_mut_ptr() });
    parallel_for_work(blocks.count() * a_block, m * k * n, |i| {
        let (block, at) = (i / a_block, i % a_block);
        let (cols, rows) = (cols.piece(at / rows.count()), rows.piece(at % rows.count()));
        // SAFETY: this engine is not made on a `Portable` processor. `View`s cover what their shapes say, b has n
        // numbers and Y m × n (checked by the caller), as has each block of the partial sums; all are borrowed
        // until the loop ends. Pieces of different i share no element of these and no room, and each is
        // computed once.
        unsafe {
            product(block, to.get()).part(rows.clone(), cols, way, rooms.get().add(i * each), |cols| {
                if whole {
                    let start = to.get().add(rows.start * n + cols.start);
                    f.forward_strip(Strip::new(start, rows.len(), n, cols.len()));
                }
            });
        }
    });
    if !whole {
        add_up(&partial[..blocks.count() * m * n], blocks.count(), f, y, n);
    }
}

/// `Y ← f(…)` of the sum of the blocks, added in their order; n columns
fn add_up<T: Scalar>(partial: &[T], blocks: usize, f: Activation, y: &mut [T], n: usize) {
    let len = y.len();
    let rows = Cut::worth(len / n.max(1), 1, ADD_WORK * blocks * n, PIECES_MAX);
    let y = SendPtr::new(y.as_mut_ptr());
    parallel_for_work(rows.count(), ADD_WORK * blocks * len, |i| {
        let rows = rows.piece(i);
        let at = rows.start * n..rows.end * n;
        // SAFETY: these rows of Y, which has `len` numbers and is borrowed until the loop ends, are this piece's alone.
        let y = unsafe { std::slice::from_raw_parts_mut(y.get().add(at.start), at.len()) };
        add_blocks(y, partial, len, at.start);
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

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b as asked for; shapes were checked by the caller
pub(crate) fn backward<T: Scalar>(
    x: View<'_, T>,
    dy: View<'_, T>,
    w: &mut [T],
    dx: Option<(&mut [T], Activation)>,
    gradient: Gradient<'_, T>,
    scratch: &mut Vec<T>,
) {
    let ((m, k), n) = (x.shape(), dy.shape().1);
    let products = 1 + usize::from(dx.is_some());
    let w = SendPtr::new(w.as_mut_ptr());
    let dx = dx.map(|(dx, f)| (SendPtr::new(dx.as_mut_ptr()), f));
    let to_x = |dx: *mut T| Operands {
        b_stride: n,
        b_transposed: true,
        ..Operands::new(n, dy.as_ptr(), n, w.get(), k, dx)
    };
    let to_w = |dw: *mut T, update: Option<Update<T>>| Operands {
        a_transposed: true,
        update,
        ..Operands::new(m, x.as_ptr(), k, dy.as_ptr(), n, dw)
    };
    let pieces = |x_way: Way, w_way: Way| {
        // A piece is as wide as dX is computed by, and so high that it pays to copy dY for it.
        let block = block_columns::<T>();
        let unit = match (x_way, w_way) {
            (Way::Sparse, _) if k >= 4 * block => block,
            (Way::Sparse, _) => block / 2,
            (_, Way::Sparse) if n > block => block / 2,
            _ => COLUMNS,
        };
        let cut = Cut::worth(k, unit, m * n * products, PIECES_MAX);
        let for_x = if dx.is_some() { to_x(ptr::null_mut()).room(m, x_way) } else { 0 };
        (cut, whole_lines::<T>(for_x.max(to_w(ptr::null_mut(), None).room(cut.longest(), w_way))))
    };
    // Room for all ways, since the next batch may go others.
    let ways = [Way::Dense, Way::Sparse].map(|x_way| [Way::Dense, Way::Sparse].map(|w_way| (x_way, w_way)));
    let lens = ways.as_flattened().iter().map(|&(x_way, w_way)| {
        let (cut, each) = pieces(x_way, w_way);
        cut.count() * each
    });
    let len = lens.max().unwrap_or(0);
    let (x_way, w_way) = (if dx.is_some() { Way::of(dy, k) } else { Way::Dense }, Way::of(x, n));
    let (cut, each) = pieces(x_way, w_way);
    let (rooms, db_room) = room(scratch, len + n).split_at_mut(len);
    let rooms = SendPtr::new(rooms.as_mut_ptr());
    let (target, update, bias) = match gradient {
        Gradient::Store { dw, db } => (SendPtr::new(dw.as_mut_ptr()), None, Bias::Store(db)),
        Gradient::Step { b, step: SgdStep { rule, vw, vb } } => {
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
        let (rows, room) = (cut.piece(i), rooms.get().wrapping_add(i * each));
        if let Some((dx, f)) = &dx {
            // SAFETY: these rows of W, k × n, are read by this piece alone, and written only below. The columns of
            // dX, m × k, that they give are this piece's alone, as is its room. All are borrowed until the loop ends.
            unsafe {
                to_x(dx.get()).part(0..m, rows.clone(), x_way, room, |cols| {
                    let strip = Strip::new(dx.get().add(cols.start), m, k, cols.len());
                    f.backward_strip(strip, x.data(), k, cols);
                });
            }
        }
        let update = update.as_ref().map(|(rule, v)| Update { rule: *rule, v: v.get() });
        // SAFETY: the same rows of ∂L/∂W or of W, and of the velocities, which have W's shape or are null, are this
        // piece's alone, as is its room.
        unsafe { to_w(target.get(), update).part(rows, 0..n, w_way, room, |_| ()) };
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
