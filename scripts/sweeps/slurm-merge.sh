#!/bin/bash
# After the array: one runs.csv, one epochs.csv, the plots and the report of all its trials. slurm.sh submits it; alone:
#
#   sbatch --dependency=afterany:ARRAY_JOB scripts/sweeps/slurm-merge.sh OUT/SWEEP_ID

#SBATCH --job-name=chainrule-merge
#SBATCH --ntasks=1
#SBATCH --output=%x-%j.log

set -euo pipefail
exec "${CHAINRULE:-chainrule}" sweep merge "$1"
