# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine of the lab: its configuration, LXC's answers, the plan for its power."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import state
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    cgroups,
    limits,
    lxc,
    machine,
    machine_host,
    modules,
)

DEFINITION = lxc.Definition(
    datacenter="h3",
    name="gate01",
    root="/var/lib/virtual.datacenter",
    lower="/cache/image/rootfs",
    nics=[lxc.Nic(2, "02:00:00:00:00:02", "br-edge"), lxc.Nic(1, "02:00:00:00:00:01", "br-uplink")],
    mounts=[lxc.Mount("/cache/with blank", "/srv/kubernetes"), lxc.Mount("/w", "/srv/w", False)],
    modules="/lib/modules",
    cgroup_mode="v1",
    limits=limits.Limits("v1", cpus=2, memory_mb=512),
)
CONFIG = lxc.render(DEFINITION)
SEED = {"meta-data": "aa", "user-data": "bb"}
WANTED = machine.definition(DEFINITION.directory, CONFIG, SEED)


def plan(
    actual: machine.Actual, wanted_state: str, force: bool = False, power_cycle: bool = False
) -> tuple[list[str], bool]:
    planned = machine.plan_present(actual, WANTED, wanted_state, force, power_cycle)
    return [str(action) for action in planned.actions], planned.restart_required


NOTHING = machine.Actual({}, machine.STOPPED)
STOPPED = machine.Actual(WANTED, machine.STOPPED)
RUNNING = machine.Actual(WANTED, machine.RUNNING, CONFIG)
OUTDATED = machine.Actual(WANTED, machine.RUNNING, "an older configuration")
LEFT_OVER = machine.Actual(WANTED, machine.LEFT_OVER, CONFIG)
CREATE = [
    f"create directory {DEFINITION.directory}",
    "create config",
    "create seed meta-data",
    "create seed user-data",
]


@pytest.mark.parametrize(
    ("actual", "wanted_state", "actions"),
    [
        (NOTHING, "defined", CREATE),
        (NOTHING, "stopped", CREATE),
        (NOTHING, "started", [*CREATE, "start power"]),
        (STOPPED, "defined", []),
        (STOPPED, "stopped", []),
        (STOPPED, "started", ["start power"]),
        (RUNNING, "defined", []),
        (RUNNING, "started", []),
        (RUNNING, "stopped", ["stop power"]),
        (LEFT_OVER, "defined", ["kill power"]),
        (LEFT_OVER, "stopped", ["kill power"]),
        (LEFT_OVER, "started", ["kill power", "start power"]),
    ],
)
def test_power(actual: machine.Actual, wanted_state: str, actions: list[str]) -> None:
    assert plan(actual, wanted_state) == (actions, False)


def test_force_cuts_the_power() -> None:
    assert plan(RUNNING, "stopped", force=True)[0] == ["kill power"]


def test_a_running_machine_keeps_what_it_was_started_with() -> None:
    assert plan(OUTDATED, "started") == ([], True)
    assert plan(OUTDATED, "defined", power_cycle=True) == ([], True)


def test_a_power_cycle_is_done_when_allowed() -> None:
    assert plan(OUTDATED, "started", power_cycle=True) == (["stop power", "start power"], False)
    assert plan(OUTDATED, "started", True, True) == (["kill power", "start power"], False)


def test_a_changed_definition_is_written_before_the_power_cycle() -> None:
    actual = replace(RUNNING, definition={**WANTED, "config": "old"}, config_in_use="old")
    assert plan(actual, "started") == (["change config"], True)
    assert plan(actual, "started", power_cycle=True)[0] == [
        "change config",
        "stop power",
        "start power",
    ]


def test_seed_files_come_and_go() -> None:
    actual = replace(RUNNING, definition={**WANTED, "seed user-data": "old", "seed extra": "x"})
    assert plan(actual, "started")[0] == ["remove seed extra", "change seed user-data"]


@pytest.mark.parametrize(
    ("actual", "actions"),
    [
        (NOTHING, []),
        (STOPPED, [f"remove directory {DEFINITION.directory}"]),
        (RUNNING, ["kill power", f"remove directory {DEFINITION.directory}"]),
        (machine.Actual({}, machine.LEFT_OVER), ["kill power"]),
    ],
)
def test_absent(actual: machine.Actual, actions: list[str]) -> None:
    assert [str(action) for action in machine.plan_absent(actual).actions] == actions


