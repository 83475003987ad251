# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# What the scripts that build for the nightly tests share; sourced by them.
# shellcheck shell=bash
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
cache=${VIRTUAL_DATACENTER_CACHE:-$HOME/.cache/virtual.datacenter}
mirror=$(
  sed -nE 's/^URIs:[[:space:]]+(https?:[^[:space:]]+).*/\1/p; s/^deb([[:space:]]+\[[^]]*\])?[[:space:]]+(https?:[^[:space:]]+).*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -v security | head -n 1 || true
)
[ -n "$mirror" ] || { echo 'build: a Debian mirror is wanted, and the apt sources of this host name none' >&2; exit 1; }
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'

# debian <folder> <packages> [option of mmdebstrap ...]: a root file system of Debian's unstable.
debian() {
  # A mirror of unstable may stand still: signatures count, ages do not.
  mmdebstrap --quiet --mode=root --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --include="$2" "${@:3}" sid "$1" "deb $signed $mirror sid main contrib" >&2
}

# once <name> <file ...>: goes on alone, in $build, unless the folder $target, keyed by the files, is there already.
once() {
  target=$cache/$1-$(cat "${@:2}" | sha256sum | cut -c1-12)
  mkdir -p "$cache"
  # One builder at a time: parallel runs wait here and then find the folder made.
  exec 9>"$cache/$1.lock"
  flock 9
  if [ -e "$target" ]; then
    echo "$target"
    exit 0
  fi
  rm -rf "$target".build.*
  build=$(mktemp -d "$target.build.XXXXXX")
  trap 'rm -rf "$build"' EXIT
}

# keep: what was built is there from now on; prints its folder.
keep() {
  trap - EXIT
  mv -T "$build" "$target"
  echo "$target"
}
