# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancers, healthy and hurt. Tests that hurt come last and heal what they did."""

from __future__ import annotations

import base64
import http.client
import re
import ssl
import time
from pathlib import Path

import pytest
from balancers import (
    ADDRESSES,
    API_PORT,
    FLOATING_IP,
    NODES,
    ROOT,
    STATE,
    WEB_IP,
    Client,
    answers,
    asked_by,
    converge,
    crm_mon,
    holders,
    machine,
    playbook,
    runs_on,
    settled,
    wait_for,
)
from testinfra.host import Host

FOREIGN = '<primitive id="foreign" class="ocf" provider="pacemaker" type="Dummy"/>'


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest) -> Host:
    return machine(request.param)


def serving(name: str) -> tuple[str, str, str]:
    """What stays as it is while a node serves without a break: processes, and what was started."""
    operation = "lrm_resource[@id='ha_lb_address_api']/lrm_rsc_op[@operation='start']"
    started = machine(name).check_output(
        "cibadmin --query --xpath %s", f"//node_state[@uname='{name}']//{operation}"
    )
    process = machine(name).check_output("systemctl show --property MainPID --value haproxy")
    # Where the record of the start was last copied from changes, the start itself does not.
    (call,) = re.findall(r'call-id="\d+" .*last-rc-change="\d+"', started)
    return process, call, orders(name)


def orders(name: str) -> str:
    """What pacemaker told this node, since it booted, to do with the address."""
    found = "local execution of (start|stop) operation for ha_lb_address_api"
    command = "journalctl --boot --unit pacemaker --output cat --grep %s"
    return machine(name).run(command, found).stdout


@pytest.fixture(autouse=True)
def healthy() -> None:
    """Every test begins on a cluster that has forgotten the one before."""
    wait_for("the cluster is well", settled, 90)


def test_both_nodes_are_members_with_quorum(node: Host) -> None:
    said = node.run("corosync-quorumtool -s").stdout
    assert "Nodes:            2" in said
    assert "Quorate:          Yes" in said
    assert "2Node Quorate WaitForAll" in said
    for name in NODES:
        assert f" {name}" in said


