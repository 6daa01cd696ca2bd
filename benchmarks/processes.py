"""The processes of a measurement: a real daemon on a directory of its own, small servers, and the sender of load.

Each is started by its own command, found by its own port, and ended by its own id.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import DRAIN_SECONDS, LoadOrder, order_text

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_READY = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


class BenchmarkError(Exception):
    """A measurement that could not be made; never a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where load is sent."""

    port: int
    token: str


class Daemon:
    """One `autoflow run` on a directory of its own."""

    def __init__(self, directory: Path, rules: str, config: str = "") -> None:
        self.directory = directory
        self.database = directory / "state" / "autoflow.db"
        self._log = directory / "log"
        (directory / "rules").mkdir(parents=True)
        (directory / "rules" / "bench.yaml").write_text(rules)
        (directory / "config.yaml").write_text(f"rules: rules\nstate: state\n{config}")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Target:
        """Start, and return once it says that it is ready."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*autoflow_command(), "run", "-c", str(self.directory / "config.yaml"), "--listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.directory,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            found = _READY.search(self._log.read_text())
            if found:
                return Target(port=int(found[1]), token=(self.directory / "state" / "token").read_text().strip())
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise BenchmarkError(f"the daemon did not come up:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Tell it to stop, and wait until everything is written."""
        if self._process is not None:
            end_process(self._process)
            self._process = None


@contextlib.contextmanager
def running_daemon(directory: Path, rules: str, config: str = "") -> Iterator[tuple[Daemon, Target]]:
    """A daemon that runs until the end of the block."""
    daemon = Daemon(directory, rules, config)
    try:
        yield daemon, daemon.start()
    finally:
        daemon.stop()


@contextlib.contextmanager
def running_server(module: str, *arguments: str) -> Iterator[Target]:
    """One of our own small servers, until the end of the block."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise BenchmarkError(f"{module} did not come up")
        yield Target(port=int(line), token="none")
    finally:
        end_process(process)
        if process.stdout is not None:
            process.stdout.close()


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; end it where it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def autoflow_command() -> list[str]:
    """The command that is installed beside this Python."""
    installed = Path(sys.executable).with_name("autoflow")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "autoflow"]


def run_load(order: LoadOrder) -> dict[str, Any]:
    """Carry out an order in a process of its own. BenchmarkError where anything but a 202 came back."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=order_text(order),
        capture_output=True,
        text=True,
        timeout=order.seconds + 2 * DRAIN_SECONDS + START_SECONDS,
        check=False,
    )
    if run.returncode:
        raise BenchmarkError(f"the sender failed:\n{run.stderr[-2000:]}")
    outcome: dict[str, Any] = json.loads(run.stdout)
    if outcome["refused"] or not outcome["answers"]:
        raise BenchmarkError(f"the server did not take everything: {outcome}")
    return outcome
