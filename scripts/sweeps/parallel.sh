#!/usr/bin/env bash
# Runs a standard sweep with GNU parallel: 'chainrule train' with one thread on each core.
#
#   scripts/sweeps/parallel.sh hidden_dim|num_layers|learning_rate
#   JOBS=8 SEEDS="1 2 3" scripts/sweeps/parallel.sh learning_rate --batch-size 128
#
# Flags go to 'chainrule train'. Runs are named as by the plain loops; JOBS is the number of runs at once [one for each core].

set -euo pipefail
# shellcheck source=scripts/sweeps/common.sh
. "$(dirname "$0")/common.sh"

sweep=${1-}
case $sweep in
hidden_dim) values=(32 64 128 256 512) flag=--hidden-dims texts=("${values[@]}") ;;
num_layers) values=(1 2 3 4) flag=--hidden-dims texts=(128 "128,128" "128,128,128" "128,128,128,128") ;;
learning_rate) values=(0.001 0.005 0.01 0.05 0.1) flag=--learning-rate texts=("${values[@]}") ;;
*) die "expected hidden_dim, num_layers or learning_rate, found '$sweep' (--help)" ;;
esac
shift
command -v parallel >/dev/null || die "GNU parallel is not installed (Debian: apt install parallel)"
read -r -a seeds <<<"$SEEDS"

one() { # VALUE TEXT SEED FLAG…
    local value=$1 text=$2 seed=$3
    shift 3
    trial "$sweep-$value-s$seed" "$flag" "$text" --seed "$seed" --threads 1 "$@"
}
export -f one trial status_of say
export sweep flag
PARALLEL_SHELL=$(command -v bash)
export PARALLEL_SHELL

code=0
extra=""
if (($# > 0)); then extra=$(printf ' %q' "$@"); fi
parallel --will-cite --jobs "${JOBS:-100%}" --line-buffer "one {1} {2} {3}$extra" \
    ::: "${values[@]}" :::+ "${texts[@]}" ::: "${seeds[@]}" || code=$?
# The exit code is the number of failed runs up to 100, 101 for more, 255 for an error of GNU parallel.
if ((code > 100)); then exit "$code"; fi
failed=$code
finish