def test_corosync_runs_before_others(node: Host) -> None:
    if Path("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists():
        process = node.check_output("pidof corosync")
        assert "SCHED_RR" in node.check_output(f"chrt --pid {process}")
    assert node.check_output("corosync-cmapctl -g runtime.config.totem.token").endswith("= 500")


def test_cluster_traffic_is_encrypted(node: Host) -> None:
    settings = node.check_output("corosync-cmapctl totem.")
    assert "totem.transport (str) = knet" in settings
    assert "totem.crypto_cipher (str) = aes256" in settings
    assert "totem.crypto_hash (str) = sha256" in settings
    assert "connected" in node.check_output("corosync-cfgtool -s")


def test_secrets_are_for_root_only(node: Host) -> None:
    key = node.file("/etc/corosync/authkey")
    assert (key.user, key.mode) == ("root", 0o400)
    password = (STATE / "secrets" / "haproxy_stats_password").read_text(encoding="utf-8").strip()
    config = node.file("/etc/haproxy/haproxy.cfg")
    assert (config.user, config.mode) == ("root", 0o600)
    assert "$6$" in config.content_string
    assert password not in config.content_string


def test_the_password_hash_is_not_in_the_journal(node: Host) -> None:
    (salted,) = re.findall(r"password (\S+)", node.file("/etc/haproxy/haproxy.cfg").content_string)
    journal = node.check_output("journalctl --boot --no-pager --output cat")
    assert "Invoked for /etc/corosync/corosync.conf /etc/haproxy/haproxy.cfg" in journal
    assert salted not in journal
    assert "crypto_cipher" not in journal


def test_services_belong_to_whom_they_should(node: Host) -> None:
    assert node.service("pacemaker").is_enabled
    assert node.service("corosync").is_running
    assert node.service("haproxy").is_running
    assert not node.service("haproxy").is_enabled


def test_exactly_one_node_holds_the_address() -> None:
    (holder,) = holders()
    assert runs_on("ha_lb_address_api") == {holder}
    assert runs_on("ha_lb_haproxy") == set(NODES)
    assert crm_mon().findall("failures/failure") == []


def test_the_configuration_is_valid(node: Host) -> None:
    verified = node.run("crm_verify --live-check --verbose")
    assert verified.rc == 0, verified.stderr
    node.check_output("haproxy -c -f /etc/haproxy/haproxy.cfg")
    node.check_output("corosync -t")


def test_pacemaker_has_nothing_left_to_do() -> None:
    simulated = machine(NODES[0]).check_output("crm_simulate --live-check --simulate")
    assert "Transition Summary:" in simulated
    assert simulated.partition("Transition Summary:")[2].partition("Executing")[0].strip() == ""


@pytest.mark.parametrize(
    "failure",
    ["--node-down={holder}", "--op-inject=ha_lb_haproxy_monitor_1000@{holder}=1"],
    ids=["its node", "its haproxy"],
)
def test_pacemaker_would_move_the_address_that_loses(failure: str) -> None:
    (holder,) = holders()
    (other,) = set(NODES) - {holder}
    asked = f"crm_simulate --live-check --simulate {failure.format(holder=holder)}"
    simulated = machine(other).check_output(asked)
    after = simulated.partition("Revised Cluster Status:")[2]
    assert re.search(rf"ha_lb_address_api\s.*Started {other}$", after, re.M), simulated


def test_the_cluster_as_it_is_can_be_described() -> None:
    said = playbook(ROOT / "molecule/ha_lb/round_trip.yml")
    assert said.count("changed=0 ") == 1, said
    assert "keep_params" in said
    assert "known to this test only" not in said


def test_every_node_has_a_fence_device_that_runs_elsewhere() -> None:
    assert runs_on("ha_lb_fence_balancer1") == {"balancer2"}
    assert runs_on("ha_lb_fence_balancer2") == {"balancer1"}
    options = crm_mon().find("summary/cluster_options")
    assert options is not None
    assert options.get("stonith-enabled") == "true"


def test_all_backends_answer_through_the_floating_ip() -> None:
    assert answers() == {"web1", "web2"}


def test_a_backend_that_is_not_ready_gets_no_traffic() -> None:
    backend = machine("web1")
    backend.check_output("touch /run/notready")
    try:
        wait_for("web1 is out", lambda: answers() == {"web2"}, 30)
    finally:
        backend.check_output("rm /run/notready")
    wait_for("web1 is back", lambda: answers() == {"web1", "web2"}, 30)


def test_a_server_that_dies_costs_what_it_was_asked_at_that_moment() -> None:
    backend = machine("web1")
    try:
        with Client() as client:
            backend.check_output("systemctl kill --signal=KILL backend")
            dead = time.monotonic()
    finally:
        backend.check_output("systemctl restart backend")
    later = [began for began, good in client.answers if not good and began > dead]
    print(f"\nlost when a server dies: {len(client.losses)}, of those asked later {len(later)}")
    assert len(later) <= 1
    wait_for("web1 is back", lambda: answers() == {"web1", "web2"}, 30)


def test_statistics_want_the_password(node: Host) -> None:
    address = ADDRESSES[node.check_output("hostname")]
    password = (STATE / "secrets" / "haproxy_stats_password").read_text(encoding="utf-8").strip()
    url = f"http://{address}:8404/"
    script = (
        "import sys, urllib.error, urllib.request as r\n"
        f"q = r.Request('{url}', headers=dict(h.split(': ') for h in sys.argv[1:]))\n"
        "try: print(r.urlopen(q).status)\n"
        "except urllib.error.HTTPError as e: print(e.code)"
    )
    token = base64.b64encode(f"admin:{password}".encode()).decode()
    assert node.check_output("python3 -c %s", script) == "401"
    assert node.check_output("python3 -c %s %s", script, f"Authorization: Basic {token}") == "200"


def test_statistics_and_figures_are_not_for_other_networks() -> None:
    script = (
        "import http.client, sys\n"
        "c = http.client.HTTPConnection('10.70.1.11', int(sys.argv[1]),"
        " source_address=('127.0.0.1', 0))\n"
        "c.request('GET', sys.argv[2])\n"
        "print(c.getresponse().status)"
    )
    for port, page in (("8404", "/"), ("9101", "/metrics")):
        asked = machine("balancer1").check_output("python3 -c %s %s %s", script, port, page)
        assert asked == "403"


def test_the_runtime_socket_answers(node: Host) -> None:
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock');"
        "s.send(b'show stat\\n'); print(s.makefile().read())"
    )
    assert "web,web1," in node.check_output("python3 -c %s", script)


def test_a_second_address_is_where_it_prefers_to_be() -> None:
    assert runs_on("ha_lb_address_web") == {"balancer2"}
    assert machine("balancer2").check_output(f"ip -o -4 address show to {WEB_IP}")
    assert machine("balancer1").check_output(f"ip -o -4 address show to {WEB_IP}") == ""


def test_tls_ends_at_the_balancer_and_http_leads_there() -> None:
    status, headers, _text = asked_by("gate01", f"http://{WEB_IP}")
    assert (status, headers["location"]) == (301, f"https://{WEB_IP}/readyz?a=1")
    status, _headers, text = asked_by("gate01", f"https://{WEB_IP}")
    assert status == 200
    # Once from the one who ends TLS, once from the one who is told by the PROXY protocol.
    assert text.split()[1:] == ["10.70.1.1", "10.70.1.1"]


