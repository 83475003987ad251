#!/usr/bin/env bash
# Power of an emulated machine. Its folder holds run.sh (what the machine is), the console's output and process ids.
# Usage: power.sh start|cut|wait FOLDER [SSH_PORT [SECONDS]]     Prints "changed" when it changed something.
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
verb=$1 folder=$2 port=${3:-} seconds=${4:-180}

# A process id may be somebody else's after a while; id and start time together may not.
born() { sed -E 's/^.*\) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
note() { printf '%s %s\n' "$2" "$(born "$2")" >"$folder/$1.pid"; }
alive() {
  [ -e "$folder/$1.pid" ] || return 1
  local pid since
  read -r pid since <"$folder/$1.pid"
  [ -n "$since" ] && [ "$(born "$pid")" = "$since" ] && echo "$pid"
}
end() {
  local pid
  pid=$(alive "$1") || return 0
  kill -9 "$pid"
  while [ -n "$(born "$pid")" ] && [ "$(sed -E 's/^.*\) (.).*/\1/' "/proc/$pid/stat" 2>/dev/null)" != Z ]; do sleep 0.05; done
  rm -f "$folder/$1.pid"
  echo changed
}

case $verb in
  start)
    if alive machine >/dev/null; then exit 0; fi
    end forwarder >/dev/null
    # Whatever is left of an earlier machine holds this lock.
    exec 9>"$folder/lock"
    flock --timeout 30 9 || { echo "Processes of an earlier machine still use $folder." >&2; exit 1; }
    isolate=()
    if [ -e "$folder/forwarder.py" ]; then isolate=(--net); fi
    # Everything of the machine lives in a process namespace: with its first process all are gone, like with the power.
    setsid unshare --pid --fork --kill-child --mount-proc "${isolate[@]}" bash "$folder/run.sh" </dev/null >"$folder/console" 2>&1 &
    note machine $!
    if [ -e "$folder/forwarder.py" ]; then
      setsid python3 "$folder/forwarder.py" "/proc/$!/ns/net" "$port:10.0.2.15:22" </dev/null >"$folder/forwarder.log" 2>&1 9>&- &
      note forwarder $!
    fi
    echo changed
    ;;
  cut)
    end machine
    end forwarder
    ;;
  wait)
    until=$((SECONDS + seconds))
    while [ "$SECONDS" -lt "$until" ]; do
      if ! alive machine >/dev/null; then
        echo "The emulated machine has stopped by itself. Its console ends with:" >&2
        tail -n 15 "$folder/console" >&2
        exit 1
      fi
      if (exec 3<>"/dev/tcp/127.0.0.1/$port" && read -r -t 5 line <&3 && [ "${line:0:4}" = SSH- ]) 2>/dev/null; then exit 0; fi
      sleep 0.5
    done
    echo "The emulated machine does not answer by SSH on port $port after $seconds s. Its console ends with:" >&2
    tail -n 15 "$folder/console" >&2
    exit 1
    ;;
esac
