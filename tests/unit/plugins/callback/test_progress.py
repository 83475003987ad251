# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen of real runs on this machine, by ansible-playbook and by ansible-runner."""

from __future__ import annotations

import functools
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
BIN = Path(sys.executable).parent
ESCAPE = "\x1b"

HOSTS = """
[all]
a
b
c
[all:vars]
ansible_connection=local
ansible_python_interpreter={{ ansible_playbook_python }}
"""

QUICK = r"""
- name: Layer one | things
  hosts: all
  gather_facts: false
  vars:
    words: ["one 'two': \"three\"", "{{ 'long ' * 60 }}end"]
  tasks:
    - name: Looks
      ansible.builtin.set_fact: {x: 1}
    - name: Changes
      ansible.builtin.set_fact: {y: 1}
      changed_when: inventory_hostname != 'b'
      notify: Handles
    - name: Only looks
      ansible.builtin.set_fact: {y: 1}
      changed_when: true
      check_mode: true
    - name: Is skipped
      ansible.builtin.set_fact: {x: 1}
      when: false
    - name: Is skipped by one
      ansible.builtin.set_fact: {x: 1}
      when: inventory_hostname != 'b'
    - name: Says the same
      ansible.builtin.debug:
        msg: "{{ words }}"
    - name: Says who it is
      ansible.builtin.debug:
        msg: "I am {{ inventory_hostname }}\nwith two lines"
    - name: Says it once
      ansible.builtin.debug:
        msg: "{{ words }}"
      run_once: true
    - name: Says items
      ansible.builtin.debug:
        msg: "It is {{ item }}"
      loop: [1, 2]
      run_once: true
    - name: Says a variable
      ansible.builtin.debug:
        var: words[0]
      run_once: true
    - name: Says it with many words only
      ansible.builtin.debug:
        msg: nothing
        verbosity: 1
    - name: Checks arguments
      ansible.builtin.validate_argument_spec:
        argument_spec: {}
        provided_arguments: {}
    - name: Warns
      ansible.builtin.debug:
        msg: x
      when: inventory_hostname == 'a'
      vars:
        ansible_connection: local
    - name: Includes
      ansible.builtin.include_tasks: included.yml
      when: inventory_hostname == 'c'
    - name: Rescues
      block:
        - name: Is rescued
          ansible.builtin.fail:
            msg: "wanted: this\nfound: 'that'"
          when: inventory_hostname == 'a'
      rescue:
        - name: Comes to the rescue
          ansible.builtin.set_fact: {x: 1}
  handlers:
    - name: Handles
      ansible.builtin.set_fact: {x: 1}
"""

FAILING = r"""
- name: Fails in every way
  hosts: a
  gather_facts: false
  tasks:
    - name: Is ignored
      ansible.builtin.shell: "echo outside; printf 'first\\nlast\\n' >&2; exit 3"
      ignore_errors: true
    - name: Is ignored as a list
      ansible.builtin.command: {argv: [ls, "/no such file"]}
      ignore_errors: true
    - name: Is ignored in a loop
      ansible.builtin.fail:
        msg: "this is {{ item }}"
      loop: [purple, green]
      failed_when: item == 'green'
      ignore_errors: true
    - name: Keeps quiet
      ansible.builtin.fail:
        msg: secret-one secret-two
      no_log: true
      ignore_errors: true
    - name: Keeps quiet of items
      ansible.builtin.fail:
        msg: "{{ item }}"
      loop: [secret-one]
      no_log: true
      ignore_errors: true
    - name: Checks arguments
      ansible.builtin.validate_argument_spec:
        argument_spec: {size: {type: int}}
        provided_arguments: {size: large}
"""

