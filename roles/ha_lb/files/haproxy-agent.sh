#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The OCF resource agent of haproxy. systemd runs haproxy, and restarts at once one that died; this agent asks haproxy itself
# whether it serves, so that pacemaker hears of one that hangs, or that does not come back. It also tells the cluster how many
# of the frontends have no backend that is up.
# usage: haproxy-agent start | stop | monitor | validate-all | meta-data
LC_ALL=C
export LC_ALL
unit=haproxy.service
socket=${OCF_RESKEY_socket:-/run/haproxy/admin.sock}
answer_seconds=${OCF_RESKEY_answer_seconds:-2}
attribute=${OCF_RESKEY_attribute-ha_lb_frontends_down}
delay_seconds=${OCF_RESKEY_delay_seconds:-5}
known=/run/ha_lb-frontends-down

success=0 generic_error=1 bad_arguments=2 unimplemented=3 not_installed=5 not_running=7

meta_data() {
  cat <<'XML'
<?xml version="1.0"?>
<resource-agent name="haproxy" version="1.0">
  <version>1.1</version>
  <longdesc lang="en">Runs haproxy.service of systemd, and asks haproxy on its socket whether it serves.</longdesc>
  <shortdesc lang="en">haproxy that answers</shortdesc>
  <parameters>
    <parameter name="socket">
      <longdesc lang="en">The socket on which haproxy takes commands.</longdesc>
      <shortdesc lang="en">socket of haproxy</shortdesc>
      <content type="string" default="/run/haproxy/admin.sock"/>
    </parameter>
    <parameter name="answer_seconds">
      <longdesc lang="en">How long haproxy may take to answer, and systemd to restart it, before it counts as failed.</longdesc>
      <shortdesc lang="en">seconds for an answer</shortdesc>
      <content type="integer" default="2"/>
    </parameter>
    <parameter name="attribute">
      <longdesc lang="en">The attribute of the node that says how many frontends have no backend that is up. Empty for none.</longdesc>
      <shortdesc lang="en">attribute of the node</shortdesc>
      <content type="string" default="ha_lb_frontends_down"/>
    </parameter>
    <parameter name="delay_seconds">
      <longdesc lang="en">How long the cluster waits for other nodes to say the same before it acts on the attribute.</longdesc>
      <shortdesc lang="en">seconds before the attribute counts</shortdesc>
      <content type="integer" default="5"/>
    </parameter>
  </parameters>
  <actions>
    <action name="start" timeout="60s"/>
    <action name="stop" timeout="60s"/>
    <action name="monitor" timeout="60s" interval="1s"/>
    <action name="validate-all" timeout="10s"/>
    <action name="meta-data" timeout="5s"/>
  </actions>
</resource-agent>
XML
}

# Pacemaker runs this every second, so that it starts as few processes as it can.

# Asks haproxy on its socket for the state of all backends, into $answer. Fails if haproxy does not answer.
ask() {
  answer=$(echo 'show stat -1 2 -1' |
    socat -T "$answer_seconds" -t "$answer_seconds" - \
      "UNIX-CONNECT:$socket,connect-timeout=$answer_seconds" 2>/dev/null) || return
  case $answer in '# pxname'*) return 0 ;; *) return 1 ;; esac
}

frontends_down() {
  down=0
  while read -r line; do
    case $line in *,BACKEND,*,DOWN,*) down=$((down + 1)) ;; esac
  done <<ANSWER
$answer
ANSWER
}

# Told again every minute: a cluster that lost a node for a moment has forgotten its attributes.
tell_cluster() {
  [ -n "$attribute" ] || return 0
  frontends_down
  told='' times=0
  [ ! -e "$known" ] || read -r told times <"$known"
  if [ "$told" != "$down" ] || [ "$times" -ge 60 ]; then
    attrd_updater --name "$attribute" --update-both "$down" --delay "$delay_seconds" >/dev/null 2>&1 || return 0
    times=0
  fi
  echo "$down $((times + 1))" >"$known"
}

seconds_now() {
  read -r now _ </proc/uptime
  now=${now%.*}
}

runs() {
  case $(systemctl show --property=ActiveState --value "$unit") in inactive | failed) return 1 ;; *) return 0 ;; esac
}

monitor() {
  rounds=$((answer_seconds * 10))
  # A unit that systemd is about to restart has failed for a moment. Without an interval pacemaker just looks what is there.
  missed=3
  if [ "${OCF_RESKEY_CRM_meta_interval:-0}" = 0 ]; then
    missed=1
    rm -f "$known"
  fi
  while :; do
    seconds_now
    began=$now
    if ask; then
      tell_cluster
      return "$success"
    fi
    runs || missed=$((missed - 1))
    [ "$missed" -gt 0 ] || return "$not_running"
    # haproxy took the question and did not answer in time, so it hangs. One that just starts refuses the connection.
    seconds_now
    [ $((now - began)) -lt "$answer_seconds" ] || return "$generic_error"
    [ "$rounds" -gt 0 ] || return "$generic_error"
    rounds=$((rounds - 1))
    sleep 0.1
  done
}

start() {
  rm -f "$known"
  if ask; then
    return "$success"
  fi
  # systemd refuses to start a unit that has failed too often, until its failures are reset.
  systemctl reset-failed "$unit" 2>/dev/null
  systemctl start "$unit" || return "$generic_error"
  # Pacemaker kills this script if the start takes longer than the timeout of the operation.
  until ask; do
    runs || return "$generic_error"
    sleep 0.1
  done
  return "$success"
}

stop() {
  if runs && ! ask; then
    # The stop comes before the kill, so that systemd does not restart the killed process.
    systemctl stop --no-block --job-mode=ignore-dependencies "$unit"
    systemctl kill --signal=KILL "$unit" 2>/dev/null
  fi
  # At a shutdown systemd would let this job wait until pacemaker has stopped, which itself waits for this job.
  systemctl stop --job-mode=ignore-dependencies "$unit" || return "$generic_error"
  rm -f "$known"
  return "$success"
}

validate_all() {
  command -v haproxy >/dev/null && command -v socat >/dev/null || return "$not_installed"
  case $answer_seconds$delay_seconds in *[!0-9]*) return "$bad_arguments" ;; esac
  return "$success"
}

case ${1:-} in
  meta-data) meta_data ;;
  start | stop | monitor) validate_all && "$1" ;;
  validate-all) validate_all ;;
  *) exit "$unimplemented" ;;
esac
