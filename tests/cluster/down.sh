#!/usr/bin/env bash
# End the cluster of up.sh: its jobs, then its daemons, by pid; then its folder. `down.sh [FOLDER]`
set -uo pipefail
folder=$(realpath -m "${1:-${TMPDIR:-/tmp}/rmft-cluster}")
conf=/etc/slurm/slurm.conf

[ -d "$folder/run" ] || { echo "cluster-down: no cluster in $folder" >&2; exit 0; }
[ "$(readlink $conf)" = "$folder/etc/slurm.conf" ] && timeout 5 scancel --user=root 2>/dev/null && sleep 1
# The order matters: nothing may start again what was ended, and the database goes last.
for daemon in slurmctld slurmd.cpu1 slurmd.gpu1 slurmd.gpu2 slurmd.gpu3 slurmdbd munged mariadbd; do
    pid=$(cat "$folder/run/$daemon.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    kill -9 "$pid" 2>/dev/null && echo "cluster-down: $daemon had to be killed" >&2
done
[ "$(readlink $conf)" = "$folder/etc/slurm.conf" ] && rm $conf
rm -rf "$folder"
