#!/usr/bin/env bash
# From a fresh clone to a trained net: checks what is needed, gets the data, builds, trains.
#
#   scripts/quickstart.sh                     the default run on Fashion-MNIST
#   scripts/quickstart.sh --quick             a run of a few seconds
#   scripts/quickstart.sh --data synthetic    without any download of data
#
# All arguments go to 'chainrule train'; relative paths in them start at the top of this repository.
# Needs a Rust toolchain and the C linker that Rust uses, nothing else.
set -euo pipefail

say() { printf 'quickstart: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

older() { # A B: is version A (1.89.0, 1.97.0-nightly) older than B (1.89)?
    local a b i
    IFS=. read -r -a a <<<"${1%%-*}.0.0"
    IFS=. read -r -a b <<<"${2%%-*}.0.0"
    for i in 0 1 2; do
        ((10#${a[i]} == 10#${b[i]})) || return $((10#${a[i]} > 10#${b[i]}))
    done
    return 1
}

links() { # can Rust link a program? true without a test where the user has chosen a linker
    local dir status=0
    if env | grep -q '^CARGO_TARGET_.*_LINKER='; then return 0; fi
    if grep -qs '^ *linker *=' "${CARGO_HOME:-${HOME:-}/.cargo}"/config{.toml,}; then return 0; fi
    dir=$(mktemp -d) || die "cannot make a temporary folder (TMPDIR is ${TMPDIR:-not set})"
    echo 'fn main() {}' | rustc --crate-name probe -o "$dir/probe" - >/dev/null 2>&1 || status=$?
    rm -rf "$dir"
    return "$status"
}

if [[ ${1-} == -h || ${1-} == --help ]]; then
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
    exit 0
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# 1. The tools
if ! command -v cargo >/dev/null && [[ -x ${HOME:-}/.cargo/bin/cargo ]]; then
    PATH=$HOME/.cargo/bin:$PATH # installed after this shell started
fi
command -v cargo >/dev/null || die "no cargo here: install Rust from https://rustup.rs and run this again"
command -v rustc >/dev/null || die "cargo is here and rustc is not: install Rust from https://rustup.rs and run this again"
wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml | head -n 1)
for tool in cargo rustc; do
    found=$("$tool" --version | cut -d ' ' -f 2) || die "'$tool --version' fails: install Rust from https://rustup.rs"
    if older "$found" "$wanted"; then
        die "chainrule needs Rust $wanted or newer, and $tool is $found: run 'rustup update', or install Rust from https://rustup.rs"
    fi
done
links || die "Rust cannot link a program: it needs the C linker 'cc'." \
    "On Debian or Ubuntu install build-essential, on Fedora gcc, on macOS run 'xcode-select --install'"

# 2. The data, unless the arguments or CHAINRULE_DATA name other data
fetch=yes
for arg in "$@"; do
    case $arg in --data | --data=*) fetch=no ;; esac
done
if [[ $fetch == yes && -n ${CHAINRULE_DATA-} ]]; then
    say "data: from CHAINRULE_DATA, $CHAINRULE_DATA"
    fetch=no
fi
if [[ $fetch == yes ]] && ! scripts/get-data.sh; then
    die "no data to train on. To train without it: scripts/quickstart.sh --data synthetic"
fi

# 3. Build, train
say "building (the first time takes a minute or two)"
cargo build --release --locked || die "the build failed; the messages above say why"
program=${CARGO_TARGET_DIR:-${CARGO_BUILD_TARGET_DIR:-target}}/release/chainrule
say "$program train${*:+ $*}"
if [[ ! -x $program ]]; then # Cargo's own configuration puts it elsewhere
    exec cargo run --quiet --release --locked --bin chainrule -- train "$@"
fi
exec "$program" train "$@"
