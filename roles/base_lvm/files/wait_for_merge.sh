#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Waits until a volume is back at its snapshot. Usage: wait_for_merge.sh GROUP/VOLUME SECONDS
set -eu
volume=$1 seconds=$2

uptime_now() { cut -d . -f 1 /proc/uptime; }
until=$(($(uptime_now) + seconds))
# O is how LVM marks a volume whose snapshot is being merged into it.
while attributes=$(timeout 60 lvs --noheadings --options lv_attr "$volume") && [ "${attributes#*O}" != "$attributes" ]; do
  if [ "$(uptime_now)" -ge "$until" ]; then
    echo "$volume should be back at its snapshot, and lvs still says that it merges after $seconds s:" \
      "look at lvs -a -o +copy_percent, then run this again, or change base_lvm_merge_timeout_seconds." >&2
    exit 1
  fi
  sleep 1
done
[ -n "$attributes" ] || {
  echo "lvs should say within 60 s how $volume is, and did not: look at the disks of this machine." >&2
  exit 1
}
