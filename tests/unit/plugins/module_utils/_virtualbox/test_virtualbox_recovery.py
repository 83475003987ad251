# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interrupted saves: what is finished, what is waited for, what is left alone."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)


class Clock:
    """Time passes only in pauses; `at` makes something happen then."""

    def __init__(self):
        self.now = 0.0
        self.at = {}

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        for moment in [moment for moment in self.at if moment <= self.now]:
            self.at.pop(moment)()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    monkeypatch.setattr(recovery.instance, "services", frozenset)
    return tmp_path


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def watcher(clock, warnings):
    return recovery.Saves(warnings.append, clock.sleep, clock)


def test_nothing_is_done_to_whole_settings(home, watcher, clock, warnings):
    (home / "VirtualBox.xml").write_text("<now/>")
    (home / "VirtualBox.xml-tmp").write_text("<next/>")
    (home / "VirtualBox.xml-prev").write_text("<old/>")
    watcher.finish_settings()
    assert (home / "VirtualBox.xml").read_text() == "<now/>"
    assert (clock.now, warnings) == (0.0, [])


def test_a_new_world_is_no_interrupted_save(home, watcher, clock):
    watcher.finish_settings()
    assert list(home.iterdir()) == []
    assert clock.now == 0.0


@pytest.mark.parametrize(
    ("tmp", "expected"), [("<next/>", "<next/>"), ("<half", "<old/>"), (None, "<old/>")]
)
def test_the_newest_whole_copy_is_taken(home, watcher, warnings, tmp, expected):
    if tmp is not None:
        (home / "VirtualBox.xml-tmp").write_text(tmp)
    (home / "VirtualBox.xml-prev").write_text("<old/>")
    watcher.finish_settings()
    assert (home / "VirtualBox.xml").read_text() == expected
    assert len(warnings) == 1


def test_a_save_under_way_is_left_to_virtualbox(home, watcher, clock, warnings):
    (home / "VirtualBox.xml-tmp").write_text("<next/>")
    (home / "VirtualBox.xml-prev").write_text("<old/>")
    clock.at[0.3] = lambda: (home / "VirtualBox.xml-tmp").rename(home / "VirtualBox.xml")
    watcher.finish_settings()
    assert warnings == []


def test_a_service_without_settings_is_waited_for(home, watcher, clock, monkeypatch):
    running = [4711]
    monkeypatch.setattr(recovery.instance, "services", lambda: list(running))
    (home / "VirtualBox.xml-prev").write_text("<old/>")
    clock.at[6.0] = running.clear
    watcher.finish_settings()
    assert clock.now >= 6.0
    assert (home / "VirtualBox.xml").read_text() == "<old/>"


def test_a_service_that_does_not_end_is_an_error(home, watcher, monkeypatch):
    monkeypatch.setattr(recovery.instance, "services", lambda: [4711])
    (home / "VirtualBox.xml-prev").write_text("<old/>")
    with pytest.raises(VirtualBoxError, match="4711"):
        watcher.finish_settings()
    assert not (home / "VirtualBox.xml").exists()


def test_only_inaccessible_vms_are_finished(home, watcher):
    entries = "".join(
        f'<MachineEntry uuid="{{{name}}}" src="{home}/{name}.vbox"/>' for name in ("a", "b")
    )
    registry = f'<VirtualBox xmlns="http://www.virtualbox.org/">{entries}</VirtualBox>'
    (home / "VirtualBox.xml").write_text(registry)
    for name in ("a", "b"):
        (home / f"{name}.vbox-prev").write_text("<vm/>")
    assert watcher.finish_machines({"a"})
    assert (home / "a.vbox").exists()
    assert not (home / "b.vbox").exists()
    assert not watcher.finish_machines({"a"})


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux", ".config/VirtualBox"), ("darwin", "Library/VirtualBox")],
)
def test_home_of_the_settings(monkeypatch, tmp_path, platform, expected):
    for name in ("VBOX_USER_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(recovery.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(recovery.sys, "platform", platform)
    assert recovery.settings_home() == str(tmp_path / expected)


def test_a_reader_waits_between_the_renames(tmp_path):
    path = tmp_path / "vm.vbox"
    (tmp_path / "vm.vbox-prev").write_text("<old/>")
    (tmp_path / "vm.vbox-tmp").write_text("<next/>")
    second = threading.Timer(0.1, (tmp_path / "vm.vbox-tmp").rename, [path])
    second.start()
    assert recovery.read_settings(str(path)) == b"<next/>"
    second.join()


@pytest.mark.parametrize("copies", [(), ("vm.vbox-prev",)])
def test_a_reader_does_not_wait_for_ever(tmp_path, monkeypatch, copies):
    monkeypatch.setattr(recovery, "SAVE_SECONDS", 0.02)
    for name in copies:
        (tmp_path / name).write_text("<old/>")
    with pytest.raises(FileNotFoundError):
        recovery.read_settings(str(tmp_path / "vm.vbox"))


@pytest.mark.parametrize(
    "attribute, folder", [("", "Snapshots"), ('snapshotFolder="S &amp; T" ', "S & T")]
)
def test_a_saved_state_that_the_file_does_not_name(tmp_path, attribute, folder):
    path = str(tmp_path / "vm.vbox")
    text = f'<Machine {attribute}stateFile="Snapshots/1.sav"/>'.encode()
    assert recovery.unnamed_state(text, path) == ""
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "1.sav").touch()
    (tmp_path / folder / "2.vdi").touch()
    assert recovery.unnamed_state(text, path) == ""
    (tmp_path / folder / "2.sav").touch()
    assert recovery.unnamed_state(text, path) == "2.sav"
