#!/usr/bin/env bash
# Says in one sentence each what keeps this host from running lab machines. Usage: check_host.sh FOLDER FREE_MB
# SPDX-License-Identifier: GPL-3.0-or-later
folder=$1 needed=$2 problems=0
problem() { printf '%s\n' "$*"; problems=1; }

[ "$(id -u)" = 0 ] || problem 'The lab needs root on this host: set become, or use VirtualBox as provider.'
command -v dpkg-query >/dev/null || problem 'The lab needs a Debian host: use VirtualBox as provider elsewhere.'
for kind in net mnt pid uts ipc; do
  [ -e "/proc/self/ns/$kind" ] || problem "The kernel has no $kind namespaces, which the lab's machines need."
done
grep -qw overlay /proc/filesystems || modprobe -q overlay || problem "The kernel has no overlay file system, which the lab's machines need."
grep -q ' /sys/fs/cgroup' /proc/self/mountinfo || problem 'Control groups are not mounted at /sys/fs/cgroup.'
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
free=$(df --output=avail -BM "$folder" | tail -1 | tr -dc 0-9)
[ "${free:-0}" -ge "$needed" ] || problem "The file system of $folder has $free MB free, the lab needs $needed MB: free some, or set lab_root_dir."
exit $problems
