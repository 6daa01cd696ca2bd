"""`python -m crash.loop --kills N --seed S`: a daemon that is killed again and again while four senders talk to it.

At the end everything may drain, and the checker reads the logs and the tables. Exit code 1 where it found
something; the directory is kept then. `make crash` runs it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoflow.intake.socket_path import socket_path
from crash.checker import check_all
from crash.evidence import read_evidence
from crash.journal import Journal, milliseconds
from crash.report import Outcome, write_report
from crash.senders import KINDS
from support.daemon import free_port

HERE = Path(__file__).parent
SINK_IN_RULES = "127.0.0.1:9000"
SOONEST, LATEST = 0.02, 0.8
"""Seconds after it is ready in which the daemon is killed."""
STARTING_KILLS = 8
"""Each such kill comes while the daemon starts, the first on an empty directory."""
START_SECONDS = 0.6
READY_SECONDS = 60.0
DRAIN_SECONDS = 180.0
STOP_SECONDS = 60.0
DEFECTS = (".defect", "run.fenced", "run.storage", "Traceback", "dispatch.storage", "dispatch.swept")
"""What the daemon's own log must not say, whatever it is put through."""


class LoopError(Exception):
    """The loop itself cannot go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried."""

    kills: int
    seed: str
    #: seconds between two offers of a sender; one that sends single events takes a third
    pause: float = 0.06
    #: how many kills lie between two looks at what is there
    look_every: int = 10


