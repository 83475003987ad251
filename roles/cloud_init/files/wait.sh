#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Waits until cloud-init has ended, and says how: 0 done, 1 failed, 2 degraded, 3 still at work when the time is over,
# 4 switched off. But for "done" it prints what cloud-init says of itself and the end of its log. Usage: wait.sh SECONDS
set -u
seconds=$1
run=/run/cloud-init
log=/var/log/cloud-init.log
units='cloud-init-local.service cloud-init.service cloud-init-main.service cloud-init-network.service cloud-config.service cloud-final.service'
LC_ALL=C
export LC_ALL

uptime_now() { cut -d . -f 1 /proc/uptime; }
until=$(($(uptime_now) + seconds))
round=0

end() {
  echo "cloud-init: $2"
  timeout 60 cloud-init status --format json 2>&1
  echo "last warnings and errors in $log:"
  grep -E '\[(WARNING|ERROR|CRITICAL)\]' "$log" 2>&1 | tail -n 10
  echo "last lines of $log:"
  tail -n 20 "$log" 2>&1
  exit "$1"
}

# The file that cloud-init writes last. Its own command costs a second of processor time: it is only asked when
# there is something to tell.
while ! [ -s $run/result.json ]; do
  [ -e $run/disabled ] && end 4 'switched off'
  round=$((round + 1))
  # A stage that died writes nothing.
  if [ $((round % 10)) = 0 ]; then
    # shellcheck disable=SC2086 # a list of names
    dead=$(systemctl list-units --state=failed --plain --no-legend $units 2>/dev/null | cut -d ' ' -f 1)
    [ -z "$dead" ] || end 1 "failed: $(echo "$dead" | tr '\n' ' ')"
  fi
  [ "$(uptime_now)" -lt "$until" ] || end 3 "still at work after $seconds s"
  sleep 0.5
done

not_empty='"%s": *[[{] *([^]} ]|$)'
# shellcheck disable=SC2059 # the pattern is ours
told() { grep -Eq "$(printf "$not_empty" "$1")" $run/result.json $run/status.json; }
if told errors; then end 1 failed; fi
if told recoverable_errors; then end 2 degraded; fi
# Before 23.4 (Debian 12) warnings are in the log only. It goes on from boot to boot.
if ! grep -q recoverable_errors $run/status.json; then
  warnings=$(sed -n "H; /running 'init-local'/h; \${x; p}" "$log" | grep -c '\[WARNING\]')
  [ "$warnings" = 0 ] || end 2 "degraded: $warnings warnings"
fi
echo 'cloud-init: done'
