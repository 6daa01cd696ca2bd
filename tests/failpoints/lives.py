"""Lives of a daemon that each end at a failpoint, while the crash loop's four senders talk to it."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autoflow.failpoints import Failpoint
from crash.checker import check_all
from crash.evidence import read_evidence
from crash.journal import milliseconds
from crash.loop import Loop, LoopError, Plan

DEATH_SECONDS = 30.0
HASTY = [str(Path(__file__).with_name("hasty.py"))]
"""The same program, which does within a life what a daemon does once in many minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Where a life ends, and what is done to bring it there."""

    point: Failpoint
    #: the passing at which it dies: those of the start come first
    at: int
    provoke: Callable[[Lives], None] | None = None

    @property
    def charge(self) -> str:
        """As the variable has it."""
        return f"{self.point}:crash@{self.at}"


class Lives(Loop):
    """A crash loop whose kills come from inside, each at a chosen point; in its last life everything is late."""

    def __init__(self, home: Path, lives: list[Life], *, seed: str) -> None:
        super().__init__(home, Plan(kills=len(lives), seed=seed, look_every=len(lives)))
        self._program = HASTY
        self._lives = lives
        self._charge = ""
        self.seed = seed
        #: the lives that ended where they were to end, as they are written
        self.died_at: list[str] = []

    def _live_and_die(self, number: int) -> None:
        life = self._lives[number]
        self._charge = life.charge
        self._environment = {"AUTOFLOW_FAILPOINT": life.charge}
        spawned = self._spawn()
        if life.provoke is not None:
            self._wait_ready(spawned)
            life.provoke(self)
        before, after = self._await_death()
        self._journal.write("kill", before=before, after=after, phase=life.point)
        if not self._says(f"failpoint {life.point}: crash at passing {life.at}\n".encode()):
            raise LoopError(f"{life.charge}: the daemon died elsewhere")
        self.died_at.append(life.charge)
        self._look_after(life)

    def _await_death(self) -> tuple[float, float]:
        """Two moments between which it died."""
        assert self._daemon is not None
        begun = time.monotonic()
        before = milliseconds()
        while (code := self._daemon.poll()) is None:
            if time.monotonic() - begun > DEATH_SECONDS:
                raise LoopError(f"{self._charge}: it lives on")
            before = milliseconds()
            time.sleep(0.002)
        if code != -signal.SIGKILL:
            raise LoopError(f"{self._charge}: it ended by itself with {code}")
        return before, milliseconds()

    def _look_after(self, life: Life) -> None:
        """What is on the disk after each death must hold by itself."""
        self.outcome.looks += 1
        self.outcome.add(check_all(read_evidence(self.home, drained=False)), where=f"after {life.charge}: ")
        if not self.outcome.is_clean:
            raise LoopError(f"stopped after {life.charge}: what was found then stands above")

    def _end_well(self) -> None:
        self._charge = ",".join(f"{point}:delay=2@*" for point in Failpoint)
        self._environment = {"AUTOFLOW_FAILPOINT": self._charge}
        super()._end_well()

    def edit_rules(self) -> None:
        """Change the files and not the rules, and have them read."""
        assert self._daemon is not None
        [path] = (self.home / "rules").iterdir()
        path.write_text(path.read_text() + "# read me again\n")
        self._daemon.send_signal(signal.SIGHUP)

    def prune(self) -> None:
        """Ask for what is old to be removed."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEATH_SECONDS)
        token = (self.home / "state" / "token").read_text().strip()
        connection.request("POST", "/v1/db/prune", headers={"Authorization": f"Bearer {token}"})
        try:
            connection.getresponse()
        except (ConnectionError, http.client.HTTPException):
            return  # it died of it
        finally:
            connection.close()
        raise LoopError(f"{self._charge}: it was asked to prune, and answered")
