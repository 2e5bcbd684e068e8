#!/usr/bin/env bash
# Runs a sweep on a Slurm cluster: submits an array of tasks that share its trials, and a job that joins their results.
#
#   scripts/sweeps/slurm.sh SWEEP_ID hidden_dim
#   TASKS=16 OUT=/scratch/me/results scripts/sweeps/slurm.sh rates --grid learning_rate=log:1e-3..1e-1:9 --seeds 5
#
# All arguments after SWEEP_ID go to 'chainrule sweep'. TASKS is the number of array tasks [4], SBATCH_FLAGS are more
# flags for sbatch, such as "--partition=short --time=1:00:00". OUT/SWEEP_ID must be on a disk that all nodes see;
# relative paths start in the current folder. To continue a sweep, add --resume after the same SWEEP_ID and sweep.

set -euo pipefail
epochs=${EPOCHS-}
# shellcheck source=scripts/sweeps/common.sh
. "$(dirname "$0")/common.sh"

(($# >= 2)) || die "expected SWEEP_ID and what to sweep (--help)"
command -v sbatch >/dev/null || die "sbatch is not installed here: run this where Slurm jobs are submitted"
sweep_id=$1
shift
CHAINRULE=$(realpath "$(command -v "$CHAINRULE")")
read -r -a sbatch <<<"sbatch --parsable ${SBATCH_FLAGS-}"
[[ -z ${DATA-} ]] || set -- "$@" --data "$DATA"
[[ -z $epochs ]] || set -- "$@" --epochs "$epochs"

array=$("${sbatch[@]}" --array="0-$((${TASKS:-4} - 1))" "$here/slurm-array.sh" "$sweep_id" "$OUT" "$@")
array=${array%%;*} # the cluster's name may follow
# afterany: a trial that diverged ends its task with code 4, and its row belongs to the table.
merge=$("${sbatch[@]}" --dependency="afterany:$array" "$here/slurm-merge.sh" "$OUT/$sweep_id")
say "array job $array, then merge job ${merge%%;*}; results will be in $OUT/$sweep_id"
