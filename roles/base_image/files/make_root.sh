#!/usr/bin/env bash
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the root file system of all machines from Debian's packages: root.tar, root.json (what it holds) and files (a line
# for each file). Usage: make_root.sh FOLDER; what goes in comes from the environment. Run by once.sh.
set -euo pipefail
build=$1
: "${IMAGE_SUITE:?}" "${IMAGE_PACKAGES:?}" "${IMAGE_INITRAMFS_MODULES:?}" "${SOURCE_DATE_EPOCH:?}" "${IMAGE_COMPONENTS:?}"
read -r -a packages <<<"$IMAGE_PACKAGES"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH

mirrors=$(
  sed -nE 's/^URIs:[[:space:]]+(https?:[^[:space:]]+).*/\1/p; s/^deb([[:space:]]+\[[^]]*\])?[[:space:]]+(https?:[^[:space:]]+).*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true
)
mirror=${IMAGE_MIRROR:-$(grep -v security <<<"$mirrors" | head -n 1 || true)}
security=${IMAGE_SECURITY_MIRROR:-$(grep security <<<"$mirrors" | head -n 1 || true)}
if [ -z "$mirror" ]; then
  echo 'A Debian mirror is wanted, and the apt sources of this machine name none: set base_image_mirror.' >&2
  exit 1
fi
security=${security:-${mirror%/}-security}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ "$IMAGE_SUITE" = sid ]; then
  # It has no updates beside it, and a mirror of it may stand still: signatures count, ages do not.
  sources="deb [signed-by=$keyring check-valid-until=no] $mirror $IMAGE_SUITE $IMAGE_COMPONENTS"
else
  sources="deb [signed-by=$keyring] $mirror $IMAGE_SUITE $IMAGE_COMPONENTS
deb [signed-by=$keyring] $mirror $IMAGE_SUITE-updates $IMAGE_COMPONENTS
deb [signed-by=$keyring] $security $IMAGE_SUITE-security $IMAGE_COMPONENTS"
fi

