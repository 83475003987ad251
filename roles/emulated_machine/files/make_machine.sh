#!/usr/bin/env bash
# Root disk and SSH files of an emulated machine that boots a built image. Usage: make_machine.sh FOLDER IMAGE NAME PORT
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
folder=$1 image=$2 name=$3 port=$4
if [ -e "$folder/root.ext4" ]; then exit 0; fi
umask 077
rm -rf "$folder/ssh"
mkdir -p "$folder/ssh"
ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$folder/ssh/key"
ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$folder/ssh/host_key"
printf '%s %s\n' "$name" "$(cut -d ' ' -f 1,2 "$folder/ssh/host_key.pub")" >"$folder/ssh/known_hosts"
cat >"$folder/ssh/config" <<FILE
Host $name
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile $folder/ssh/key
  IdentitiesOnly yes
  UserKnownHostsFile $folder/ssh/known_hosts
  HostKeyAlias $name
  StrictHostKeyChecking yes
FILE
cp --sparse=always "$image/root.ext4" "$folder/root.new"
debugfs -w -f - "$folder/root.new" >/dev/null 2>&1 <<COMMANDS
write $folder/ssh/key.pub /root/.ssh/authorized_keys
write $folder/ssh/host_key /etc/ssh/ssh_host_ed25519_key
write $folder/ssh/host_key.pub /etc/ssh/ssh_host_ed25519_key.pub
COMMANDS
for path in /root/.ssh/authorized_keys /etc/ssh/ssh_host_ed25519_key; do
  debugfs -w -R "set_inode_field $path mode 0100600" "$folder/root.new" 2>/dev/null
  debugfs -R "stat $path" "$folder/root.new" 2>/dev/null | grep -q 'Mode: *0600'
done
mv "$folder/root.new" "$folder/root.ext4"
echo changed
