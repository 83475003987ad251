#!/usr/bin/env bash
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a folder once: under its own name it is whole, or it is not there. Usage: once.sh TARGET SCRIPT; the script fills
# the folder that is its only argument.
set -euo pipefail
target=$1 script=$2

mkdir -p "$(dirname "$target")"
# One builder at a time: parallel runs wait here and then find the folder made.
exec 9>"$target.lock"
flock --timeout 5400 9 || {
  echo "$target is being made by another process for more than 5400 s: look who holds $target.lock (fuser -v), and run this again." >&2
  exit 1
}
if [ -e "$target" ]; then exit 0; fi
# Half-made folders of killed runs are worthless; the lock says that nobody works on them.
rm -rf "$target".build.*
build=$(mktemp -d "$target.build.XXXXXX")
chmod 0755 "$build"
trap 'rm -rf "$build"' EXIT
# What the script says goes to who waits, too: the callback progress names a file for it.
log=${VIRTUAL_DATACENTER_PROGRESS:-/dev/null}
[ -w "$(dirname "$log")" ] || log=/dev/null
bash "$script" "$build" 2> >(tee --append "$log" >&2)
trap - EXIT
mv -T "$build" "$target"
