#!/bin/bash
# One Slurm array task: its share of the trials of a 'chainrule sweep'. slurm.sh submits it; alone:
#
#   sbatch --array=0-7 --time=4:00:00 scripts/sweeps/slurm-array.sh SWEEP_ID OUT learning_rate --seeds 3
#
# The share comes from SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT, so the array starts at 0. Two minutes before the
# time limit, Slurm sends SIGUSR1. The program then saves its trials and ends, and the task is put into the queue again.
# A task that is requeued, by this script or by Slurm, goes on with its trials from their checkpoints. RESTARTS is the
# largest number of requeues [100]. Adapt the lines below to your cluster.

#SBATCH --job-name=chainrule
#SBATCH --array=0-3
#SBATCH --cpus-per-task=2
#SBATCH --output=%x-%A-%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

set -euo pipefail
sweep_id=$1 out=$2
shift 2
restarts=${SLURM_RESTART_COUNT:-0}
# After a requeue some of this task's trials exist already.
if ((restarts > 0)) && [[ " $* " != *" --resume "* ]]; then set -- "$@" --resume; fi

# `B:` sends SIGUSR1 to this shell alone, which passes it on. SIGTERM, as from scancel, reaches the program itself; a second
# one from here would end it before it has saved.
program="" is_late="" is_woken=""
trap 'is_late=yes is_woken=yes; [[ -z $program ]] || kill -USR1 "$program" || :' USR1
trap 'is_woken=yes' TERM
"${CHAINRULE:-chainrule}" sweep "$@" --sweep-id "$sweep_id" --out "$out" --jobs "${SLURM_CPUS_PER_TASK:-1}" &
program=$!
while :; do
    code=0 is_woken=""
    wait "$program" || code=$?
    # A signal ends `wait` while the program still runs.
    [[ -n $is_woken ]] || break
done

# 143: the program has saved; 138: SIGUSR1 came before it could.
if [[ -n $is_late ]] && ((code == 143 || code == 138)); then
    # The SLURM_JOB_ID of an array's last task is also the name of the whole array, which Slurm would requeue.
    task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    if ((restarts >= ${RESTARTS:-100})) || ! scontrol requeue "$task"; then
        echo "task $task was not requeued after $restarts restarts; to continue it, submit the sweep again with --resume" >&2
    fi
fi
exit "$code"
