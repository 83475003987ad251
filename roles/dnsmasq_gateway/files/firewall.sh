#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Keeps the gateway's rules in the kernel, and lets nothing through without them.
# usage: dnsmasq-gateway-firewall load | check | guard | close
set -eu
rules=/etc/dnsmasq-gateway.nft
loaded=/run/dnsmasq-gateway-firewall
forward=/proc/sys/net/ipv4/ip_forward

# What was loaded, and what the kernel has: a rule that is removed or added by hand is a difference.
actual() {
  sha256sum "$rules"
  nft --stateless list table inet dnsmasq_gateway
}

check() {
  [ "$(cat "$forward")" = 1 ] && actual 2>/dev/null | cmp -s - "$loaded"
}

load() (
  if flock --timeout 60 9 && nft --file "$rules" && actual >"$loaded"; then
    echo 1 >"$forward"
  else
    echo 0 >"$forward"
    return 1
  fi
) 9>"$loaded.lock"

case $1 in
  load) load ;;
  check)
    check || {
      echo "the rules in the kernel are not those of $rules, or nothing is forwarded"
      exit 1
    }
    ;;
  # One "nft flush ruleset" of somebody else takes away the rules and leaves the forwarding.
  guard)
    while sleep 2; do
      if ! check; then
        echo "the rules in the kernel were not those of $rules: they are loaded again"
        load || echo "they cannot be loaded: nothing is forwarded"
      fi
    done
    ;;
  close) echo 0 >"$forward" ;;
esac
