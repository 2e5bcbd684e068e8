#!/usr/bin/env bash
# Submits a sweep with slurm.sh, and sends each array task the signal that Slurm sends before a time limit.
#
#   tests/outside/slurm-cluster.sh tests/outside/slurm-requeue.sh SWEEP_ID TASKS ARG…
#
# Copies the summary of each task's first trial to interrupted-TASK.csv, and lets the requeued tasks start at once.
set -euo pipefail
sweep_id=$1 tasks=$2
shift 2
TASKS=$tasks "$(dirname "$0")/../../scripts/sweeps/slurm.sh" "$sweep_id" "$@"
array=$(squeue -h -r -o %F -n chainrule | head -n 1)

# Waits until a command succeeds
until_ok() {
    local waited=0
    until "$@"; do
        if ((++waited > 1200)); then echo "still not: $*" >&2 && exit 1; fi
        sleep 0.1
    done
}
has_epoch() { grep -q ",ok," "results/$sweep_id/$1/epochs.csv" 2>/dev/null; }
is_requeued() { [[ $(squeue -h -r -j "$array" -o '%K %T %r' | grep -c 'PENDING BeginTime') == "$tasks" ]]; }

# Each task has its signal before its first trial has ended.
interrupt() {
    until_ok has_epoch "t000$1"
    scancel --batch --signal=USR1 "${array}_$1"
}
waiting=()
for ((task = 0; task < tasks; task++)); do
    interrupt "$task" &
    waiting+=($!)
done
for process in "${waiting[@]}"; do wait "$process"; done
until_ok is_requeued
# The node refuses a job that starts again within the second in which it was stopped.
sleep 2
for ((task = 0; task < tasks; task++)); do
    cp "results/$sweep_id/t000$task/summary.csv" "interrupted-$task.csv"
    # Slurm lets a requeued job wait for two minutes.
    scontrol update "JobId=${array}_$task" StartTime=now
done
