#!/usr/bin/env bash
# Runs all checks, those that answer fast first; stops at the first that fails.
#
#   scripts/test.sh
#
# Needs a Rust toolchain and, the first time, the data (scripts/get-data.sh gets it). A check whose
# tool is not installed is left out, and the last lines say so; with CI=true it fails instead. What
# this processor or file system can't run is left out and listed with CI=true, too.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }
die() {
    say "test: error: $*"
    exit 1
}

step="start"
scratch=$(mktemp -d)
export LEFT_OUT_FILE=$scratch/left-out # tests append to it
: >"$LEFT_OUT_FILE"
finish() {
    local status=$?
    rm -rf "$scratch"
    if ((status != 0)); then say "test: FAILED at: $step (after $SECONDS s)"; fi
}
trap finish EXIT

begin() {
    step=$*
    say ""
    say "==== $step"
}

skip() { # WHAT HOW_TO_GET_IT
    if [[ ${CI-} == true ]]; then die "$1 is not installed, and CI needs it: $2"; fi
    say "!!!! LEFT OUT: $1 is not installed: $2"
    echo "LEFT OUT: $1 is not installed: $2" >>"$LEFT_OUT_FILE"
}

if (($# > 0)); then
    say "usage: scripts/test.sh"
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v cargo >/dev/null && [[ -x ${HOME:-}/.cargo/bin/cargo ]]; then
    PATH=$HOME/.cargo/bin:$PATH
fi
command -v cargo >/dev/null || die "no cargo here: install Rust from https://rustup.rs"

begin "data"
scripts/get-data.sh

begin "shellcheck"
if command -v shellcheck >/dev/null; then
    shellcheck scripts/*.sh scripts/*/*.sh tests/*/*.sh .ci/run
else
    skip shellcheck "install the package shellcheck"
fi

begin "cargo fmt"
if cargo fmt --version >/dev/null 2>&1; then
    cargo fmt --all --check
else
    skip rustfmt "rustup component add rustfmt"
fi

begin "cargo clippy"
if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --workspace --all-targets --locked -- -D warnings
else
    skip clippy "rustup component add clippy"
fi

begin "cargo doc"
RUSTDOCFLAGS="${RUSTDOCFLAGS-} -D warnings" cargo doc --workspace --no-deps --locked

begin "cargo test"
# The tests that run these programs are left out where they are not installed.
PATH=$PATH:/usr/sbin
command -v soffice >/dev/null || skip LibreOffice "install the package libreoffice-calc-nogui"
python3 -c 'import pandas' 2>/dev/null || /usr/bin/python3 -c 'import pandas' 2>/dev/null ||
    skip pandas "install the package python3-pandas"
python3 -c 'import numpy, onnx, onnxruntime' 2>/dev/null ||
    skip "ONNX Runtime" "python3 -m pip install numpy onnx onnxruntime"
command -v gnuplot >/dev/null || skip gnuplot "install the package gnuplot-nox"
command -v parallel >/dev/null || skip "GNU parallel" "install the package parallel"
command -v cc >/dev/null || skip "a C compiler" "install the package gcc"
for program in slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || skip "Slurm's $program" "install slurmctld, slurmd and slurm-client"
done
# maturin reads the manifests of all platforms' dependencies; a build downloads those of this one only.
if command -v maturin >/dev/null; then
    cargo fetch --locked --quiet || say "test: some dependencies were not downloaded; the test of the wheel needs them"
fi
log=$scratch/log
cargo test --workspace --locked | tee "$log"
read -r passed ignored < <(awk '/^test result:/ { p += $4; i += $8 } END { print p + 0, i + 0 }' "$log")
((passed > 0)) || die "cargo test ran no test"

begin "cargo test of the kernels, with narrower vectors"
for level in avx2 portable; do
    CHAINRULE_SIMD=$level cargo test --package chainrule-kernels --locked --quiet
done

begin "valgrind on the kernels' tests, with AVX2"
# Miri can't run vector instructions. Left out here: the tests of large operands and of all values, which would take minutes.
if command -v valgrind >/dev/null; then
    kernels_tests=$(cargo test --package chainrule-kernels --locked --lib --no-run --message-format json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    [[ -x $kernels_tests ]] || die "cargo did not say where the kernels' test program is"
    CHAINRULE_SIMD=avx2 valgrind --quiet --error-exitcode=9 "$kernels_tests" --test-threads 1 \
        --skip large_operands --skip _ulp
else
    skip valgrind "install the package valgrind"
fi

begin "models of the kernels' threads"
# loom's flag would invalidate all other builds, so it has a target folder of its own.
RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --package chainrule-models --locked | tee "$log"
grep -q '^test result: ok\. [1-9]' "$log" || die "no model was checked"

begin "cargo bench, build only"
# In the tests' profile, whose libraries are built already: this step only checks that the benches build.
cargo bench --workspace --bench '*' --locked --no-run --profile dev

say ""
if [[ -s $LEFT_OUT_FILE ]]; then
    sort -u "$LEFT_OUT_FILE" >&2
    say "test: all that ran passed in $SECONDS s: $passed tests, $ignored ignored; the checks above were LEFT OUT"
else
    say "test: all passed in $SECONDS s: $passed tests, $ignored ignored"
fi
