#!/usr/bin/env bash
# Installs chainrule for this user: the program, completions for bash, zsh and fish, and man pages.
#
#   scripts/install.sh               into ~/.cargo/bin and ~/.local/share
#   scripts/install.sh --prefix DIR  into DIR/bin and DIR/share
#
# Needs a Rust toolchain. The last lines say what is left to do, such as adding a folder to the PATH.
set -euo pipefail

say() { printf 'install: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

bin=${CARGO_INSTALL_ROOT:-${CARGO_HOME:-${HOME:-}/.cargo}}/bin share=${XDG_DATA_HOME:-${HOME:-}/.local/share}
case ${1-} in
-h | --help)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
--prefix)
    (($# == 2)) || die "--prefix needs a folder; see --help"
    prefix=$(realpath -m "$2")
    bin=$prefix/bin share=$prefix/share
    ;;
'') ;;
*) die "unknown argument '$1'; see --help" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v cargo >/dev/null && [[ -x ${HOME:-}/.cargo/bin/cargo ]]; then
    PATH=$HOME/.cargo/bin:$PATH
fi
command -v cargo >/dev/null || die "no cargo here: install Rust from https://rustup.rs"

cargo install --path . --locked --force --root "$(dirname "$bin")"
chainrule=$bin/chainrule
bash_folder=$share/bash-completion/completions zsh_folder=$share/zsh/site-functions
fish_folder=$share/fish/vendor_completions.d man_folder=$share/man/man1
mkdir -p "$bash_folder" "$zsh_folder" "$fish_folder" "$man_folder"
"$chainrule" completions bash >"$bash_folder/chainrule"
"$chainrule" completions zsh >"$zsh_folder/_chainrule"
"$chainrule" completions fish >"$fish_folder/chainrule.fish"
"$chainrule" man "$man_folder"

say "$chainrule, completions and man pages are installed"
case :$PATH: in
*:"$bin":*) ;;
*) say "$bin is not in the PATH: add the line  export PATH=\"$bin:\$PATH\"  to ~/.profile" ;;
esac
say "zsh finds completions after this line in ~/.zshrc, before compinit:  fpath=(\"$zsh_folder\" \$fpath)"