# What a lookup does takes the time of the task, without the cost of a module.
LONG = r"""
- name: Takes long
  hosts: a,b
  gather_facts: false
  vars:
    said: "$VIRTUAL_DATACENTER_PROGRESS"
  tasks:
    - name: Tells
      ansible.builtin.set_fact:
        x: "{{ lookup('ansible.builtin.pipe', command) }}"
      vars:
        command: |
          printf 'step one\nstep \033[1mtwo\033[0m of 9\n\n' >> "{{ said }}"
          sleep {{ 3.5 if inventory_hostname == 'a' else 0.1 }}
    - name: Tells nothing new
      ansible.builtin.set_fact:
        x: "{{ lookup('ansible.builtin.pipe', 'sleep 2') }}"
      run_once: true
    - name: Keeps quiet for long
      ansible.builtin.set_fact:
        x: "{{ lookup('ansible.builtin.pipe', 'echo secret > ' ~ said ~ '; sleep 2') }}"
      no_log: true
      run_once: true
    - name: Tries
      ansible.builtin.shell: echo not yet >&2; exit 1
      retries: 1
      delay: 2
      until: false
      run_once: true
      changed_when: false
      ignore_errors: true
    - name: Loops
      ansible.builtin.set_fact: {x: 1}
      loop: [1, 2, 3]
      loop_control: {pause: 1.1, label: "round {{ item }}"}
      run_once: true
    - name: Is skipped slowly
      ansible.builtin.set_fact: {x: 1}
      when: lookup('ansible.builtin.pipe', 'sleep 3') == 'x'
      run_once: true
    - name: Polls
      ansible.builtin.command: "true"
      async: 20
      poll: 1
      run_once: true
      changed_when: false
"""

MANY = r"""
- name: In parts
  hosts: all
  gather_facts: false
  serial: 2
  tasks:
    - name: Part
      ansible.builtin.set_fact: {x: 1}
- name: Freely
  hosts: all
  gather_facts: false
  strategy: ansible.builtin.free
  tasks:
    - name: Goes its way
      ansible.builtin.set_fact:
        x: "{{ lookup('ansible.builtin.pipe', 'sleep 3') if inventory_hostname == 'b' else '' }}"
      changed_when: inventory_hostname == 'a'
    - name: Goes on
      ansible.builtin.set_fact: {x: 1}
      changed_when: inventory_hostname == 'c'
- name: Without hosts
  hosts: none
  gather_facts: false
- name: By itself
  hosts: localhost
  gather_facts: false
- name: Without an answer
  hosts: all
  gather_facts: false
  vars:
    ansible_connection: "{{ 'ansible.builtin.ssh' if inventory_hostname == 'b' else 'local' }}"
    ansible_host: 127.0.0.1
    ansible_port: 1
  tasks:
    - name: Asks
      ansible.builtin.ping:
    - name: Asks those that are left
      ansible.builtin.set_fact: {x: 1}
"""

CHANGING = r"""
- name: Writes a file
  hosts: a,b
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.copy:
        content: "new\n"
        dest: "{{ folder }}/{{ inventory_hostname }}"
        mode: "0600"
"""

# The first two tasks of the long one, and attempts.
BRIEF = (
    "".join(LONG.partition("    - name: Keeps")[:1])
    + """
    - name: Tries
      ansible.builtin.command: "false"
      retries: 1
      delay: 0
      until: false
      loop: [1]
      changed_when: false
      ignore_errors: true
      run_once: true
"""
)


def environment(cache: Path, **more: str) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_CONFIG": str(cache.with_name("ansible.cfg")),
        "ANSIBLE_STDOUT_CALLBACK": "virtual.datacenter.progress",
        "VIRTUAL_DATACENTER_CACHE": str(cache),
        **more,
    }


