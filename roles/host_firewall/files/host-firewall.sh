#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Loads the rules of this machine. New ones are on trial: unless somebody confirms them, those before come back.
# usage: host-firewall load SECONDS | check | trial | confirm | back | remove
set -eu
folder=/etc/host-firewall
wanted=$folder/rules.nft
confirmed=$folder/confirmed.nft
loaded=/run/host-firewall.loaded
ended=/run/host-firewall.ended
timer=host-firewall-back

on_trial() { ! cmp -s "$wanted" "$confirmed"; }
# What was loaded, and what the kernel has: a rule that is removed or added by hand is a difference.
actual() {
  sha256sum "$wanted"
  nft --stateless list table inet host_firewall
}
stop_timer() { systemctl stop "$timer.timer" 2>/dev/null || true; }
start_timer() {
  stop_timer
  systemd-run --quiet --collect --unit="$timer" --on-active="$1" --timer-property=AccuracySec=1s "$0" back
}
load() {
  nft --file "$wanted"
  actual >"$loaded"
}

case $1 in
  load)
    [ -e "$wanted" ] || exit 0
    rm -f "$ended"
    if on_trial; then start_timer "$2"; fi
    load
    ;;
  check)
    actual 2>/dev/null | cmp -s - "$loaded" || {
      echo "the rules in the kernel are not those of $wanted"
      exit 1
    }
    ;;
  trial) if on_trial; then echo "the rules are on trial"; fi ;;
  confirm)
    stop_timer
    if [ -e "$ended" ]; then
      echo "the trial has ended, the rules before are back"
      exit 1
    fi
    cp "$wanted" "$confirmed.new"
    mv "$confirmed.new" "$confirmed"
    ;;
  back)
    touch "$ended"
    if [ -e "$confirmed" ]; then
      cp "$confirmed" "$wanted.new"
      mv "$wanted.new" "$wanted"
      load
    else
      nft delete table inet host_firewall || true
      rm -f "$wanted" "$loaded"
    fi
    echo "nobody confirmed the new rules, the rules before are back"
    ;;
  remove)
    stop_timer
    systemctl disable --now --quiet host-firewall.service
    nft delete table inet host_firewall 2>/dev/null || true
    rm -rf "$folder" "$loaded" "$ended" /etc/systemd/system/host-firewall.service "$0"
    systemctl daemon-reload
    ;;
esac
