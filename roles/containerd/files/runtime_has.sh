#!/usr/bin/env bash
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the runtime is ready and its CRI plugin has a setting.
# A status request of CRI, with details, written by hand: gRPC is a length and a message over HTTP/2.
# It needs no client, and it is answered only if the CRI plugin accepted its configuration.
# usage: runtime_has.sh SOCKET SETTING
set -u
said=$(printf '\0\0\0\0\2\10\1' |
  curl --silent --show-error --fail --max-time 10 --http2-prior-knowledge \
    --header 'Content-Type: application/grpc' --header 'TE: trailers' --data-binary @- \
    --unix-socket "$1" http://localhost/runtime.v1.RuntimeService/Status |
  LC_ALL=C grep --text --only-matching --perl-regexp 'RuntimeReady\x10\x01|"SystemdCgroup":\w+' |
  tr -d '\20\1')
if [[ $said != *RuntimeReady* || $said != *$2* ]]; then
  echo "RuntimeReady and $2 are desired, the CRI plugin says: ${said:-nothing}"
  exit 1
fi
