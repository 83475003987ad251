#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Reloads corosync if its configuration is newer than its last start or reload. This also completes
# a run that was interrupted between writing and reloading. Prints what it did.
set -eu

written() { # newest of the files, microseconds
  stat -c %.6Y "$@" | tr -d . | sort -n | tail -n 1
}

since() { # last start of the unit, microseconds
  date -d "$(systemctl show --timestamp=us+utc -P StateChangeTimestamp "$1")" +%s%6N
}

mark=/run/ha_lb-corosync-reloaded
if systemctl -q is-active corosync; then
  name=$(corosync-cmapctl -g totem.cluster_name | sed 's/.* = //')
  read_at=$(since corosync)
  [ ! -e "$mark" ] || [ "$(written "$mark")" -lt "$read_at" ] || read_at=$(written "$mark")
  if [ "$name" != "$HA_LB_CLUSTER_NAME" ]; then
    systemctl stop pacemaker corosync
    # Debian starts a cluster of this name on installation; what it wrote down is about no real node.
    [ "$name" != debian ] || find /var/lib/pacemaker/cib -type f -delete
    echo "left the cluster $name"
  elif [ "$(written /etc/corosync/corosync.conf /etc/corosync/authkey)" -gt "$read_at" ]; then
    corosync-cfgtool -R >/dev/null
    touch "$mark"
    echo "corosync reloaded"
  fi
fi
