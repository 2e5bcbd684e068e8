#!/usr/bin/env bash
# Compares the speed of chainrule with NumPy, PyTorch, JAX, scikit-learn, candle and burn on this machine.
#
#   scripts/compare.sh                                     all peers, four nets, 1 and 2 threads: two hours or three
#   scripts/compare.sh --peers numpy,jax --nets small      a few minutes
#   scripts/compare.sh --peers jax-bf16,torch-bf16         products of bf16: also runs chainrule with --dtype bf16
#   scripts/compare.sh --help                              all options
#
# Peers in Python are installed into target/compare-venv (PyTorch with its dependencies takes 5 GB; COMPARE_TORCH
# names another package or wheel, such as a CPU build). Peers in Rust are the crate in peers/, built only if chosen.
# Writes compare.csv, compare.md and compare.svg to results/ (--out DIR). The exit code is 1 if a program failed or its
# accuracy differs from the others; the results of the other programs are written in any case.
set -euo pipefail

say() { printf 'compare: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ ${1-} == -h || ${1-} == --help ]]; then
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
    echo
fi
command -v python3 >/dev/null || die "python3 is not installed"
peers=$(python3 scripts/compare/compare.py "$@" --list-peers) || exit $?
if [[ ${1-} == -h || ${1-} == --help ]]; then
    echo "$peers"
    exit 0
fi
command -v cargo >/dev/null || die "cargo is not installed: a Rust toolchain comes from https://rustup.rs"

venv=target/compare-venv
wanted=()
while read -r peer; do
    case $peer in
        numpy) wanted+=(numpy) ;;
        torch-*) wanted+=(numpy "${COMPARE_TORCH:-torch}") ;;
        jax | jax-*) wanted+=(numpy jax) ;;
        sklearn) wanted+=(numpy scikit-learn) ;;
        candle | burn-*) rust=1 ;;
    esac
done <<<"$peers"
if ((${#wanted[@]} > 0)); then
    if [[ ! -x $venv/bin/pip ]]; then
        python3 -m venv "$venv" || die "python3 can't make a virtual environment (Debian: apt install python3-venv)"
    fi
    say "installing ${wanted[*]} into $venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}" || say "some packages failed to install"
fi
[[ -f data/fashion-mnist/train-images-idx3-ubyte.gz ]] || scripts/get-data.sh
say "building"
cargo build --release --locked --quiet
if [[ ${rust-} ]]; then
    (cd peers && cargo build --release --locked --quiet) || say "peers/ failed to build"
fi
exec python3 scripts/compare/compare.py "$@"
