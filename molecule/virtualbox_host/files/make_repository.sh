#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a package repository of the VirtualBox in a folder, signed by a key that nobody else has and that is thrown away.
# usage: make_repository.sh PACKAGES REPOSITORY
set -eu
packages=$1 repository=$2
rm -rf "$repository"
mkdir -p "$repository"
cp "$packages"/virtualbox*.deb "$repository"
cd "$repository"
apt-ftparchive packages . >Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=test release . >../Release
mv ../Release Release
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill gpg-agent; rm -rf "$GNUPGHOME"' EXIT
gpg --batch --quiet --passphrase '' --quick-gen-key 'A repository for tests' ed25519 sign never
gpg --batch --quiet --clearsign --output InRelease Release
gpg --batch --quiet --armor --export >key.asc
gpg --batch --with-colons --list-keys | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' >fingerprint