def argv(folder: Path, text: str, *arguments: str) -> list[str]:
    (folder / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    (folder / "hosts").write_text(HOSTS, encoding="utf-8")
    (folder / "play.yml").write_text(text, encoding="utf-8")
    (folder / "included.yml").write_text(
        "- name: Is included\n  ansible.builtin.set_fact: {x: 1}\n", encoding="utf-8"
    )
    program = str(BIN / "ansible-playbook")
    return [program, "-i", str(folder / "hosts"), *arguments, str(folder / "play.yml")]


def play(folder: Path, text: str, *arguments: str, code: int = 0, **more: str) -> str:
    done = subprocess.run(
        argv(folder, text, *arguments),
        env=environment(folder / "cache", **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@functools.cache
def timed(text: str, code: int) -> list[tuple[float, str]]:
    """The lines of a run that several tests look at, and when they came."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            argv(Path(folder), text),
            env=environment(Path(folder) / "cache", VIRTUAL_DATACENTER_HEARTBEAT_SECONDS="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        lines = [(time.monotonic(), one) for one in process.stdout]
    assert process.returncode == code, lines
    return lines


def shown(text: str, code: int = 0) -> str:
    return "".join(one for _when, one in timed(text, code))


def end(text: str, title: str) -> str:
    """How the task ended, beside its title, or below it if it took long; without its seconds."""
    (found,) = re.findall(
        rf"^{re.escape(title)}(?: the last time .*)?(?:\n  \.\.\. .*)*\n? +(.*); \d[\d.]* s$",
        text,
        re.M,
    )
    return str(found)


def block(text: str, begin: str, end: str) -> str:
    """The lines from one that begins so until one that begins so, without the heartbeat."""
    text = re.sub(r"^  \.\.\. .*\n", "", text, flags=re.M)
    found = text[text.index("\n" + begin) + 1 :]
    return found[: found.index("\n" + end) + 1]


def test_a_play_names_its_layer_and_counts_its_machines() -> None:
    assert re.search(
        r"^PLAY \[Layer one \| things\] 3 machines, \d\.\d s so far$", shown(QUICK), re.M
    )
    assert "\nplay.yml took " in shown(QUICK)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("TASK [Looks]", "ok: 3 of 3"),
        ("TASK [Changes]", "changed: a, c; ok: 1 of 3"),
        ("TASK [Only looks] [CHECK MODE]", "changed: a, b, c"),
        ("TASK [Is skipped by one]", "ok: 2 of 3; skipped: 1 of 3"),
        ("TASK [Is included]", "ok"),
        ("TASK [Comes to the rescue]", "ok"),
        ("RUNNING HANDLER [Handles]", "ok: 2 of 2"),
    ],
)
def test_a_task_is_one_line(title: str, words: str) -> None:
    assert end(shown(QUICK), title) == words


def test_what_did_nothing_is_not_shown() -> None:
    for title in ("Is skipped]", "Checks arguments", "Includes", "with many words only"):
        assert title not in shown(QUICK)
    assert "included:" not in shown(QUICK)
    assert "skipping" not in shown(QUICK)


def test_messages_can_be_copied() -> None:
    words = "one 'two': \"three\"\n" + "long " * 60 + "end\n"
    text = shown(QUICK)
    for begin, end, lines in (
        ("TASK [Says the same]", "TASK [Says who", "a, b, c:\n" + words),
        (
            "TASK [Says who it is]",
            "TASK [Says it once",
            "".join(f"{host}:\nI am {host}\nwith two lines\n" for host in "abc"),
        ),
        ("TASK [Says it once]", "TASK [Says items", words),
        ("TASK [Says items]", "TASK [Says a var", "It is 1\nIt is 2\n"),
        ("TASK [Says a variable]", "TASK [Warns", "    words[0]: 'one ''two'': \"three\"'\n"),
    ):
        assert block(text, begin, end) == begin + "\n" + lines


def test_a_rescued_failure_is_shown_whole() -> None:
    text = block(shown(QUICK), "TASK [Is rescued]", "TASK [Comes")
    assert re.search(
        r"\nfatal: \[a\]: FAILED: wanted: this\nfound: 'that'\n"
        r"    task: \S+/play\.yml:\d+\n  failed: a; skipped: 2 of 3; ",
        text,
    )
    assert "[ERROR]" not in text


def test_the_recap_keeps_its_form() -> None:
    assert re.search(
        r"^a +: ok=\d+ +changed=2 +unreachable=0 +failed=0 .*rescued=1", shown(QUICK), re.M
    )
    assert re.search(r"^PLAY RECAP \*+$", shown(QUICK), re.M)


def test_what_a_command_said_is_shown_below_the_message() -> None:
    text = block(shown(FAILING, code=2), "TASK [Is ignored]", "TASK [Is ignored as")
    assert "[ERROR]" not in text
    # Two versions of Ansible have two sentences.
    said = "(non-zero return code|The command exited with a non-zero return code.)"
    assert len(re.findall(said, text)) == 1
    assert re.search(rf"^fatal: \[a\]: FAILED: {said}$", text, re.M)
    assert text[text.index("    cmd: ") :].startswith(
        "    cmd: echo outside; printf 'first\\nlast\\n' >&2; exit 3\n"
        "    rc: 3\n"
        "    stderr:\n"
        "        first\n"
        "        last\n"
        "    stdout: outside\n"
        "    task: "
    )
    assert "    cmd: ls '/no such file'\n" in shown(FAILING, code=2)


def test_a_failed_item_is_named() -> None:
    text = block(shown(FAILING, code=2), "TASK [Is ignored in a loop]", "TASK [Keeps")
    assert "\nfatal: [a] (green): FAILED: this is green\n" in text
    assert "purple" not in text
    assert text.count("fatal:") == 1


def test_secrets_stay_secret() -> None:
    text = shown(FAILING, code=2)
    assert "secret" not in text
    assert text.count("fatal: [a]: FAILED: the output has been hidden") == 2


def test_a_check_of_arguments_that_fails_is_shown() -> None:
    text = block(shown(FAILING, code=2), "TASK [Checks arguments]", "PLAY RECAP")
    assert re.search(
        r"^fatal: \[a\]: FAILED: Validation of arguments failed:.*size", text, re.M | re.S
    )
    assert "\n  failed: a; " in text


def beats(name: str) -> list[str]:
    lines = shown(LONG).splitlines()
    return [one for one in lines if one.startswith(f"  ... TASK [{name}] ")]


def test_a_long_task_is_named_while_it_runs_and_tells_what_it_says() -> None:
    found = [re.sub(r"\d+\.\d s", "N s", one) for one in beats("Tells")]
    assert (
        found[-1]
        == "  ... TASK [Tells] N s, 1 of 2 machines done, waits for a: step [1mtwo[0m of 9"
    )
    assert len(found) >= 2
    text = block(shown(LONG), "TASK [Tells]\n", "TASK [Tells nothing new]")
    assert re.search(r"^  ok: 2 of 2; \d\.\d s$", text, re.M)


def test_what_an_earlier_task_said_is_not_said_again() -> None:
    assert beats("Tells nothing new")
    for one in beats("Tells nothing new"):
        assert re.fullmatch(r"  \.\.\. TASK \[Tells nothing new\] \d\.\d s, waits for a", one)


def test_a_secret_is_not_told() -> None:
    assert beats("Keeps quiet for long")
    assert "secret" not in shown(LONG)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Tries", r"waits for a: attempt 1 of 2 has failed: not yet"),
        ("Loops", r"waits for a: round [123]"),
    ],
)
def test_attempts_and_rounds_are_told(name: str, words: str) -> None:
    assert any(re.search(words + "$", one) for one in beats(name)), shown(LONG)
    assert "RETRYING" not in shown(LONG)
    assert "ASYNC" not in shown(LONG)


def test_news_comes_sooner_than_the_heartbeat(tmp_path: Path) -> None:
    text = """
- name: Tells
  hosts: a
  gather_facts: false
  tasks:
    - name: Waits
      ansible.builtin.set_fact: {x: "{{ lookup('ansible.builtin.pipe', command) }}"}
      vars:
        command: sleep 1; echo news > "$VIRTUAL_DATACENTER_PROGRESS"; sleep 4.5
"""
    said = play(tmp_path, text, VIRTUAL_DATACENTER_HEARTBEAT_SECONDS="6")
    assert re.search(r"^  \.\.\. TASK \[Waits\] [2-5]\.\d s, waits for a: news$", said, re.M), said


def test_a_slow_task_ends_with_a_line_even_if_it_is_skipped() -> None:
    text = block(shown(LONG), "TASK [Is skipped slowly]\n", "PLAY RECAP")
    assert re.search(r"^  skipped; \d\.\d s$", text, re.M)


def test_no_silence() -> None:
    """With a second between heartbeats, and what a machine with much to do adds to it."""
    times = [when for when, _line in timed(LONG, 0)]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert len(times) > 15
    assert max(gaps) < 3, timed(LONG, 0)


def test_batches_are_plays_of_their_own() -> None:
    text = shown(MANY, code=4)
    assert "\nPLAY [In parts] 2 machines, " in text
    assert "\nPLAY [In parts] 1 machine, " in text
    assert end(block(text, "PLAY [In parts] 2", "PLAY [In parts] 1"), "TASK [Part]") == "ok: 2 of 2"
    assert end(block(text, "PLAY [In parts] 1", "PLAY [Freely]"), "TASK [Part]") == "ok"
    assert "\nPLAY [Without hosts] 0 machines, " in text
    assert "\nPLAY [By itself] 1 machine, " in text


def test_hosts_that_go_their_own_way_are_told_by_task() -> None:
    assert re.search(
        r"\.\.\. TASK \[Goes its way\] [\d.]+ s, 2 of 3 machines done, waits for b",
        shown(MANY, code=4),
    )
    text = block(shown(MANY, code=4), "PLAY [Freely]", "PLAY [Without hosts]")
    words = [one.split(";")[:-1] for one in re.findall(r"changed: .*", text)]
    assert words == [["changed: a", " ok: 2 of 3"], ["changed: c", " ok: 2 of 3"]]


def test_an_unreachable_host_is_named_and_not_waited_for() -> None:
    text = block(shown(MANY, code=4), "TASK [Asks]", "PLAY RECAP")
    assert re.search(r"^fatal: \[b\]: UNREACHABLE: .*Connection refused", text, re.M)
    assert "\n  unreachable: b; ok: 2 of 3; " in text
    assert end(text, "TASK [Asks those that are left]") == "ok: 2 of 2"


def test_check_mode_is_said_and_differences_are_shown(tmp_path: Path) -> None:
    text = play(tmp_path, CHANGING, "--check", "--diff", f"--extra-vars=folder={tmp_path}")
    assert "\nPLAY [Writes a file] [CHECK MODE] 2 machines, " in text
    assert re.search(
        r"^TASK \[Write it\]\n[ab]:\n--- before\n\+\+\+ after.*\n@@.*\n\+new\n", text, re.M
    )
    assert re.search(r"^b:\n--- before", text, re.M)
    assert "\n  changed: a, b; " in text
    assert not (tmp_path / "a").exists()


def test_many_words_are_those_of_the_default_callback(tmp_path: Path) -> None:
    """Also what this one alone says: the play's line, and the whole time."""
    ours = play(tmp_path, QUICK, "-v")
    default = play(
        tmp_path,
        QUICK,
        "-v",
        ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
        ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
    )
    mine = [
        one for one in ours.splitlines() if not one.startswith(("PLAY [Layer", "play.yml took"))
    ]
    theirs = [one for one in default.splitlines() if not one.startswith("PLAY [Layer")]
    assert sorted(mine) == sorted(theirs)


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    assert ESCAPE not in shown(QUICK)
    reader, writer = pty.openpty()
    with subprocess.Popen(
        argv(tmp_path, QUICK),
        env=environment(tmp_path / "cache", TERM="xterm"),
        stdout=writer,
        stderr=writer,
    ):
        os.close(writer)
        seen = b""
        while True:
            try:
                seen += os.read(reader, 65536)
            except OSError:
                break
    os.close(reader)
    assert re.search(rf"{ESCAPE}\[0;33m.*changed: a, c; .*{ESCAPE}\[0m", seen.decode())


def test_the_last_run_tells_how_long_it_will_take(tmp_path: Path) -> None:
    text = """
- name: First
  hosts: a
  gather_facts: false
  tasks:
    - name: Waits
      ansible.builtin.set_fact: {x: "{{ lookup('ansible.builtin.pipe', 'sleep 2.5') }}"}
- name: Last
  hosts: a
  gather_facts: false
"""
    more = {"VIRTUAL_DATACENTER_HEARTBEAT_SECONDS": "1"}
    first = play(tmp_path, text, **more)
    assert "last" not in first and "about" not in first
    (kept,) = (tmp_path / "cache" / "progress").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    times = json.loads(kept.read_text())
    assert list(times["took"]) == ["First 1: Waits 1", "First 1", ""]
    assert list(times["began"]) == ["First 1", "Last 1"]
    again = play(tmp_path, text, **more)
    assert re.search(
        r"^PLAY \[First\] 1 machine, 0\.\d s so far, by the last run \d\.\d s to go$", again, re.M
    )
    assert re.search(
        r"^PLAY \[Last\] 1 machine, \d\.\d s so far, by the last run 0\.\d s to go$", again, re.M
    )
    assert re.search(r"^TASK \[Waits\] the last time \d\.\d s$", again, re.M)
    assert re.search(
        r"^  \.\.\. TASK \[Waits\] \d\.\d s of about \d\.\d s, waits for a$", again, re.M
    )
    assert re.search(r"^play.yml took \d\.\d s, the last time \d\.\d s$", again, re.M)
    # Another kind of run has times of its own, and one that fails leaves none.
    other = play(tmp_path, text, "--limit=b")
    assert "last" not in other
    broken = text.replace("sleep 2.5", "false")
    before = kept.read_bytes()
    play(tmp_path, broken, code=2)
    assert kept.read_bytes() == before


def test_no_run_fails_for_the_sake_of_its_times(tmp_path: Path) -> None:
    text = "- name: Play\n  hosts: a\n  gather_facts: false\n"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "progress").write_text("no folder", encoding="utf-8")
    said = play(tmp_path, text, "-v")
    assert "How long this run took is not kept: " in said
    assert "WARNING" not in said


def test_a_run_by_ansible_runner_is_the_same_as_events(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    settings = environment(tmp_path / "project" / "cache", VIRTUAL_DATACENTER_HEARTBEAT_SECONDS="1")
    ours = {key: value for key, value in settings.items() if key not in os.environ}
    (tmp_path / "env" / "envvars").write_text(json.dumps(ours), encoding="utf-8")
    (tmp_path / "project").mkdir()
    argv(tmp_path / "project", BRIEF)
    runner = [str(BIN / "ansible-runner"), "run", str(tmp_path), "-p", "play.yml", "--ident", "x"]
    done = subprocess.run(
        [*runner, "--inventory", str(tmp_path / "project" / "hosts")],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "artifacts" / "x" / "job_events"
    events = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    events.sort(key=lambda one: one["counter"])
    told = "\n".join(event["stdout"] for event in events).replace("\r", "")
    assert "PLAY [Takes long] 2 machines, " in told
    assert re.search(r"^  ok: 2 of 2; \d\.\d s$", told, re.M)
    assert re.search(r"^a +: ok=\d+ +changed=0 ", told, re.M)
    (first, *_more) = (event for event in events if "... TASK [Tells]" in event["stdout"])
    (result,) = (event for event in events if event["stdout"].startswith("  ok: 2 of 2; "))
    assert (result["event"], result["event_data"]["task"]) == ("runner_on_ok", "Tells")
    assert first["event"] == "verbose"
    assert first["event_data"]["task"] == "Tells"
    assert {event["event"] for event in events} >= {
        "playbook_on_play_start",
        "playbook_on_task_start",
        "runner_on_ok",
        "runner_item_on_failed",
        "runner_retry",
        "playbook_on_stats",
    }
