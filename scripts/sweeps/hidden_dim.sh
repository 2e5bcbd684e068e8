#!/bin/sh
# How wide? Runs 'chainrule train' once for each net with one hidden layer of 32 to 512 units.
#
#   scripts/sweeps/hidden_dim.sh
#   SEEDS="1 2 3" EPOCHS=30 OUT=results scripts/sweeps/hidden_dim.sh --batch-size 128
#
# Flags go to 'chainrule train'. Runs are named hidden_dim-VALUE-sSEED.

set -eu
# shellcheck source=scripts/sweeps/common.sh
. "$(dirname "$0")/common.sh"

for width in 32 64 128 256 512; do
    for seed in $SEEDS; do
        trial "hidden_dim-$width-s$seed" --hidden-dims "$width" --seed "$seed" "$@" || went_wrong $?
    done
done
finish