def test_a_cookie_keeps_a_client_on_its_server() -> None:
    answers = [asked_by("gate01", f"https://{WEB_IP}") for _ in range(4)]
    assert {text.split()[0] for _status, _headers, text in answers} == set(NODES)
    _status, headers, text = answers[0]
    cookie = headers["set-cookie"].split(";")[0]
    # Behind the name of the server is a date, by which a cookie ends that nobody uses.
    assert cookie.split("|")[0] == f"ha_lb_behind={text.split()[0]}"
    again = [asked_by("gate01", f"https://{WEB_IP}", cookie)[2] for _ in range(4)]
    assert set(again) == {text}


def test_an_address_keeps_a_client_on_its_server_beyond_a_reload() -> None:
    first = asked_by("gate01", f"http://{WEB_IP}:6444")[2]
    assert {asked_by("gate01", f"http://{WEB_IP}:6444")[2] for _ in range(4)} == {first}
    machine("balancer2").check_output("systemctl reload haproxy")
    assert {asked_by("gate01", f"http://{WEB_IP}:6444")[2] for _ in range(4)} == {first}


def test_figures_for_prometheus(node: Host) -> None:
    address = ADDRESSES[node.check_output("hostname")]
    script = f"import urllib.request as r; print(r.urlopen('http://{address}:9101/metrics').read())"
    assert 'haproxy_server_status{proxy="web",server="web1",state="UP"} 1' in node.check_output(
        "python3 -c %s", script
    )


def enter(tasks: str, *options: str, fails: bool = False) -> str:
    """Run an entry point of the role."""
    path = ROOT / "molecule/ha_lb/enter.yml"
    return playbook(path, "-e", f"enter_tasks={tasks}", *options, fails=fails)


def drain(tasks: str) -> str:
    return enter(tasks, "-e", "ha_lb_drain_server=web1", "-e", "ha_lb_drain_seconds=1")


def test_a_drained_server_gets_nothing_until_it_is_given_back() -> None:
    try:
        assert drain("drain").count("changed=1 ") == 2
        (holder,) = holders()
        for _ in range(2):
            assert answers() == {"web2"}
            machine(holder).check_output("systemctl reload haproxy")
            time.sleep(1)
        assert drain("drain").count("changed=0 ") == 2
    finally:
        said = drain("undrain")
    assert said.count("changed=1 ") == 2
    wait_for("web1 is back", lambda: answers() == {"web1", "web2"}, 30)
    kept = machine(holder).check_output("cat /var/lib/haproxy/ha_lb-set-aside")
    assert "web1" not in kept


def test_a_session_outlives_reloads() -> None:
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", API_PORT, timeout=10, context=context)
    connection.request("GET", "/stream")
    stream = connection.getresponse()
    (holder,) = holders()
    for _ in range(3):
        machine(holder).check_output("systemctl reload haproxy")
        time.sleep(0.5)
    ticks = [stream.readline() for _ in range(100)]
    connection.close()
    assert ticks == [b"tick\n"] * 100
    assert crm_mon().findall("failures/failure") == []


def test_a_second_run_keeps_what_others_made_and_corrects_what_is_ours() -> None:
    node = machine("balancer1")
    node.check_output("cibadmin --create --scope resources --xml-text %s", FOREIGN)
    node.check_output("crm_resource --resource ha_lb_address_api --set-parameter arp_count -v 7")
    # A run that was cut off after it wrote the file, before haproxy read it.
    node.check_output("install -D /dev/null /run/virtual.datacenter/pending/haproxy")
    said = converge()
    count = "crm_resource --resource ha_lb_address_api --get-parameter arp_count"
    assert node.check_output(count) == "5"
    recap = {line.split()[0]: line for line in said.splitlines() if "changed=" in line}
    assert "changed=2 " in recap["balancer1"], "the reload and the parameter"
    assert "changed=0 " in recap["balancer2"]
    wait_for("the foreign resource runs", lambda: len(runs_on("foreign")) == 1)
    again = converge()
    node.check_output("cibadmin --delete --xml-text %s", FOREIGN)
    assert again.count("changed=0 ") == 2, again
    wait_for("the foreign resource is gone", lambda: runs_on("foreign") == set())


def test_an_address_that_somebody_removes_comes_back() -> None:
    (holder,) = holders()
    machine(holder).check_output(f"ip address del {FLOATING_IP}/24 dev edge")
    wait_for("the address is back", lambda: len(holders()) == 1, 30)


def test_an_address_that_the_network_daemon_drops_comes_back() -> None:
    (holder,) = holders()
    with Client() as client:
        machine(holder).check_output("systemctl restart systemd-networkd")
        wait_for("the address is back", lambda: len(holders()) == 1, 30)
    print(f"\ngap when systemd-networkd restarts: {client.gap():.1f} s")


