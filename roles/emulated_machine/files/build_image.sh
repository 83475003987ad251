#!/usr/bin/env bash
# Makes what an emulated machine boots: a user-mode Linux kernel and a Debian root file system with its modules.
# Usage: build_image.sh TARGET SUITE PACKAGES KERNEL_SUITE [MIRROR]     PACKAGES is comma separated
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
target=$1 suite=$2 packages=$3 kernel_suite=$4
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
mirror=${5:-$(
  sed -nE 's/^URIs:[[:space:]]+(https?:[^[:space:]]+).*/\1/p; s/^deb([[:space:]]+\[[^]]*\])?[[:space:]]+(https?:[^[:space:]]+).*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -v security | head -n 1 || true
)}
if [ -z "$mirror" ]; then
  echo 'A Debian mirror is wanted, and the apt sources of this host name none: set emulated_machine_mirror.' >&2
  exit 1
fi

mkdir -p "$(dirname "$target")"
# One builder at a time: parallel runs wait here and then find the image made.
exec 9>"$target.lock"
flock --timeout 5400 9 || {
  echo "$target is being made by another process for more than 5400 s: look who holds $target.lock (fuser -v), and run this again." >&2
  exit 1
}
if [ -e "$target" ]; then exit 0; fi
rm -rf "$target".build.*
build=$(mktemp -d "$target.build.XXXXXX")
trap 'rm -rf "$build"' EXIT
root=$build/root

mmdebstrap --quiet --mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
  --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --include="$packages" \
  "$suite" "$root" "$mirror"
chroot "$root" dpkg-query --show >"$build/packages"

# The kernel with the C library that it wants; its modules go to the machine. A mirror may keep a moving suite frozen.
mmdebstrap --quiet --mode=root --variant=extract --aptopt='Acquire::Retries "3"' \
  --aptopt='Acquire::Check-Valid-Until "false"' --include=user-mode-linux \
  "$kernel_suite" "$build/extracted" "$mirror"
mv "$build/extracted/usr/bin/linux.uml" "$build/linux"
mkdir "$build/libraries"
cp -a "$build/extracted/usr/lib/x86_64-linux-gnu/." "$build/libraries/"
mkdir -p "$root/lib/modules"
mv "$build/extracted/usr/lib/uml/modules"/* "$root/lib/modules/"
depmod --basedir "$root" "$(ls "$root/lib/modules")"
rm -rf "$build/extracted"

rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
: >"$root/etc/fstab"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
install --directory --mode=0700 "$root/root/.ssh"
cat >"$root/etc/systemd/system/static-address.service" <<'FILE'
[Unit]
DefaultDependencies=no
After=systemd-udev-trigger.service
Before=ssh.service
[Service]
Type=oneshot
ExecStart=ip address add 10.0.2.15/24 dev vec0
ExecStart=ip link set vec0 up
ExecStart=ip route add default via 10.0.2.2
[Install]
WantedBy=multi-user.target
FILE
# Each terminal of user-mode Linux is an event; disks and network cards are enough.
mkdir -p "$root/etc/systemd/system/systemd-udev-trigger.service.d"
cat >"$root/etc/systemd/system/systemd-udev-trigger.service.d/few.conf" <<'FILE'
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=misc
FILE
systemctl --quiet --root="$root" enable ssh.service static-address.service
systemctl --quiet --root="$root" mask systemd-networkd-wait-online.service systemd-timesyncd.service systemd-logind.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@.service getty-static.service console-getty.service serial-getty@.service systemd-pcrphase.service \
  systemd-udev-load-credentials.service systemd-network-generator.service systemd-random-seed.service \
  modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@dm_mod.service
# Forks are slow here, and each start and reload runs every generator; that of fstab is the one that is needed.
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/*; do
  name=$(basename "$generator")
  [ "$name" = systemd-fstab-generator ] || ln -s /dev/null "$root/etc/systemd/system-generators/$name"
done

# The first boot has nothing to bring up to date.
touch -d '+1 hour' "$root/etc/.updated" "$root/var/.updated"

mke2fs -q -t ext4 -E lazy_itable_init=1 -d "$root" "$build/root.ext4" 1500M
rm -rf "$root"
trap - EXIT
mv -T "$build" "$target"