def test_each_action_is_told_in_a_sentence_that_names_its_machine() -> None:
    other = machine.Actual({**dict.fromkeys(WANTED, "old"), "seed extra": "x"}, machine.RUNNING)
    plans = [
        machine.plan_present(NOTHING, WANTED, "started", False, False),
        machine.plan_present(other, WANTED, "started", False, True),
        machine.plan_absent(RUNNING),
    ]
    texts = [str(a) for plan in plans for a in state.told(plan.actions, machine.WORDS, "gate01")]
    folder, whose = DEFINITION.directory, "machine 'gate01'"
    assert texts == [
        f"make the folder {folder} of {whose}",
        f"write the definition of {whose}",
        f"write meta-data into the cloud-init seed of {whose}",
        f"write user-data into the cloud-init seed of {whose}",
        f"start {whose}",
        f"remove extra from the cloud-init seed of {whose}",
        f"complete the folder {folder} of {whose}",
        f"change the definition of {whose}",
        f"change meta-data in the cloud-init seed of {whose}",
        f"change user-data in the cloud-init seed of {whose}",
        f"shut {whose} down",
        f"start {whose}",
        f"cut the power of {whose}",
        f"remove {whose} with its folder {folder}",
    ]


def test_the_plan_leads_to_the_wanted_state() -> None:
    for actual in (NOTHING, STOPPED, RUNNING, LEFT_OVER):
        for wanted_state in ("defined", "started", "stopped"):
            planned = machine.plan_present(actual, WANTED, wanted_state, False, False)
            power = planned.after[machine.POWER]
            after = machine.Actual(
                {key: value for key, value in planned.after.items() if key != machine.POWER},
                power,
                CONFIG if power == machine.RUNNING else None,
            )
            again = machine.plan_present(after, WANTED, wanted_state, False, False)
            assert again.actions == []


@pytest.mark.parametrize(
    ("lxc_state", "processes", "power"),
    [
        ("RUNNING", True, machine.RUNNING),
        ("FROZEN", True, machine.RUNNING),
        ("STOPPED", False, machine.STOPPED),
        ("STOPPED", True, machine.LEFT_OVER),
    ],
)
def test_power_of(lxc_state: str, processes: bool, power: str) -> None:
    assert machine.power_of(lxc_state, processes) == power


def test_config_names_nics_in_order_and_unique() -> None:
    lines = CONFIG.splitlines()
    assert "lxc.net.0.link = br-uplink" in lines
    assert "lxc.net.0.hwaddr = 02:00:00:00:00:01" in lines
    assert "lxc.net.1.veth.pair = gate01.2" in lines
    assert not [line for line in lines if ".ipv4" in line or ".ipv6" in line]


def test_config_mounts() -> None:
    assert (
        "lxc.mount.entry = /cache/with\\040blank srv/kubernetes none bind,ro,create=dir 0 0"
        in CONFIG
    )
    assert "lxc.mount.entry = /w srv/w none bind,create=dir 0 0" in CONFIG
    for name in ("containerd", "etcd", "kubelet"):
        assert f"/data/{name} var/lib/{name} none bind,create=dir" in CONFIG
    assert "settings/vm.overcommit_memory proc/sys/vm/overcommit_memory none bind 0 0" in CONFIG


def test_config_per_cgroup_version() -> None:
    assert "systemd.unified_cgroup_hierarchy=0" in CONFIG
    assert "SYSTEMD" not in lxc.render(replace(DEFINITION, cgroup_mode="v2"))


def test_a_machine_keeps_its_image() -> None:
    assert lxc.lower_of(CONFIG) == "/cache/image/rootfs"
    assert lxc.modules_of(CONFIG) == "/lib/modules"
    assert lxc.lower_of("") is None


@pytest.mark.parametrize(
    ("output", "state"),
    [
        ("RUNNING\n", "RUNNING"),
        ("State:          STOPPING\n", "STOPPING"),
        ("nope doesn't exist\n", "STOPPED"),
        ("", "STOPPED"),
    ],
)
def test_lxc_info(output: str, state: str) -> None:
    assert lxc.parse_state(output) == state


@pytest.mark.parametrize(
    ("controllers", "mode"),
    [("cpuset cpu io memory hugetlb pids rdma misc", "v2"), ("", "v1"), ("cpu memory", "v1")],
)
def test_cgroup_mode(controllers: str, mode: str) -> None:
    assert cgroups.pick_mode(controllers) == mode


def test_built_in_modules() -> None:
    config = "CONFIG_OVERLAY_FS=y\nCONFIG_VXLAN=m\n# CONFIG_IP_VS is not set\n"
    assert modules.built_in(config) == ["kernel/fs/overlayfs/overlay.ko"]


