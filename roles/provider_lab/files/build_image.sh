#!/usr/bin/env bash
# Makes the machine image of the lab: a Debian root file system and a repository of package files.
# Usage: build_image.sh TARGET SUITE MACHINE_PACKAGES REPOSITORY_PACKAGES [MIRROR [SECURITY_MIRROR [COMPONENTS]]]
# Lists are comma separated; without a mirror the one that this host uses is taken.
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
target=$1 suite=$2 machine_packages=$3
read -r -a repository_packages <<<"${4//,/ }"
components=${7:-main} components=${components//,/ }
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

mirrors=$(
  sed -nE 's/^URIs:[[:space:]]+(https?:[^[:space:]]+).*/\1/p; s/^deb([[:space:]]+\[[^]]*\])?[[:space:]]+(https?:[^[:space:]]+).*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true
)
mirror=${5:-$(grep -v security <<<"$mirrors" | head -n 1 || true)}
security=${6:-$(grep security <<<"$mirrors" | head -n 1 || true)}
if [ -z "$mirror" ]; then
  echo 'A Debian mirror is wanted, and the apt sources of this host name none: set provider_lab_mirror.' >&2
  exit 1
fi
security=${security:-${mirror%/}-security}

mkdir -p "$(dirname "$target")"
# One builder at a time: parallel runs wait here and then find the image made.
exec 9>"$target.lock"
flock --timeout 5400 9 || {
  echo "$target is being made by another process for more than 5400 s: look who holds $target.lock (fuser -v), and run this again." >&2
  exit 1
}
if [ -e "$target" ]; then exit 0; fi

# Half-made images of killed runs are worthless; the lock says that nobody works on them.
rm -rf "$target".build.*
build=$(mktemp -d "$target.build.XXXXXX")
chmod 0755 "$build"
trap 'rm -rf "$build"' EXIT
root=$build/rootfs debs=$build/debs
mkdir -p "$debs"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
sources="deb [signed-by=$keyring] $mirror $suite $components"
options=()
if [ "$suite" = sid ]; then
  # It has no updates beside it, and a mirror of it may stand still: signatures count, ages do not.
  options+=(--aptopt='Acquire::Check-Valid-Until "false"')
else
  sources+="
deb [signed-by=$keyring] $mirror $suite-updates $components
deb [signed-by=$keyring] $security $suite-security $components"
fi

# The packages are downloaded one by one and then all together: whatever a role asks for, its dependencies are there.
cat >"$build/download" <<'HOOK'
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
wanted=""
for package in $LAB_REPOSITORY_PACKAGES; do
  if apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then wanted="$wanted $package"
  else echo "$package" >>"$LAB_BUILD/packages-not-in-this-suite"; fi
done
for package in $wanted; do
  apt-get install --yes --quiet --quiet --no-install-recommends --download-only "$package" >/dev/null
done
apt-get install --yes --quiet --quiet --no-install-recommends --download-only $wanted >/dev/null
mv "$1"/var/cache/apt/archives/*.deb "$LAB_BUILD/debs/"
HOOK

LAB_REPOSITORY_PACKAGES="${repository_packages[*]}" LAB_BUILD=$build mmdebstrap --quiet --mode=root --variant=minbase \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' "${options[@]}" \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --include="$machine_packages" \
  --customize-hook="sh $build/download \"\$1\"" \
  --skip=cleanup/apt/lists \
  "$suite" "$root" - <<<"$sources"

# One flat repository of package files; machines see it read-only at /srv/debs.
(
  cd "$debs"
  apt-ftparchive packages . >Packages
  apt-ftparchive -o APT::FTPArchive::Release::Origin=lab -o APT::FTPArchive::Release::Label=lab release . >../Release
  mv ../Release Release
)
rm -rf "$root"/var/lib/apt/lists/* "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/* "$root/etc/apt/apt.conf.d/99mmdebstrap"
mkdir -p "$root/srv/debs" "$root/var/lib/apt/lists/partial" "$root/var/lib/apt/periodic"
cat >"$root/etc/apt/sources.list.d/lab.sources" <<'FILE'
# Packages for the lab's machines come from the machine image: they have no way to a mirror.
Types: deb
URIs: file:/srv/debs
Suites: ./
Trusted: yes
FILE
cp -a "$debs/." "$root/srv/debs/"
chroot "$root" apt-get update --quiet --quiet
rm -rf "$root/srv/debs" && mkdir "$root/srv/debs"

# What a machine must not share with its siblings.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
: >"$root/etc/machine-id"
rm -rf "$root"/var/lib/cloud/* "$root"/var/log/*.log "$root"/var/log/apt/* "$root"/var/cache/apt/*.bin
rm -f "$root/etc/resolv.conf" "$root/dev/console"

cat >"$root/etc/cloud/cloud.cfg.d/90-lab.cfg" <<'FILE'
# The seed lies in /var/lib/cloud/seed/nocloud; nothing else is looked for.
datasource_list: [NoCloud, None]
apt: {preserve_sources_list: true}
# There are no locales but the built-in one.
# Text, not a truth value: the schema of cloud-init 22.4 (Debian 12) takes nothing else.
locale: "false"
FILE
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# Nothing may take the package lock behind Ansible's back, and a container has no clock, console or disks of its own.
systemctl --quiet --root="$root" mask apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer \
  systemd-networkd-wait-online.service systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
  getty@.service console-getty.service serial-getty@.service systemd-timesyncd.service
systemctl --quiet --root="$root" enable systemd-networkd.service systemd-resolved.service ssh.service
systemctl --quiet --root="$root" disable chrony.service

# As Debian sets it where recommended packages are installed: everybody may ping.
echo '-net.ipv4.ping_group_range = 0 2147483647' >"$root/etc/sysctl.d/50-lab.conf"

# chronyd runs as on any machine but leaves the clock alone: it is the host's.
mkdir -p "$root/etc/systemd/system/chrony.service.d"
cat >"$root/etc/systemd/system/chrony.service.d/lab.conf" <<'FILE'
[Unit]
ConditionCapability=
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd $DAEMON_OPTS -x
FILE

rm -f "$build/download"
printf '%s\n' "$suite" >"$build/suite"
trap - EXIT
mv -T "$build" "$target"
