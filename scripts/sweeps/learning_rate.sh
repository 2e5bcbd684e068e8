#!/bin/sh
# Which learning rate? Runs 'chainrule train' on the default net once for each rate from 0.001 to 0.1.
#
#   scripts/sweeps/learning_rate.sh
#   SEEDS="1 2 3" EPOCHS=30 OUT=results scripts/sweeps/learning_rate.sh --batch-size 128
#
# Flags go to 'chainrule train'. Runs are named learning_rate-VALUE-sSEED.

set -eu
# shellcheck source=scripts/sweeps/common.sh
. "$(dirname "$0")/common.sh"

for rate in 0.001 0.005 0.01 0.05 0.1; do
    for seed in $SEEDS; do
        trial "learning_rate-$rate-s$seed" --learning-rate "$rate" --seed "$seed" "$@" || went_wrong $?
    done
done
finish
