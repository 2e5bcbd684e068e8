#!/usr/bin/env bash
# Puts the four Fashion-MNIST files into DIR (default: data/fashion-mnist of this repository).
#
#   scripts/get-data.sh [DIR]
#
# Each file comes from the first of these that has it:
#   1. a copy on this system: /usr/share/datasets/fashion-mnist
#   2. the official download addresses, with curl or wget
#   3. Debian's package dataset-fashion-mnist, fetched by apt-get and unpacked by dpkg, without root
# The check is the SHA-256 of the unpacked bytes, since the sources compress differently. A correct
# file that exists is kept, a wrong one is replaced. Exit: 0 all there, 1 not, 2 wrong usage.
set -euo pipefail
export LC_ALL=C

system_dir=/usr/share/datasets/fashion-mnist
urls="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
package=dataset-fashion-mnist
names="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"

sum_of() { # NAME: the right SHA-256 of the unpacked file
    case $1 in
    train-images-idx3-ubyte) echo c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 ;;
    train-labels-idx1-ubyte) echo bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 ;;
    t10k-images-idx3-ubyte) echo 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b ;;
    t10k-labels-idx1-ubyte) echo 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 ;;
    esac
}

say() { printf 'get-data: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

tried="" # one line for each source that failed, for the last message
note() {
    tried="$tried  - $*
"
}
failed() {
    say "$*"
    note "$*"
}

sha256() {
    if command -v sha256sum >/dev/null; then
        sha256sum
    else
        shasum -a 256
    fi | cut -d ' ' -f 1
}

right() { # FILE.gz NAME: unpacks without an error, to the expected bytes
    local sum
    [[ -f $1 && -r $1 ]] || return 1
    sum=$(gzip -dc <"$1" 2>/dev/null | sha256) || return 1
    [[ $sum == "$(sum_of "$2")" ]]
}

missing() { # the names of files that $dir lacks or that are wrong there
    local name
    for name in $names; do
        [[ -e $tmp/have.$name ]] || echo "$name"
    done
}

# Checks a fetched file, writes it under a temporary name in its folder, then renames it.
accept() { # FILE.gz NAME SOURCE
    local target=$dir/$2.gz
    if ! right "$1" "$2"; then
        failed "$3: $2.gz is damaged or not the right file (SHA-256 of the unpacked bytes differs)"
        return 1
    fi
    beside=$dir/.$2.gz.$$
    { cat "$1" >"$beside" && mv -f "$beside" "$target"; } || die "cannot write $target"
    beside=""
    : >"$tmp/have.$2"
    say "$2.gz from $3"
}

from_system() {
    local name got
    if [[ ! -d $system_dir ]]; then
        note "$system_dir: no such folder"
        return
    fi
    for name in $(missing); do
        got=$system_dir/$name.gz
        if [[ ! -f $got && -f $system_dir/$name ]]; then
            got=$tmp/$name.gz
            gzip -nc <"$system_dir/$name" >"$got" || : # a damaged one is found by its sum
        fi
        if [[ -f $got ]]; then
            accept "$got" "$name" "$system_dir" || :
        else
            failed "$system_dir: has no $name"
        fi
        rm -f "$tmp/$name.gz"
    done
}

fetch() { # URL FILE: one attempt, which fails if the transfer stalls
    if command -v curl >/dev/null; then
        curl -fsSL --connect-timeout 10 --speed-limit 1000 --speed-time 20 --max-filesize 50000000 -o "$2" "$1"
    else
        wget -q -T 10 -t 1 -O "$2" "$1"
    fi
}

from_url() { # ADDRESS: stops at its first failure, so that a dead address costs one timeout
    local name why
    for name in $(missing); do
        say "fetching $1/$name.gz"
        if ! fetch "$1/$name.gz" "$tmp/$name.gz" 2>"$tmp/why"; then
            why=$(tail -n 1 "$tmp/why")
            failed "$1: ${why:-no answer}"
            return
        fi
        accept "$tmp/$name.gz" "$name" "$1" || return 0
        rm -f "$tmp/$name.gz"
    done
}

apt_get() { # apt-get that writes only into $tmp, except its package lists; with PRIVATE=yes those, too
    {
        echo "Dir::Cache \"$tmp/apt/cache\";"
        echo "Dir::Log \"$tmp/apt/log\";"
        if [[ $PRIVATE == yes ]]; then echo "Dir::State::Lists \"$tmp/apt/lists\";"; fi
        cat <<'CONF'
Debug::NoLocking "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
    } >"$tmp/apt/conf"
    (cd "$tmp/apt" && apt-get -q -c "$tmp/apt/conf" "$@") </dev/null >>"$tmp/apt/out" 2>&1
}

from_debian() {
    local name deb why PRIVATE
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        failed "Debian's package $package: no apt-get and dpkg here"
        return
    fi
    mkdir -p "$tmp/apt/cache/archives/partial" "$tmp/apt/lists/partial" "$tmp/apt/log" "$tmp/deb"
    say "fetching Debian's package $package"
    PRIVATE=no
    if ! apt_get download "$package"; then
        say "this system's package lists do not have it; fetching fresh lists (this can take a minute)"
        PRIVATE=yes
        apt_get update || : # an unrelated source may have failed; the download decides
        if ! apt_get download "$package"; then
            why="E: no package lists could be fetched"
            if compgen -G "$tmp/apt/lists/*Packages*" >/dev/null; then
                why=$(grep '^E:' "$tmp/apt/out" | tail -n 1) || :
            fi
            failed "Debian's package $package: ${why:-apt-get download failed}"
            return
        fi
    fi
    for deb in "$tmp"/apt/"$package"_*.deb; do
        if ! dpkg-deb -x "$deb" "$tmp/deb" 2>"$tmp/why"; then
            failed "Debian's package $package: $(tail -n 1 "$tmp/why")"
            return
        fi
    done
    for name in $(missing); do
        accept "$tmp/deb$system_dir/$name.gz" "$name" "Debian's package $package" || :
    done
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$root/data/fashion-mnist
case $#:${1-} in
0:) ;;
1:-h | 1:--help)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
1:-* | 1:)
    say "usage: scripts/get-data.sh [DIR]"
    exit 2
    ;;
