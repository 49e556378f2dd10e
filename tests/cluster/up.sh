#!/usr/bin/env bash
# A SLURM cluster on this machine: munge, MariaDB, slurmdbd, slurmctld and four slurmd with ten pretend GPUs, from Debian's
# packages, without systemd, in one folder. `up.sh [FOLDER]`; `down.sh [FOLDER]` ends it, by pid, and removes the folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(realpath -m "${1:-${TMPDIR:-/tmp}/rmft-cluster}")
nodes="cpu1 gpu1 gpu2 gpu3"
packages=$(cat "$here/packages.txt")

refuse() { echo "cluster-up: $1" >&2; exit 1; }
# Whether the process of a pid file runs.
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
# Wait up to ten seconds for a command to succeed.
await() { for _ in $(seq 25); do timeout 5 "$@" >/dev/null 2>&1 && return; sleep 0.2; done; refuse "no answer from: $*; logs are in $folder/log"; }
filled() { sed -e "s#@FOLDER@#$folder#g" -e "s#@HOST@#$(hostname -s)#g" "$here/etc/$1" > "$folder/etc/$1"; chmod 600 "$folder/etc/$1"; }
sql() { mariadb --no-defaults --socket="$folder/mysql/sock" --user=root --execute="$1"; }
manager() { sacctmgr --noheader --parsable2 --immediate "$@"; }
all_idle() { [ "$(sinfo --noheader --Node --partition=cpu,gpu --format=%t | grep -cx idle)" = 4 ]; }
export -f all_idle

[ "$(id -u)" = 0 ] || refuse "needs root, for the daemons and /etc/slurm/slurm.conf"
for program in munged mariadbd slurmdbd slurmctld slurmd sbatch; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || refuse "no $program here; apt-get install --no-install-recommends $packages"
done
# Jobs look for it there alone: the workflow engine takes SLURM_CONF away from them.
conf=/etc/slurm/slurm.conf
[ ! -e $conf ] || [ "$(readlink $conf)" = "$folder/etc/slurm.conf" ] || refuse "$conf is another cluster's; take it down first"

mkdir -p "$folder"/{etc,log,run,state,dev,munge}
chmod 755 "$folder" "$folder/run"
chmod 700 "$folder/munge"
for i in 0 1 2 3; do ln -sf /dev/null "$folder/dev/nvidia$i"; done
for name in slurm.conf gres.conf slurmdbd.conf; do filled $name; done
chmod 644 "$folder/etc/slurm.conf"
ln -sfn "$folder/etc/slurm.conf" $conf
export SLURM_CONF=$folder/etc/slurm.conf PATH=$PATH:/usr/sbin

[ -s "$folder/munge/key" ] || (umask 077; head --bytes=1024 /dev/urandom > "$folder/munge/key")
alive "$folder/run/munged.pid" || munged --num-threads=10 --force --socket="$folder/run/munge.socket" --key-file="$folder/munge/key" \
    --pid-file="$folder/run/munged.pid" --log-file="$folder/log/munged.log" --seed-file="$folder/munge/seed"

if ! alive "$folder/run/mariadbd.pid"; then
    install --directory --owner=mysql --group=mysql "$folder/mysql"
    [ -d "$folder/mysql/mysql" ] || mariadb-install-db --no-defaults --user=mysql --datadir="$folder/mysql" \
        --auth-root-authentication-method=normal --skip-test-db > "$folder/log/mariadb-install.log" 2>&1
    setsid mariadbd --no-defaults --user=mysql --datadir="$folder/mysql" --socket="$folder/mysql/sock" \
        --pid-file="$folder/mysql/pid" --bind-address=127.0.0.1 --port=13306 --innodb-buffer-pool-size=128M \
        --innodb-lock-wait-timeout=900 --log-error="$folder/mysql/error.log" </dev/null >/dev/null 2>&1 &
    echo $! > "$folder/run/mariadbd.pid"
fi
await mariadb --no-defaults --socket="$folder/mysql/sock" --user=root --execute="select 1"
for host in 127.0.0.1 localhost; do
    sql "create user if not exists slurm@$host identified by 'slurm'; grant all on slurm_acct_db.* to slurm@$host"
done

alive "$folder/run/slurmdbd.pid" || slurmdbd
await sacctmgr --noheader show cluster
manager show cluster format=cluster | grep -qx rmft || manager add cluster rmft >/dev/null
manager show account format=account | grep -qx rmft || manager add account rmft cluster=rmft >/dev/null
manager show association user=root account=rmft format=user | grep -qx root || manager add user root account=rmft >/dev/null

alive "$folder/run/slurmctld.pid" || slurmctld -i
for node in $nodes; do
    mkdir -p "$folder/spool.$node"
    alive "$folder/run/slurmd.$node.pid" || slurmd -N $node
done
await bash -c all_idle
sinfo --Node --format="%N %P %t %c %m %G"
