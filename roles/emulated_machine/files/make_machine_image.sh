#!/usr/bin/env bash
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes what an emulated machine boots from the root file system of all machines: a user-mode Linux kernel, and root.ext4
# with its modules. Usage: make_machine_image.sh FOLDER; run by base_image's once.sh.
set -euo pipefail
build=$1
: "${IMAGE_ROOT:?}" "${KERNEL_SUITE:?}"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
root=$build/root
mkdir "$root"
tar --extract --file "$IMAGE_ROOT/root.tar" --directory "$root" --numeric-owner --xattrs --xattrs-include='*' \
  --exclude='./boot/*' --exclude='./usr/lib/modules/*'
mkdir -p "$root"/{dev,proc,sys,run}

# The kernel with the C library that it wants; its modules go to the machine. A mirror may keep a moving suite frozen.
mirror=$(tar --extract --to-stdout --file "$IMAGE_ROOT/root.tar" ./etc/apt/sources.list | grep -o 'https\?://[^ ]*' | head -n 1)
mmdebstrap --mode=root --variant=extract --aptopt='Acquire::Retries "3"' \
  --aptopt='Acquire::Check-Valid-Until "false"' --include=user-mode-linux \
  "$KERNEL_SUITE" "$build/extracted" "$mirror"
mv "$build/extracted/usr/bin/linux.uml" "$build/linux"
mkdir "$build/libraries"
cp -a "$build/extracted/usr/lib/x86_64-linux-gnu/." "$build/libraries/"
mkdir -p "$root/lib/modules"
mv "$build/extracted/usr/lib/uml/modules"/* "$root/lib/modules/"
depmod --basedir "$root" "$(ls "$root/lib/modules")"
rm -rf "$build/extracted"

: >"$root/etc/fstab"
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
# No seed, one address, the clock of the host: starting a program takes long here, and each of these starts some.
systemctl --quiet --root="$root" mask systemd-timesyncd.service systemd-logind.service fstrim.timer xfs_scrub_all.timer \
  systemd-networkd.service systemd-networkd.socket systemd-resolved.service chrony.service grub-common.service \
  nftables.service systemd-pstore.service \
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
