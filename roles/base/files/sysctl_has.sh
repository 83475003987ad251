#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the kernel has these settings. Blanks of any kind between the numbers of a value are the same.
# usage: sysctl_has.sh NAME VALUE [NAME VALUE ...]
set -u
set -f
words() {
  # shellcheck disable=SC2086 # split at blanks on purpose
  set -- $1
  echo "$*"
}
while [ "$#" -gt 0 ]; do
  actual=$(words "$(sysctl --values -- "$1" 2>&1)")
  desired=$(words "$2")
  if [ "$actual" != "$desired" ]; then
    echo "the kernel has $1 = $actual, desired is $desired"
    exit 1
  fi
  shift 2
done
