#!/bin/bash
# One Slurm array task: its share of the trials of a 'chainrule sweep'. slurm.sh submits it; alone:
#
#   sbatch --array=0-7 scripts/sweeps/slurm-array.sh SWEEP_ID OUT learning_rate --seeds 3
#
# The share comes from SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT, so the array starts at 0. A requeued
# task continues its trials. Adapt the lines below to your cluster.

#SBATCH --job-name=chainrule
#SBATCH --array=0-3
#SBATCH --cpus-per-task=2
#SBATCH --output=%x-%A-%a.log
#SBATCH --requeue

set -euo pipefail
sweep_id=$1 out=$2
shift 2
# After a requeue some of this task's trials exist already.
if ((${SLURM_RESTART_COUNT:-0} > 0)); then set -- "$@" --resume; fi
exec "${CHAINRULE:-chainrule}" sweep "$@" --sweep-id "$sweep_id" --out "$out" --jobs "${SLURM_CPUS_PER_TASK:-1}"
