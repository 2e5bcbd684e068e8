//! Products and layers of every backend: against plain loops in f64, and bit for bit

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

#[path = "../../../tests/support/left_out.rs"]
mod left_out;
#[path = "../../../tests/support/numbers.rs"]
mod numbers;
mod plain_loop;
mod same_bits;
mod wrong_shapes;

use chainrule_kernels::{Backend, Scalar, View};
use left_out::left_out;

/// Random numbers in [−1, 1]
fn numbers<T: Scalar>(len: usize, seed: u64) -> Vec<T> {
    numbers::numbers(len, seed, T::from_f64)
}

/// Random numbers in [−1, 1], about half of which are 0, as a ReLU leaves them
fn half_zeros<T: Scalar>(len: usize, seed: u64) -> Vec<T> {
    numbers::sparse(len, seed, 0.5, T::from_f64)
}

/// The backends that this processor can run for T
fn backends<T: Scalar>() -> Vec<Backend> {
    let all = [Backend::Fused, Backend::Matrixmultiply, Backend::Bf16];
    let of_type = all.iter().copied().filter(|&backend| backend != Backend::Bf16 || T::BYTES == 4);
    let (can_run, cannot): (Vec<_>, Vec<_>) = of_type.partition(|backend| backend.is_available());
    cannot.iter().for_each(|backend| left_out(&format!("the backend {backend:?}"), "it needs AVX2"));
    can_run
}

fn matrix<T: Scalar>(data: &[T], rows: usize, cols: usize) -> View<'_, T> {
    View::new(data, rows, cols)
}