def test_mounts_below_a_folder() -> None:
    mountinfo = (
        "1 0 8:1 / / rw - ext4 /dev/vda rw\n"
        "2 1 8:1 /x /lab/m/a/with\\040blank rw - ext4 /dev/vda rw\n"
        "3 1 8:1 /x /lab/m/a/data/etcd rw - ext4 /dev/vda rw\n"
        "4 1 8:1 /x /lab/m/ab rw - ext4 /dev/vda rw\n"
    )
    assert machine_host.mounts_below("/lab/m/a", mountinfo) == [
        "/lab/m/a/with blank",
        "/lab/m/a/data/etcd",
    ]


def test_groups_of_one_machine_are_removed_and_no_others(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for group in ("lab/a/lxc.payload.a/init.scope", "lab/ab"):
        (tmp_path / "pids" / cgroups.OURS / group).mkdir(parents=True)
    cgroups.remove(cgroups.path("lab", "a"), root=str(tmp_path))
    assert not (tmp_path / "pids" / cgroups.OURS / "lab" / "a").exists()
    assert (tmp_path / "pids" / cgroups.OURS / "lab" / "ab").exists()
    assert cgroups.left(cgroups.path("lab"), root=str(tmp_path)) == [
        str(tmp_path / "pids" / cgroups.OURS / "lab")
    ]


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (
            limits.Limits("v1", 2, 512),
            [
                "lxc.cgroup.cpu.cfs_period_us = 100000",
                "lxc.cgroup.cpu.cfs_quota_us = 200000",
                "lxc.cgroup.memory.limit_in_bytes = 512M",
                "lxc.cgroup.pids.max = 4096",
            ],
        ),
        (
            limits.Limits("v2", 1, 64, 100),
            [
                "lxc.cgroup2.cpu.max = 100000 100000",
                "lxc.cgroup2.memory.max = 64M",
                "lxc.cgroup2.pids.max = 100",
            ],
        ),
        (limits.Limits("v1"), []),
    ],
)
def test_the_size_of_a_machine_limits_it(wanted: limits.Limits, lines: list[str]) -> None:
    assert wanted.lines() == lines
    config = lxc.render(replace(DEFINITION, limits=wanted))
    assert [line for line in config.splitlines() if "cgroup" in line and line in lines] == lines


def test_real_time_budgets_hold_those_below_them(tmp_path: Path) -> None:
    def group(*parts: str) -> Path:
        directory = tmp_path.joinpath("cpu", *parts)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "cpu.rt_period_us").write_text("1000000", encoding="utf-8")
        (directory / "cpu.rt_runtime_us").write_text("0", encoding="utf-8")
        return directory

    top, center = group(), group(cgroups.OURS)
    groups = [group(cgroups.OURS, "h3"), *(group(cgroups.OURS, "h3", n) for n in ("a", "b"))]
    inner = [group(cgroups.OURS, "h3", n, "lxc.payload.x") for n in ("a", "b")]
    monitor = group(cgroups.OURS, "h3", "a", "lxc.monitor.x")
    for name in ("a", "b"):
        assert cgroups.give_realtime(cgroups.path("h3", name), 5, str(tmp_path)) == 5

    def budgets(*directories: Path) -> list[str]:
        return [(d / "cpu.rt_runtime_us").read_text(encoding="utf-8") for d in directories]

    assert budgets(center, *groups) == ["10000", "10000", "5000", "5000"]
    assert budgets(*inner, monitor, top) == ["5000", "5000", "0", "0"]
    assert cgroups.give_realtime(cgroups.path("h3", "a"), 0, str(tmp_path)) == 0
    assert budgets(center, *groups) == ["10000", "10000", "5000", "5000"]


def test_a_machine_has_less_real_time_where_others_have_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 0

    def share(_chain: list[str], microseconds: int) -> None:
        if microseconds > left:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(cgroups, "_share_realtime", share)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.rt_runtime_us").write_text("950000", encoding="utf-8")
    for given in (20, 10, 5, 2, 1, 0):
        left = given * 1000
        assert cgroups.give_realtime(cgroups.path("h3", "a"), 20, str(tmp_path)) == given


def test_a_host_without_real_time_groups_needs_no_budget(tmp_path: Path) -> None:
    assert cgroups.give_realtime(cgroups.path("h3", "a"), 20, str(tmp_path)) == 20


def test_the_configuration_holds_the_share_of_real_time() -> None:
    assert lxc.realtime_percent_of(lxc.render(DEFINITION)) == 0
    config = lxc.render(replace(DEFINITION, realtime_percent=20))
    assert lxc.realtime_percent_of(config) == 20