1:/*) dir=$1 ;;
1:*) dir=$PWD/$1 ;;
*)
    say "usage: scripts/get-data.sh [DIR]"
    exit 2
    ;;
esac

command -v gzip >/dev/null || die "gzip is not installed, and the files are compressed with it"
command -v sha256sum >/dev/null || command -v shasum >/dev/null ||
    die "neither sha256sum nor shasum is installed, and the files are checked with one of them"

beside=""
tmp=$(mktemp -d) || die "cannot make a temporary folder (TMPDIR is ${TMPDIR:-not set})"
trap 'rm -rf "$tmp"; [[ -z $beside ]] || rm -f "$beside"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

for name in $names; do
    if [[ -d $dir/$name.gz ]]; then
        die "$dir/$name.gz is a folder, not a file: move it away"
    elif right "$dir/$name.gz" "$name"; then
        : >"$tmp/have.$name"
    elif [[ -e $dir/$name.gz ]]; then
        say "$dir/$name.gz is damaged or not the right file, and will be replaced"
    fi
done
if [[ -z $(missing) ]]; then
    say "$dir has all four files, and their SHA-256 is right: nothing to do"
    exit 0
fi
mkdir -p "$dir" 2>/dev/null || die "cannot make the folder $dir"
[[ -w $dir ]] || die "cannot write into $dir"

from_system
if [[ -n $(missing) ]]; then
    if command -v curl >/dev/null || command -v wget >/dev/null; then
        for url in $urls; do
            [[ -z $(missing) ]] || from_url "$url"
        done
    else
        failed "the download addresses: neither curl nor wget is installed"
    fi
fi
[[ -z $(missing) ]] || from_debian

if [[ -n $(missing) ]]; then
    {
        echo "get-data: error: not all files of Fashion-MNIST were found. Still missing in $dir:"
        for name in $(missing); do echo "  $name.gz"; done
        printf 'What was tried:\n%s' "$tried"
        echo "What you can do, any one of these:"
        echo "  - connect to the network and run scripts/get-data.sh again: what is there is kept"
        echo "  - get the files above on another machine, from"
        for url in $urls; do echo "      $url/"; done
        echo "    and put them into $dir"
        echo "  - on Debian or Ubuntu: install the package $package as root"
        echo "  - do without: 'chainrule train --data synthetic' needs no file"
    } >&2
    exit 1
fi
say "all four files are in $dir, and their SHA-256 is right"
