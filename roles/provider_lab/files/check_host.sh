#!/usr/bin/env bash
# Says in one sentence each what keeps this host from running lab machines. Usage: check_host.sh FOLDER FREE_MB DATACENTER MACHINES
# SPDX-License-Identifier: GPL-3.0-or-later
folder=$1 needed=$2 datacenter=$3 machines=$4 problems=0
problem() { printf '%s\n' "$*"; problems=1; }

[ "$(id -u)" = 0 ] || problem 'The lab needs root on this host: set become, or use VirtualBox as provider.'
command -v dpkg-query >/dev/null || problem 'The lab needs a Debian host: use VirtualBox as provider elsewhere.'
for kind in net mnt pid uts ipc; do
  [ -e "/proc/self/ns/$kind" ] || problem "The kernel has no $kind namespaces, which the lab's machines need."
done
grep -qw overlay /proc/filesystems || modprobe -q overlay || problem "The kernel has no overlay file system, which the lab's machines need."
grep -q ' /sys/fs/cgroup' /proc/self/mountinfo || problem 'Control groups are not mounted at /sys/fs/cgroup.'

# systemd, the kubelet and the API server watch files; the kernel counts that per user, for machines and host together.
# Measured: 112 for the eight machines of inventories/lab with their cluster.
per_machine=13
running=$(grep -ls "^\[lxc monitor\] $folder/$datacenter/machines " /proc/[0-9]*/cmdline | wc -l)
watchers=$(((machines - running) * per_machine))
free=$(python3 -c '
import ctypes, sys
got = 0
while got < int(sys.argv[1]) and ctypes.CDLL(None).inotify_init() >= 0:
    got += 1
print(got)' "$watchers")
[ "$free" -ge "$watchers" ] || problem "The lab needs $watchers inotify instances, $free are free: raise fs.inotify.max_user_instances ($(cat /proc/sys/fs/inotify/max_user_instances)) with sysctl, or stop what uses them."

while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
free=$(df --output=avail -BM "$folder" | tail -1 | tr -dc 0-9)
[ "${free:-0}" -ge "$needed" ] || problem "The file system of $folder has $free MB free, the lab needs $needed MB: free some, or set provider_lab_root_dir."
exit $problems