def test_a_haproxy_that_dies_is_back_in_place() -> None:
    (before,) = holders()
    with Client() as client:
        machine(before).check_output("pkill -9 haproxy")
    print(f"\ngap when haproxy dies: {client.gap():.1f} s, lost {len(client.losses)}")
    assert holders() == [before]
    assert crm_mon().findall("failures/failure") == []


@pytest.mark.parametrize(
    ("what", "hurt", "heal"),
    [
        ("haproxy hangs", "pkill -STOP haproxy", "true"),
        (
            "haproxy dies and has no configuration any more",
            "mv /etc/haproxy/haproxy.cfg /root/ && pkill -9 haproxy",
            "mv /root/haproxy.cfg /etc/haproxy/",
        ),
        (
            "haproxy reaches no backend",
            "ip route add unreachable 10.70.2.0/24",
            "ip route del unreachable 10.70.2.0/24",
        ),
    ],
)
def test_the_address_leaves_a_node_whose(what: str, hurt: str, heal: str) -> None:
    (before,) = holders()
    try:
        with Client() as client:
            machine(before).check_output(hurt)
            wait_for("the address moves", lambda: holders() not in ([], [before]), 30)
            wait_for("it answers", client.steady)
    finally:
        machine(before).check_output(heal)
    print(f"\ngap when {what}: {client.gap():.1f} s")
    if what == "haproxy hangs":
        assert enter("clean_up").count("changed=2 ") == 1
    wait_for("haproxy is tried again and the failure forgotten", settled, 90)
    assert before not in holders(), "the address moved back"


def test_no_address_moves_when_no_backend_is_up_anywhere() -> None:
    before = holders()
    servers = [machine(name) for name in ("web1", "web2")]
    try:
        for server in servers:
            server.check_output("systemctl stop backend")
        attribute = "attrd_updater --query --all --name ha_lb_frontends_down"
        wait_for(
            "both say so",
            lambda: machine(NODES[0]).run(attribute).stdout.count('value="1"') == 2,
        )
        time.sleep(4)
        assert holders() == before
    finally:
        for server in servers:
            server.check_output("systemctl start backend")
    wait_for("the API answers", lambda: answers() == {"web1", "web2"}, 30)
    assert holders() == before


def test_a_node_may_be_set_aside() -> None:
    (before,) = holders()
    (other,) = set(NODES) - {before}
    try:
        with Client() as client:
            assert enter("standby", "--limit", before).count("changed=1 ") == 1
            assert holders() == [other]
        assert enter("standby", "--limit", before).count("changed=0 ") == 1
        assert "No other node can take over" in enter("standby", "--limit", other, fails=True)
        said = converge()
    finally:
        enter("unstandby", "--limit", before)
    print(f"\ngap when a node is set aside: {client.gap():.1f} s")
    assert said.count("changed=0 ") == 2, said
    wait_for("the node is back", settled, 60)
    assert holders() == [other], "the address moved back"


def test_an_address_goes_where_it_is_sent_and_no_constraint_is_left() -> None:
    (before,) = holders()
    (other,) = set(NODES) - {before}
    where = ("-e", "ha_lb_move_address=api", "-e", f"ha_lb_move_to={other}")
    with Client() as client:
        assert enter("move", *where).count("changed=1 ") == 1
    print(f"\ngap when an address is moved: {client.gap():.1f} s")
    assert holders() == [other]
    assert enter("move", *where).count("changed=0 ") == 2
    assert "cli-" not in machine(other).check_output("cibadmin --query --scope constraints")


def test_power_cut_of_the_node_that_holds_the_address() -> None:
    (dead,) = holders()
    (other,) = set(NODES) - {dead}
    with Client() as client:
        playbook(ROOT / "playbooks/stop.yml", "--limit", dead, "-e", "stop_power_cut=true")
        wait_for("the address moves", lambda: holders([other]) == [other], 60)
        wait_for("it answers", client.steady, 60)
    print(f"\ngap when the power of {dead} is cut: {client.gap():.1f} s")
    fenced = machine(other).file("/var/log/fence_pretend.log").content_string
    assert f" {dead}\n" in fenced, "the survivor did not fence before it took over"
    before = serving(other)
    assert " start operation" in before[2]
    # How fast it answers while a machine boots is this machine's affair: lost is what gets none.
    with Client(patience=20) as client:
        playbook(ROOT / "playbooks/start.yml", "--limit", dead)
        wait_for("the node is a member again", lambda: settled(other), 120)
    assert client.losses == [], "the return of a node is felt"
    assert serving(other) == before, "the return of a node moved or restarted something"
    assert orders(dead) == "", "the address was begun on both"
    assert holders() == [other]
    assert converge().count("changed=0 ") == 2