class Loop:
    """The processes of one crash loop, in one directory."""

    def __init__(self, home: Path, plan: Plan) -> None:
        self.home = home
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._journal = Journal(home / "loop.jsonl")
        self._log = home / "daemon.log"
        self._port = free_port()
        self._daemon: subprocess.Popen[bytes] | None = None
        self._senders: dict[str, tuple[subprocess.Popen[bytes], socket.socket]] = {}
        self._read_from = 0
        #: what the next daemon is started with
        self._program = ["-m", "autoflow"]
        self._environment: dict[str, str] = {}
        self._is_drained = False
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Kill as often as planned, let it drain, stop it, and look."""
        begun = time.monotonic()
        with self._sink() as sink_port:
            self._write_home(sink_port)
            try:
                self._start_senders()
                for number in range(self._plan.kills):
                    self._live_and_die(number)
                    if number and number % self._plan.look_every == 0:
                        self._look(number)
                self._end_well()
            except LoopError as error:
                self.outcome.add({"daemon": [str(error)]})
            finally:
                self._end_all()
        self.outcome.evidence = read_evidence(self.home, drained=self._is_drained)
        self.outcome.add(check_all(self.outcome.evidence))
        self.outcome.add({"daemon": self._read_log()})
        self.outcome.seconds = time.monotonic() - begun
        return self.outcome

    def _live_and_die(self, number: int) -> None:
        """One life of the daemon, and its end."""
        spawned = self._spawn()
        if number % STARTING_KILLS == 0:
            self._kill_after(self._random.uniform(0, START_SECONDS), "starting")
            return
        self._wait_ready(spawned)
        self._kill_after(self._random.uniform(SOONEST, LATEST), "running")

    def _look(self, number: int) -> None:
        """Between two lives: what is on the disk at this moment must hold by itself."""
        self.outcome.looks += 1
        found = check_all(read_evidence(self.home, drained=False))
        self.outcome.add(found, where=f"after kill {number + 1}: ")
        if not self.outcome.is_clean:
            raise LoopError(f"stopped after kill {number + 1}: what was found then stands above")
        sys.stderr.write(f"{number + 1} kills of {self._plan.kills}: nothing found\n")

    def _end_well(self) -> None:
        """A last life that is not cut short: senders finish, everything that waits runs, the daemon stops."""
        self._wait_ready(self._spawn())
        for _, control in self._senders.values():
            control.close()
        for kind, (process, _) in self._senders.items():
            if process.wait(timeout=STOP_SECONDS) != 0:
                raise LoopError(f"the sender {kind} ended with {process.returncode}")
        begun = time.monotonic()
        while self._waits() and time.monotonic() - begun < DRAIN_SECONDS:
            time.sleep(0.05)
        self.outcome.drained_in = time.monotonic() - begun
        self._is_drained = True
        assert self._daemon is not None
        self._daemon.terminate()
        if (code := self._daemon.wait(timeout=STOP_SECONDS)) != 0:
            raise LoopError(f"the daemon ended with {code} when it was told to stop")

    def _waits(self) -> bool:
        """Whether anything waits in the daemon."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        token = (self.home / "state" / "token").read_text().strip()
        connection.request("GET", "/v1/pending?limit=1", headers={"Authorization": f"Bearer {token}"})
        items = json.loads(connection.getresponse().read())["items"]
        connection.close()
        return bool(items)

    def _spawn(self) -> float:
        """Start a daemon, with new pipes to the sender that speaks to its standard input; when that was."""
        self._journal.write("spawn")
        events_out, events_in = os.pipe()
        acks_out, acks_in = os.pipe()
        with self._log.open("ab") as log:
            self._read_from = log.tell()
            self._daemon = subprocess.Popen(
                [sys.executable, *self._program, "run", "-c", "config.yaml", "--log-format", "json",
                 "--stdin", "--ack"],
                cwd=self.home, env={**os.environ, **self._environment},
                stdin=events_out, stdout=acks_in, stderr=log,
            )  # fmt: skip
        socket.send_fds(self._senders["stdin"][1], [b"."], [events_in, acks_out])
        for pipe in (events_out, events_in, acks_out, acks_in):
            os.close(pipe)
        return time.monotonic()

    def _wait_ready(self, spawned: float) -> None:
        """Until the daemon says so."""
        assert self._daemon is not None
        while not self._says(b'"daemon.started"'):
            if self._daemon.poll() is not None:
                raise LoopError(f"the daemon ended with {self._daemon.returncode} while it started")
            if time.monotonic() - spawned > READY_SECONDS:
                raise LoopError(f"the daemon was not ready after {READY_SECONDS:.0f} s")
            time.sleep(0.005)
        self._journal.write("ready")
        self.outcome.starts.append(time.monotonic() - spawned)

    def _says(self, word: bytes) -> bool:
        with self._log.open("rb") as log:
            log.seek(self._read_from)
            return word in log.read()

    def _kill_after(self, seconds: float, phase: str) -> None:
        """SIGKILL at that moment; a daemon that ends before it is a finding."""
        assert self._daemon is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._daemon.wait(timeout=seconds)
            raise LoopError(f"the daemon ended by itself with {code}")
        before = milliseconds()
        self._daemon.kill()
        self._daemon.wait()
        self._journal.write("kill", before=before, after=milliseconds(), phase=phase)

    def _write_home(self, sink_port: int) -> None:
        rules = self.home / "rules"
        rules.mkdir()
        for path in (HERE / "rules").iterdir():
            text = path.read_text()
            assert SINK_IN_RULES in text
            (rules / path.name).write_text(text.replace(SINK_IN_RULES, f"127.0.0.1:{sink_port}"))
        config = {
            "rules": "rules",
            "state": "state",
            "http": {"listen": f"127.0.0.1:{self._port}"},
            "egress": {"allow": [f"127.0.0.1:{sink_port}"]},
            "notifiers": {"webhook": {"transport": "http", "timeout": "1s"}},
        }
        (self.home / "config.yaml").write_text(json.dumps(config))

    @contextlib.contextmanager
    def _sink(self) -> Iterator[int]:
        """The receiver, for as long as this lasts; its port."""
        process = subprocess.Popen(
            [sys.executable, "-m", "crash.sink", "--log", str(self.home / "sink.jsonl"), "--seed", self._plan.seed],
            cwd=HERE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield int(process.stdout.readline())
            process.stdin.close()

    def _start_senders(self) -> None:
        where = str(socket_path(self.home / "state"))
        for kind in KINDS:
            ours, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "crash.senders", kind, "--home", str(self.home),
                     "--port", str(self._port),
                     "--socket", where, "--seed", self._plan.seed,
                     "--pause", str(self._plan.pause / 3 if kind == "single" else self._plan.pause)],
                    cwd=HERE.parent, stdin=theirs.fileno(),
                )  # fmt: skip
            self._senders[kind] = (process, ours)

    def _end_all(self) -> None:
        """Whatever happened, nothing of it runs on."""
        for process, control in self._senders.values():
            control.close()
            process.kill()
            process.wait()
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.kill()
            self._daemon.wait()

    def _read_log(self) -> list[str]:
        """Lines of the daemon's log that nothing done to it excuses."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            return [line.strip()[:400] for line in log if any(word in line for word in DEFECTS)][:20]


def main() -> int:
    """Run one loop and tell; the exit code."""
    parser = argparse.ArgumentParser(prog="crash loop")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", default=None, help="default: another one each time")
    parser.add_argument("--home", type=Path, default=Path("build/crash"), help="where its directories are made")
    options = parser.parse_args()
    seed = options.seed or str(random.SystemRandom().randrange(10**6))
    home = options.home.resolve() / f"{seed}-{time.time_ns() // 1_000_000}"
    home.mkdir(parents=True)
    look_every = max(5, options.kills // 20)
    outcome = Loop(home, Plan(kills=options.kills, seed=seed, look_every=look_every)).run()
    sys.stdout.write(write_report(outcome, seed))
    if outcome.is_clean:
        shutil.rmtree(home)
        return 0
    (home / "report.txt").write_text(write_report(outcome, seed))
    sys.stdout.write(f"kept: {home}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
