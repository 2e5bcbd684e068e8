#!/usr/bin/env bash
# Builds a program for x86-64 Linux that needs no shared library, so that it runs on any such machine as it is.
#
#   scripts/static.sh [FILE]     writes it to FILE [dist/chainrule]
#
# Links the C library of this machine statically. On Debian and Ubuntu it is in libc6-dev, on Fedora in glibc-static.
set -euo pipefail

say() { printf 'static: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

case ${1-} in
-h | --help)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
-*) die "unknown flag '$1'; see --help" ;;
esac
(($# <= 1)) || die "one file is enough; see --help"
file=$(realpath -m "${1:-$(dirname "${BASH_SOURCE[0]}")/../dist/chainrule}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo >/dev/null || die "no cargo here: install Rust from https://rustup.rs"
[[ $(uname -sm) == "Linux x86_64" ]] || die "this script builds for Linux on x86-64, and this is $(uname -sm)"

# A target folder of its own: with other flags, cargo would build everything again each time.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/static
RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" \
    cargo build --release --locked --bin chainrule --target x86_64-unknown-linux-gnu
built=$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/chainrule
if ldd "$built" 2>/dev/null | grep -q '=>'; then die "$built still needs shared libraries: $(ldd "$built")"; fi
mkdir -p "$(dirname "$file")"
install -m 755 "$built" "$file"
say "$file: $(du -h "$file" | cut -f 1)B, needs no shared library"
