#!/bin/sh
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Fence agent: switches a machine by SSH to its host, whose forced command knows list, status, on, off and reboot.
set -u

metadata() {
  cat <<'XML'
<?xml version="1.0" ?>
<resource-agent name="fence_virtual_datacenter" shortdesc="Fence agent for the machines of virtual.datacenter">
<longdesc>Asks the host of a machine, by SSH, to switch the machine off or on. The key allows nothing else there.</longdesc>
<vendor-url>https://github.com/virtual-datacenter/virtual.datacenter</vendor-url>
<parameters>
<parameter name="action" required="1"><content type="string" default="reboot"/><shortdesc lang="en">What to do</shortdesc></parameter>
<parameter name="ip" required="1"><content type="string"/><shortdesc lang="en">Address of the host</shortdesc></parameter>
<parameter name="ipport"><content type="integer" default="22"/><shortdesc lang="en">TCP port of its SSH server</shortdesc></parameter>
<parameter name="username" required="1"><content type="string"/><shortdesc lang="en">User that logs in</shortdesc></parameter>
<parameter name="identity_file" required="1"><content type="string"/><shortdesc lang="en">Private key</shortdesc></parameter>
<parameter name="known_hosts_file" required="1"><content type="string"/><shortdesc lang="en">File with the public key of the host</shortdesc></parameter>
<parameter name="plug"><content type="string"/><shortdesc lang="en">Name of the machine</shortdesc></parameter>
<parameter name="floating_ips"><content type="string"/><shortdesc lang="en">Addresses whose holder is to win a split, with blanks between them</shortdesc></parameter>
<parameter name="race_delay_seconds"><content type="integer" default="0"/><shortdesc lang="en">How long a node without them waits before it switches off a machine that runs</shortdesc></parameter>
<parameter name="login_timeout"><content type="second" default="5"/><shortdesc lang="en">Seconds to wait for a connection</shortdesc></parameter>
</parameters>
<actions>
<action name="on" automatic="0"/>
<action name="off"/>
<action name="reboot"/>
<action name="status"/>
<action name="list"/>
<action name="monitor"/>
<action name="metadata"/>
</actions>
</resource-agent>
XML
}

fail() {
  echo "fence_virtual_datacenter: $1" >&2
  exit 1
}

action=reboot ip="" port=22 user="" key="" hosts="" plug="" floating="" race=0 login=5
case "$*" in
  *metadata*) metadata && exit 0 ;;
esac
while IFS='=' read -r name value; do
  case "$name" in
    action) action=$value ;;
    ip | ipaddr) ip=$value ;;
    ipport) port=$value ;;
    username | login) user=$value ;;
    identity_file) key=$value ;;
    known_hosts_file) hosts=$value ;;
    plug | port) plug=$value ;;
    floating_ips) floating=$value ;;
    race_delay_seconds) race=$value ;;
    login_timeout) login=$value ;;
  esac
done
[ "$action" != metadata ] || { metadata && exit 0; }
for option in ip user key hosts; do
  eval "[ -n \"\$$option\" ]" || fail "ip, username, identity_file and known_hosts_file are needed, found no $option"
done

ask() { # a request, answered by the host
  ssh -F none -T -n -i "$key" -l "$user" -p "$port" -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
    -o UserKnownHostsFile="$hosts" -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes -o LogLevel=ERROR \
    -o ConnectTimeout="$login" -o ServerAliveInterval=5 -o ServerAliveCountMax=2 -- "$ip" "$*"
}

has_to_wait() { # whether the other node is rather to win: it holds more of the addresses, or as many and has the lower name
  mine=0 all=0
  shown=$(ip -oneline -color=never -family inet address show)
  for address in $floating; do
    all=$((all + 1))
    case "$shown" in *" $address/"*) mine=$((mine + 1)) ;; esac
  done
  [ $((2 * mine)) -lt "$all" ] && return 0
  [ $((2 * mine)) -gt "$all" ] && return 1
  own=$(uname -n)
  [ "$(printf '%s\n%s\n' "${own%%.*}" "$plug" | sort | head -n 1)" = "$plug" ]
}

if [ "$action" = list ] || [ "$action" = monitor ]; then
  names=$(ask list) || exit 1
  [ "$action" = list ] || exit 0
  printf '%s\n' "$names" | sed 's/$/,/'
  exit 0
fi
[ -n "$plug" ] || fail "plug is needed, the name of a machine"
case "$action" in
  on)
    ask on "$plug" >/dev/null || exit 1
    ;;
  off | reboot)
    if [ "$race" -gt 0 ] && has_to_wait; then
      # A machine whose power is gone cannot win, and nobody waits for it.
      [ "$(ask status "$plug")" != off ] || exit 0
      sleep "$race"
    fi
    [ "$(ask "$action" "$plug")" = off ] || exit 1
    ;;
  status)
    case "$(ask status "$plug")" in on) exit 0 ;; off) exit 2 ;; *) exit 1 ;; esac
    ;;
  *) fail "the actions are on, off, reboot, status, list, monitor and metadata, found $action" ;;
esac
