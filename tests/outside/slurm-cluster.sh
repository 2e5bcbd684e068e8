#!/usr/bin/env bash
# Runs a command on a Slurm cluster of this one machine, made for it in a temporary folder, and waits for all jobs.
#
#   tests/outside/slurm-cluster.sh COMMAND ARG…
#
# Needs root and the programs slurmctld and slurmd (Debian: slurmctld slurmd slurm-client). No systemd, no munge.
set -euo pipefail

dir=$(mktemp -d)
daemons=()
finish() {
    local status=$?
    if ((status != 0)); then
        tail -n 40 "$dir"/*.log >&2 || :
        sinfo >&2 || :
        squeue >&2 || :
    fi
    ((${#daemons[@]} == 0)) || kill "${daemons[@]}" 2>/dev/null || :
    wait
    rm -rf "$dir"
}
trap finish EXIT

host=$(hostname -s)
mkdir "$dir/state" "$dir/spool"
# Two consecutive ports that no program listens on
port=$((20000 + RANDOM % 20000))
while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || (: <>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; do
    port=$((20000 + RANDOM % 20000))
done
cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
SlurmdParameters=config_overrides
CONF
export SLURM_CONF=$dir/slurm.conf
PATH=$PATH:/usr/sbin
slurmctld -D -c >/dev/null 2>"$dir/slurmctld.err.log" &
daemons+=($!)
slurmd -D -c >/dev/null 2>"$dir/slurmd.err.log" &
daemons+=($!)

waited=0
until [[ $(sinfo -h -o %t 2>/dev/null) == idle ]]; do
    for daemon in "${daemons[@]}"; do kill -0 "$daemon"; done # fails if it has ended; finish prints its log
    if ((++waited > 120)); then echo "the node did not come up" >&2 && exit 1; fi
    sleep 0.5
done
"$@"
waited=0
while [[ -n $(squeue -h) ]]; do
    if ((++waited > 600)); then echo "jobs did not end" >&2 && exit 1; fi
    sleep 0.5
done
scontrol -o show job | sed 's/^/job: /'
