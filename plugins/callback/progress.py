# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: A quiet screen that is never silent for long
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - One line for each play, with how long it will take by the last run, and one line for each task
    that did something. The hosts that a task changed are named, the others are counted.
  - A task that takes longer than two seconds is named while it runs. From then on a line comes at
    least every O(heartbeat_seconds). It names the task, its seconds, the hosts that it still waits
    for, and what a long command said last.
  - Skipped tasks and checks of arguments are shown only if something is wrong with them.
  - Failures are shown whole, with their message first. Messages of M(ansible.builtin.debug) are
    plain text that can be copied.
  - With C(-v) and more, tasks and all results are shown as P(ansible.builtin.default#callback)
    shows them. With C(--diff) the differences are shown. With C(--check) every play says so.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - Set as stdout callback in the configuration.
options:
  heartbeat_seconds:
    description:
      - The longest time without a line while a task runs, in seconds. A command that says
        something new is heard after half of that.
      - With V(0) there is no such line.
    type: int
    default: 20
    env:
      - name: VIRTUAL_DATACENTER_HEARTBEAT_SECONDS
    ini:
      - section: callback_progress
        key: heartbeat_seconds
  cache_dir:
    description:
      - How long runs, plays and tasks took is kept in the folder C(progress) below this one, in a
        file for each set of playbooks, inventories, tags, limit and check mode.
      - Only runs without a failure are kept, of the 100 newest kinds. It is no failure if the
        folder cannot be written.
    type: path
    default: ~/.cache/virtual.datacenter
    env:
      - name: VIRTUAL_DATACENTER_CACHE
    ini:
      - section: callback_progress
        key: cache_dir
  result_format:
    default: yaml
notes:
  - The environment variable E(VIRTUAL_DATACENTER_PROGRESS) of every process on the controller names
    a file of this run. A command that takes long appends lines to it, or writes it anew. The last
    line is shown as what the command said last.
  - For a loop the label of the last item is shown, for C(until) the number of the attempt. So a
    command on another machine can be asked in a loop, which tells by its labels.
  - Nothing that a task with C(no_log) says is shown.
  - With C(ansible-runner), E(ANSIBLE_STDOUT_CALLBACK) has to stand in its C(env/envvars). Lines are
    events then.
seealso:
  - plugin: ansible.builtin.default
    plugin_type: callback
"""

EXAMPLES = r"""
# ansible.cfg
# [defaults]
# stdout_callback = virtual.datacenter.progress
#
# [callback_progress]
# heartbeat_seconds = 10

# A long command on the controller tells what it does.
- name: Build it
  ansible.builtin.shell: make 2>&1 | tee --append "${VIRTUAL_DATACENTER_PROGRESS:-/dev/null}"
  changed_when: true
  delegate_to: localhost
"""

import atexit
import os
import shlex
import threading
import time
import typing as t

from ansible import constants, context
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible.utils.fqcn import add_internal_fqcns
from ansible_collections.virtual.datacenter.plugins.plugin_utils import run_times
from ansible_collections.virtual.datacenter.plugins.plugin_utils.running_task import (
    FIRST_KEYS,
    LEFT_OUT,
    Running,
    indented,
    last_line,
    of_state,
    one_line,
    runs_on_some,
    some,
)

NAMED_AFTER_SECONDS = 2.0
PROGRESS_FILE = "VIRTUAL_DATACENTER_PROGRESS"
DEBUG = add_internal_fqcns(("debug",))
# Tasks whose success has no line: checks of arguments, and text that is on the screen already.
WITHOUT_LINE = (*add_internal_fqcns(("validate_argument_spec",)), "virtual.datacenter.screen_text")
FREE = add_internal_fqcns(("free", "host_pinned"))
# What became of hosts, in the order in which it is told, and the colour of the line.
COLOURS = {
    "unreachable": "COLOR_UNREACHABLE",
    "failed": "COLOR_ERROR",
    "ignored": "COLOR_WARN",
    "changed": "COLOR_CHANGED",
    "ok": "COLOR_OK",
    "skipped": "COLOR_SKIP",
}


class CallbackModule(DefaultCallback):  # type: ignore[misc]  # Ansible has no types
    """The quiet screen. Where -v asks for more, the default callback shows it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "virtual.datacenter.progress"

    _times: run_times.RunTimes

    def __init__(self) -> None:
        super().__init__()
        self._tasks: dict[str, Running] = {}
        self._play_key = self._file = self._diff_of = ""
        self._play_began = self._began = self._spoke = time.monotonic()
        self._batch: set[str] = set()
        self._out: set[str] = set()
        self._ended = threading.Event()
        # Ansible's own lock, which it holds while it forks and while it writes lines.
        self._lock: t.Any = getattr(self._display, "_lock", None) or threading.RLock()

    # Plays

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        if not self._file:
            self._begin()
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        self._end_play()
        name, self._play, self._play_began = play.get_name().strip(), play, time.monotonic()
        variables = play.get_variable_manager().get_vars(play=play)
        hosts = {*variables["ansible_play_hosts_all"]}
        # A localhost that no inventory names is in no batch.
        self._batch, self._out = {*variables["ansible_play_batch"]} & hosts or hosts, set()
        self._play_key = self._times.key(name)
        so_far = self._play_began - self._began
        self._times.begin(self._play_key, so_far)
        told = f"\nPLAY [{name}]{' [CHECK MODE]' * bool(play.check_mode)} {len(self._batch)}"
        told += f" machine{'s' * (len(self._batch) != 1)}, {run_times.clock(so_far)} so far"
        to_go = self._times.to_go(self._play_key)
        if to_go is not None:
            told += f", by the last run {run_times.clock(to_go)} to go"
        self._say(told, constants.COLOR_HIGHLIGHT)

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self._end_tasks()
        super().v2_playbook_on_no_hosts_remaining()

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._end_play()
        self._ended.set()
        super().v2_playbook_on_stats(stats)
        seconds = time.monotonic() - self._began
        names = ", ".join(os.path.basename(name) for name in context.CLIARGS.get("args", ()))
        before = self._before(", the last time", self._times.took(""))
        self._say(f"{names} took {run_times.clock(seconds)}{before}")
        if not stats.failures and not stats.dark:
            try:
                self._times.keep(seconds)
            except OSError as error:
                self._display.v(f"How long this run took is not kept: {error}")

    # Tasks: the base class calls _task_start for tasks and for handlers

    def _task_start(self, task: t.Any, prefix: str | None = None) -> None:
        with self._lock:
            if self._play.strategy not in FREE:
                self._end_tasks()
            if task._uuid not in self._tasks:
                name = task.get_name().strip()
                mark = " [CHECK MODE]" * (task.check_mode is True and not self._play.check_mode)
                key = self._times.key(f"{self._play_key}: {name}")
                self._tasks[task._uuid] = Running(task, f"{prefix or 'TASK'} [{name}]{mark}", key)
            if self._verbose:
                super()._task_start(task, prefix)

    def _print_task_banner(self, task: t.Any) -> None:
        with self._lock:
            running = self._of(task)
            running.named = True
            if self._verbose:
                super()._print_task_banner(task)
            else:
                last = self._times.took(running.key)
                self._say(running.title + self._before(" the last time", last))
                self._last_task_banner = task._uuid

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self._of(task).waits_for[host.get_name()] = None
        self._out.discard(host.get_name())
        super().v2_runner_on_start(host, task)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        state = "changed" if result.result.get("changed", False) else "ok"
        if isinstance(result.task, TaskInclude) or result.task.action in WITHOUT_LINE:
            state = "skipped"
        self._show("v2_runner_on_ok", result)
        self._done(result, state)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._show("v2_runner_on_skipped", result)
        self._done(result, "skipped")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._show("v2_runner_on_failed", result, ignore_errors, failure="FAILED")
        self._done(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._show("v2_runner_on_unreachable", result, failure="UNREACHABLE")
        self._done(result, "ignored" if result.task.ignore_unreachable else "unreachable")

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self._item(result)
        self._show("v2_runner_item_on_ok", result)

    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        self._show("v2_runner_item_on_skipped", result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        self._item(result)
        self._show("v2_runner_item_on_failed", result, failure="FAILED")

    def v2_runner_retry(self, result: t.Any) -> None:
        found = result.result
        message = one_line(str(found.get("stderr") or found.get("msg") or ""))
        # Counted here: from ansible-core 2.21 on its number is that of the next attempt.
        tries, host = self._of(result.task).tries, result.host.get_name()
        tries[host] = tries.get(host, 0) + 1
        attempt = f"attempt {tries[host]} of {found.get('retries')} has failed"
        self._heard(result, f"{attempt}: {message}" if message else attempt)
        self._only_verbose("v2_runner_retry", result)

    def v2_runner_on_async_poll(self, result: t.Any) -> None:
        self._only_verbose("v2_runner_on_async_poll", result)

    def v2_runner_on_async_ok(self, result: t.Any) -> None:
        self._only_verbose("v2_runner_on_async_ok", result)

    def v2_runner_on_async_failed(self, result: t.Any) -> None:
        self._only_verbose("v2_runner_on_async_failed", result)

    def v2_playbook_on_include(self, included_file: t.Any) -> None:
        self._only_verbose("v2_playbook_on_include", included_file)

    def v2_on_file_diff(self, result: t.Any) -> None:
        self._diff_of = self.host_label(result)
        super().v2_on_file_diff(result)

    def _get_diff(self, difflist: t.Any) -> str:
        """What the default callback shows, below the name of the host."""
        found: str = super()._get_diff(difflist)
        return f"{self._diff_of}:\n{found}" if found else ""

    def _handle_exception(self, result: t.Any, use_stderr: bool = False) -> None:
        """Not that of a task with no_log: Ansible leaves the message in it."""
        if "censored" in result:
            result.pop("exception", None)
        super()._handle_exception(result, use_stderr=use_stderr)

    # What is known of the run

    @property
    def _verbose(self) -> bool:
        return bool(self._display.verbosity > 0)

    def _of(self, task: t.Any) -> Running:
        """The task; it begins anew where its line was written before all its hosts were done."""
        if task._uuid not in self._tasks:
            self._task_start(task)
        return self._tasks[task._uuid]

    def _heard(self, result: t.Any, text: t.Any) -> None:
        self._of(result.task).said = one_line(str(text))

    def _item(self, result: t.Any) -> None:
        self._of(result.task).tries.pop(result.host.get_name(), None)
        self._heard(result, self._get_item_label(result.result))

    def _done(self, result: t.Any, state: str) -> None:
        with self._lock:
            running, host = self._of(result.task), result.host.get_name()
            running.waits_for.pop(host, None)
            running.hosts.setdefault(state, []).append(host)
            if state in ("failed", "unreachable"):
                self._out.add(host)
            sure = self._play.strategy in FREE or not runs_on_some(running.task)
            if sure and not running.waits_for and running.done >= self._all(running):
                self._end_task(running)

    def _all(self, running: Running) -> int:
        """How many hosts the task runs on, as far as it can be known."""
        listed = running.done + len(running.waits_for)
        if running.task.run_once or runs_on_some(running.task):
            return listed
        return max(listed, len(self._batch - self._out))

    def _end_play(self) -> None:
        self._end_tasks()
        if self._play_key:
            self._times.end(self._play_key, time.monotonic() - self._play_began)
            self._play_key = ""

    def _end_tasks(self) -> None:
        with self._lock:
            for running in list(self._tasks.values()):
                self._end_task(running)

    def _end_task(self, running: Running) -> None:
        """Write its line, if there is something to tell."""
        del self._tasks[running.task._uuid]
        seconds = time.monotonic() - running.began
        self._times.end(running.key, seconds)
        found = [state for state in COLOURS if state in running.hosts]
        below = self._last_task_banner == running.task._uuid
        if self._verbose or not (running.named or set(found) - {"skipped"}):
            return
        if running.messages:
            if not below:
                self._say(running.title)
            for text, hosts in sorted(running.messages.items(), key=lambda said: min(said[1])):
                self._say(f"{some(hosts)}:\n{text}" if self._all(running) > 1 else text)
            return
        told = [of_state(state, running.hosts[state], running.done) for state in found]
        text = "; ".join([*(told or ["ended"]), run_times.clock(seconds)])
        colour = getattr(constants, COLOURS[found[0]]) if found else None
        self._say(f"  {text}" if below else f"{running.title} {text}", colour)

    # What is written

    def _say(self, text: str, colour: str | None = None, stderr: bool = False) -> None:
        self._display.display(text, color=colour, stderr=stderr)
        self._spoke = time.monotonic()

    @staticmethod
    def _before(words: str, seconds: float | None) -> str:
        return "" if seconds is None else f"{words} {run_times.clock(seconds)}"

    def _only_verbose(self, event: str, *arguments: t.Any) -> None:
        if self._verbose:
            getattr(super(), event)(*arguments)
            self._spoke = time.monotonic()

    def _show(self, event: str, result: t.Any, *more: t.Any, failure: str = "") -> None:
        """As the default callback does with -v; else only what is wrong, and what debug says."""
        if self._verbose:
            self._only_verbose(event, result, *more)
        elif failure:
            self._failure(result, failure)
        else:
            self._handle_warnings_and_exception(result)
            if result.task.action in DEBUG and not event.endswith("skipped"):
                self._message(result)

    def _text(self, value: t.Any) -> str:
        """Text as it is, lists of text as lines, all else as results are shown."""
        if isinstance(value, list) and not any(isinstance(line, (dict, list)) for line in value):
            return "\n".join(map(str, value))
        if isinstance(value, list):
            value = {"msg": value}
        return str(self._dump_results(value)).strip("\n") if isinstance(value, dict) else str(value)

    def _message(self, result: t.Any) -> None:
        """Keep what debug says until its task ends: what many hosts say is written once."""
        if "results" in result.result:
            return
        self._clean_results(result.result, result.task.action)
        shown = self._dump_results(result.result, serialize=False)
        for key in (shown.get("ansible_loop_var"), *LEFT_OUT):
            shown.pop(key, None)
        hosts = self._of(result.task).messages.setdefault(self._text(shown.get("msg", shown)), [])
        if result.host.get_name() not in hosts:
            hosts.append(result.host.get_name())

    def _failure(self, result: t.Any, word: str) -> None:
        """The message, then what a command printed, then the rest."""
        if self._last_task_banner != result.task._uuid:
            self._print_task_banner(result.task)
        if result.result.get("msg"):
            # The same message with the place of its task, which has a line of its own below.
            result.result.pop("exception", None)
        self._handle_warnings_and_exception(result)
        if result.task.loop and "results" in result.result:
            return
        if self.get_option("show_task_path_on_failure"):
            self._print_task_path(result.task)
        shown = self._dump_results(result.result, serialize=False)
        where = f"fatal: [{self.host_label(result)}]"
        if "ansible_loop_var" in shown:
            where += f" ({self._get_item_label(result.result)})"
            shown.pop(shown["ansible_loop_var"], None)
        message = shown.pop("msg", None) or shown.pop("censored", None) or "it does not say why"
        lines = [f"{where}: {word}: {self._text(message)}"]
        if isinstance(shown.get("cmd"), list):
            shown["cmd"] = shlex.join(map(str, shown["cmd"]))
        for key in FIRST_KEYS:
            text = self._text(shown.pop(key, ""))
            lines += indented(key, text) if text else []
        rest = {key: value for key, value in shown.items() if key not in LEFT_OUT}
        if rest:
            lines.append(self._dump_results(rest).strip("\n"))
        lines += indented("task", result.task.get_path() or "")
        stderr = self.get_option("display_failed_stderr")
        self._say("\n".join(lines), constants.COLOR_ERROR, stderr=stderr)

    # The heartbeat

    def _begin(self) -> None:
        options = ("inventory", "check", "tags", "skip_tags", "subset")
        playbooks = [os.path.abspath(name) for name in context.CLIARGS.get("args", ())]
        kind = [playbooks, *(context.CLIARGS.get(name) for name in options)]
        folder = os.path.join(self.get_option("cache_dir"), "progress")
        self._times = run_times.RunTimes(folder, kind)
        self._file = os.path.join(constants.DEFAULT_LOCAL_TMP, "progress")
        os.environ[PROGRESS_FILE] = self._file
        atexit.register(self._ended.set)
        threading.Thread(target=self._watch, name="heartbeat", daemon=True).start()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            with self._lock:
                self._beat(time.monotonic())

    def _beat(self, now: float) -> None:
        running = [task for task in self._tasks.values() if task.waits_for]
        for task in running:
            if not task.named and now - task.began >= NAMED_AFTER_SECONDS:
                self._print_task_banner(task.task)
        running = running or list(self._tasks.values())
        every = self.get_option("heartbeat_seconds")
        if not running or not every:
            return
        task = min(running, key=lambda one: one.began)
        said = "" if task.task.no_log else last_line(self._file, task.since) or task.said
        if now - self._spoke < (every if said == task.told else every / 2):
            return
        task.told = said
        told = f"  ... {task.title} {run_times.clock(now - task.began)}"
        told += self._before(" of about", self._times.took(task.key))
        if self._all(task) > 1:
            told += f", {task.done} of {self._all(task)} machines done"
        if task.waits_for:
            told += f", waits for {some(task.waits_for)}"
        if len(running) > 1:
            told += " (other tasks run too)"
        self._say(f"{told}: {said}" if said else told)