# Before any package: what the kernel's installation reads when it makes the initial RAM disk.
cat >"$build/before" <<'HOOK'
set -eu
mkdir -p "$1/etc/initramfs-tools/hooks" "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/scripts/local-top"
# A list, not all that Debian has: an initial RAM disk of a tenth of the size, and slow machines feel it.
printf 'MODULES=list\nCOMPRESS=zstd\nRESUME=none\n' >"$1/etc/initramfs-tools/conf.d/machine-image"
cat >"$1/etc/initramfs-tools/hooks/machine-image" <<FILE
#!/bin/sh
# Disk controllers of virtual machines, and the check of the root file system.
[ "\$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
for module in $IMAGE_INITRAMFS_MODULES; do
  manual_add_modules "\$module"
done
copy_exec /sbin/fsck /sbin
copy_exec /sbin/logsave /sbin
copy_exec /sbin/e2fsck /sbin
ln -sf e2fsck "\$DESTDIR/sbin/fsck.ext4"
FILE
cat >"$1/etc/initramfs-tools/scripts/local-top/machine-image" <<'FILE'
#!/bin/sh
# The disk of a slow host comes later than in the 30 s that are waited for it. Said here and not as rootdelay= to the
# kernel: that much would be slept before the first look.
[ "$1" != prereqs ] || exit 0
echo ROOTDELAY=600 >>/conf/param.conf
FILE
chmod 0755 "$1/etc/initramfs-tools/hooks/machine-image" "$1/etc/initramfs-tools/scripts/local-top/machine-image"
HOOK

cat >"$build/after" <<'HOOK'
set -eu
root=$1
# Packages that a release may not have.
wanted=""
for package in $IMAGE_OPTIONAL_PACKAGES; do
  if APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then wanted="$wanted $package"
  else echo "$package" >>"$IMAGE_BUILD/not-in-this-release"; fi
done
[ -z "$wanted" ] || APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get install --yes --quiet --no-install-recommends $wanted

cat >"$root/etc/cloud/cloud.cfg.d/90-machine-image.cfg" <<'FILE'
# A seed, or nothing: no other place is asked.
datasource_list: [NoCloud, None]
apt: {preserve_sources_list: true}
# Text, not a truth value: the schema of cloud-init 22.4 (Debian 12) takes nothing else.
locale: "false"
# Partitions and volumes grow by the role base_lvm.
growpart: {mode: "off"}
resize_rootfs: false
system_info:
  network:
    renderers: [networkd]
FILE
mkdir -p "$root/etc/default/grub.d"
cat >"$root/etc/default/grub.d/machine-image.cfg" <<'FILE'
GRUB_TIMEOUT=1
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
FILE
# On a slow host (nested, emulated, many VMs that start at once) disks appear late; the default of 90 s ends in a rescue shell.
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultDeviceTimeoutSec=10min\nDefaultTimeoutStartSec=10min\n' >"$root/etc/systemd/system.conf.d/machine-image.conf"
# What a virtual machine has no use for, and what takes long to load: radio, watchdog and sensors of its chip set.
printf 'blacklist %s\n' cfg80211 iTCO_wdt lpc_ich i2c_i801 pcspkr joydev intel_rapl_msr >"$root/etc/modprobe.d/machine-image.conf"
# As Debian sets it where recommended packages are installed: everybody may ping.
echo '-net.ipv4.ping_group_range = 0 2147483647' >"$root/etc/sysctl.d/50-machine-image.conf"
# Nothing may take the package lock behind the back of who manages the machine.
systemctl --quiet --root="$root" mask apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service \
  dpkg-db-backup.timer man-db.timer e2scrub_all.timer e2scrub_reap.service systemd-networkd-wait-online.service
systemctl --quiet --root="$root" enable systemd-networkd.service systemd-resolved.service ssh.service

if [ -n "$IMAGE_CONTAINER_IMAGES" ]; then
  store=$root/var/lib/machine-image/container-images
  mkdir -p "$store"
  for archive in $IMAGE_CONTAINER_IMAGES; do install -m 0644 "$archive" "$store/"; done
  cat >"$root/etc/systemd/system/machine-image-containers.service" <<'FILE'
[Unit]
Description=Bring the container images that lie in the machine image into containerd
ConditionPathExists=!/var/lib/machine-image/container-images/imported
After=containerd.service
Requires=containerd.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cd /var/lib/machine-image/container-images && for file in *; do ctr -n k8s.io images import "$file" || exit 1; done; touch imported'

[Install]
WantedBy=multi-user.target
FILE
  systemctl --quiet --root="$root" enable machine-image-containers.service
fi

# What a machine must not share with its siblings, and what differs from build to build.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
rm -rf "$root"/var/lib/cloud/* "$root"/var/log/*.log "$root"/var/log/apt/* "$root"/var/log/journal/* "$root"/var/cache/ldconfig/* \
  "$root"/var/lib/systemd/random-seed "$root"/var/lib/systemd/catalog/database "$root"/boot/grub
# Only the build is hasty: a machine whose power is cut has its packages whole.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"
sed -i '/^force-unsafe-io$/d' "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
rm -f "$root"/etc/*- "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"

chroot "$root" dpkg-query --show --showformat '${Package} ${Version} ${Architecture}\n' >"$IMAGE_BUILD/packages"
if chroot "$root" awk -F: '$2 !~ /^[!*]/ { found = 1 } END { exit !found }' /etc/shadow; then
  echo 'An account of the image has a password or needs none.' >&2
  exit 1
fi
HOOK

read -r -a excludes <<<"${IMAGE_PATH_EXCLUDES:-}"
# What Debian's packages may be passed on under stays, whatever else of their documentation does not.
paths=("${excludes[@]/#/--dpkgopt=path-exclude=}" '--dpkgopt=path-include=/usr/share/doc/*/copyright')
export IMAGE_BUILD=$build
mmdebstrap --mode=root --variant=minbase --format=tar --skip=output/dev \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io "${paths[@]}" \
  --include="$(IFS=,; echo "${packages[*]}")" \
  --setup-hook="sh $build/before \"\$1\"" --customize-hook="sh $build/after \"\$1\"" \
  "$IMAGE_SUITE" "$build/root.tar" - <<<"$sources"

tar --list --verbose --numeric-owner --full-time --file "$build/root.tar" | sort -k 6 >"$build/files"
python3 - "$build" "$IMAGE_SUITE" <<'FACTS'
import datetime, hashlib, json, os, sys
build, suite = sys.argv[1:]
def digest(name):
    found = hashlib.sha256()
    with open(f"{build}/{name}", "rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()
def rows(name):
    path = f"{build}/{name}"
    return open(path, encoding="utf-8").read().splitlines() if os.path.exists(path) else []
facts = {
    "suite": suite,
    "built": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "source_date_epoch": int(os.environ["SOURCE_DATE_EPOCH"]),
    "packages": [dict(zip(("name", "version", "architecture"), row.split())) for row in sorted(rows("packages"))],
    "packages_not_in_this_release": sorted(rows("not-in-this-release")),
    "root": {"sha256": digest("root.tar"), "size_bytes": os.path.getsize(f"{build}/root.tar")},
    "files": {"count": len(rows("files")), "sha256": digest("files")},
}
with open(f"{build}/root.json", "w", encoding="utf-8") as file:
    json.dump(facts, file, indent=2, sort_keys=True)
FACTS
rm -f "$build/before" "$build/after" "$build/packages" "$build/not-in-this-release"
