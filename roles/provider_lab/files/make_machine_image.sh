#!/usr/bin/env bash
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes what the lab's containers run from the root file system of all machines: rootfs, and debs, a repository of package
# files. Usage: make_machine_image.sh FOLDER; run by base_image's once.sh.
set -euo pipefail
build=$1
: "${IMAGE_ROOT:?}" "${IMAGE_SUITE:?}" "${LAB_REPOSITORY_PACKAGES?}"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive LAB_BUILD=$build
root=$build/rootfs debs=$build/debs
mkdir "$root" "$debs"

# A container has the kernel of its host.
tar --extract --file "$IMAGE_ROOT/root.tar" --directory "$root" --numeric-owner --xattrs --xattrs-include='*' \
  --exclude='./boot/*' --exclude='./usr/lib/modules/*'
mkdir -p "$root"/{dev,proc,sys,run}

# The packages are downloaded one by one and then all together: whatever a role asks for, its dependencies are there.
cat >"$build/download" <<'HOOK'
set -eu
tar --extract --file "$IMAGE_ROOT/root.tar" --directory "$1" ./var/lib/dpkg
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
wanted=""
for package in $LAB_REPOSITORY_PACKAGES; do
  if apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then wanted="$wanted $package"
  else echo "$package" >>"$LAB_BUILD/packages-not-in-this-suite"; fi
done
for package in $wanted; do
  apt-get install --yes --quiet --quiet --no-install-recommends --download-only "$package" >/dev/null
done
[ -z "$wanted" ] || apt-get install --yes --quiet --quiet --no-install-recommends --download-only $wanted >/dev/null
find "$1/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec mv -t "$LAB_BUILD/debs" {} +
HOOK
tar --extract --to-stdout --file "$IMAGE_ROOT/root.tar" ./etc/apt/sources.list |
  mmdebstrap --mode=root --variant=custom --format=null --aptopt='Acquire::Retries "3"' \
    --customize-hook="sh $build/download \"\$1\"" "$IMAGE_SUITE" - -
rm "$build/download"

# One flat repository of package files; machines see it read-only at /srv/debs.
(
  cd "$debs"
  apt-ftparchive packages . >Packages
  apt-ftparchive -o APT::FTPArchive::Release::Origin=lab -o APT::FTPArchive::Release::Label=lab release . >../Release
  mv ../Release Release
)
rm -rf "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
cat >"$root/etc/apt/sources.list.d/lab.sources" <<'FILE'
# Packages for the lab's machines come from the machine image: they have no way to a mirror.
Types: deb
URIs: file:/srv/debs
Suites: ./
Trusted: yes
FILE
mkdir -p "$root/srv/debs" "$root/var/lib/apt/lists/partial" "$root/var/lib/apt/periodic"
cp -a "$debs/." "$root/srv/debs/"
mknod -m 0666 "$root/dev/null" c 1 3
chroot "$root" apt-get update --quiet --quiet
rm -rf "$root/srv/debs" "$root/dev/null" "$root"/var/cache/apt/*.bin
mkdir "$root/srv/debs"
# A power cut of a machine is none of the host that writes for it.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/lab"

# A container has no clock, console, terminals or disks of its own; LVM would look at those of the host.
systemctl --quiet --root="$root" mask sys-kernel-debug.mount sys-kernel-tracing.mount fstrim.timer xfs_scrub_all.timer \
  systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-pstore.service \
  lvm2-monitor.service lvm2-lvmpolld.socket lvm2-lvmpolld.service blk-availability.service dm-event.socket dm-event.service \
  getty@.service getty-static.service console-getty.service serial-getty@.service systemd-timesyncd.service grub-common.service
systemctl --quiet --root="$root" disable chrony.service

# chronyd runs as on any machine but leaves the clock alone: it is the host's.
mkdir -p "$root/etc/systemd/system/chrony.service.d"
cat >"$root/etc/systemd/system/chrony.service.d/lab.conf" <<'FILE'
[Unit]
ConditionCapability=
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd $DAEMON_OPTS -x
FILE
printf '%s\n' "$IMAGE_SUITE" >"$build/suite"
