#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The disk of the killed rounds empty again, its folder full and its service running.
set -u
systemctl stop app@round 2>/dev/null
umount /run/base_lvm/round-app /var/lib/round 2>/dev/null
sed -i '\|/var/lib/round|d' /etc/fstab
rm -f /etc/fstab.base_lvm
systemctl daemon-reload
vgremove --yes --force --force round >/dev/null 2>&1
wipefs --all --quiet /dev/ubde1 2>/dev/null
wipefs --all --quiet /dev/ubde
blockdev --rereadpt /dev/ubde
set -e
[ -z "$(lsblk --noheadings --output NAME /dev/ubde | tail -n +2)" ]
[ -z "$(findmnt --noheadings /var/lib/round)" ]
rm -rf /var/lib/round
mkdir -p /var/lib/round/some/folders
for number in 1 2 3 4 5 6; do head -c 400000 /dev/urandom >"/var/lib/round/some/folders/$number"; done
ln /var/lib/round/some/folders/1 /var/lib/round/link
cd /var/lib/round
find some link -type f -exec sha256sum {} + | sort -k 2 >/root/round.sums
systemctl start app@round
sync
