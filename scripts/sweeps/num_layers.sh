#!/bin/sh
# How deep? Runs 'chainrule train' once for each net with one to four hidden layers of 128 units.
#
#   scripts/sweeps/num_layers.sh
#   SEEDS="1 2 3" EPOCHS=30 OUT=results scripts/sweeps/num_layers.sh --batch-size 128
#
# Flags go to 'chainrule train'. Runs are named num_layers-VALUE-sSEED.

set -eu
# shellcheck source=scripts/sweeps/common.sh
. "$(dirname "$0")/common.sh"

dims=""
for depth in 1 2 3 4; do
    dims=${dims:+$dims,}128
    for seed in $SEEDS; do
        trial "num_layers-$depth-s$seed" --hidden-dims "$dims" --seed "$seed" "$@" || went_wrong $?
    done
done
finish
