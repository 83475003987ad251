#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A folder with content of every kind, a service that keeps one of its files open, and somebody else's file system.
set -eu
mkdir -p /var/lib/app/deep/er /var/lib/etcd
head -c 3000000 /dev/urandom >/var/lib/app/deep/er/random
ln /var/lib/app/deep/er/random /var/lib/app/hard-link
ln -s deep/er /var/lib/app/link
truncate -s 50M /var/lib/app/sparse
printf secret >/var/lib/app/private
chown 1234:4321 /var/lib/app/private
chmod 0640 /var/lib/app/private
chmod 0751 /var/lib/app
mkfifo /var/lib/app/pipe
touch -d '2020-01-02 03:04:05' /var/lib/app/old
python3 -c 'import os; os.setxattr("/var/lib/app/old", "user.kept", b"yes")'
cat >/etc/systemd/system/app@.service <<'FILE'
[Service]
ExecStart=/bin/sh -c 'exec 3>>/var/lib/%i/log; while :; do date +%%s >&3; sleep 1; done'
[Install]
WantedBy=multi-user.target
FILE
systemctl daemon-reload
systemctl start app@app
mkfs.ext4 -q /dev/ubdd
