"""Lives of a daemon that each end at a failpoint, while the crash loop's four senders talk to it."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autoflow.errors import StorageError
from autoflow.failpoints import Failpoint
from crash.checker import check_all
from crash.evidence import read_evidence
from crash.journal import milliseconds
from crash.loop import DEFECTS, Loop, LoopError, Plan

DEATH_SECONDS = 60.0
HASTY = [str(Path(__file__).with_name("hasty.py"))]
"""The same program, which does within a life what a daemon does once in many minutes."""


FAULTS = {
    Failpoint.BEFORE_COMMIT: 30,
    Failpoint.AFTER_CLAIM: 3,
    Failpoint.BEFORE_SEND: 5,
    Failpoint.BEFORE_FINISH: 5,
    Failpoint.CHECKPOINT: 10,
    Failpoint.BEFORE_SWAP: 2,
    Failpoint.AFTER_SWAP: 2,
    Failpoint.PRUNE: 1,
}
"""The passings at which the machine fails in one life. Left out are those that the checker takes for mistakes of the
daemon: a request is answered 500, and a send that was taken counts as failed."""


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
        #: the points at which the machine failed
        self.failed_at: list[Failpoint] = []
        #: what of the daemon's log tells of faults that were made
        self._excused = range(0)

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
        self._look_after(life.charge)

    def _await_death(self, wanted: int = -signal.SIGKILL) -> tuple[float, float]:
        """Two moments between which it ended as it was to end."""
        assert self._daemon is not None
        begun = time.monotonic()
        before = milliseconds()
        while (code := self._daemon.poll()) is None:
            if time.monotonic() - begun > DEATH_SECONDS:
                raise LoopError(f"{self._charge}: it lives on")
            before = milliseconds()
            time.sleep(0.002)
        if code != wanted:
            raise LoopError(f"{self._charge}: it ended by itself with {code}")
        return before, milliseconds()

    def _look_after(self, charge: str) -> None:
        """What is on the disk after each death must hold by itself."""
        self.outcome.looks += 1
        self.outcome.add(check_all(read_evidence(self.home, drained=False)), where=f"after {charge}: ")
        if not self.outcome.is_clean:
            raise LoopError(f"stopped after {charge}: what was found then stands above")

    def _live_with_faults(self) -> None:
        """One life with a fault at one point after the other, which it survives; one that a fault rightly ends."""
        begin = self._log.stat().st_size
        self._charge = ",".join(f"{point}:error@{at}" for point, at in FAULTS.items())
        self._environment = {"AUTOFLOW_FAILPOINT": self._charge}
        self._wait_ready(self._spawn())
        self._ask_to_prune()
        for point in FAULTS:
            self._await_fault(point)
        self._kill_after(0, "running")
        self._look_after(self._charge)
        self._charge = f"{Failpoint.AFTER_COMMIT}:error@40"
        self._environment = {"AUTOFLOW_FAILPOINT": self._charge}
        self._spawn()
        before, after = self._await_death(StorageError.exit_code)
        self._journal.write("kill", before=before, after=after, phase="broken")
        self._await_fault(Failpoint.AFTER_COMMIT)
        self._look_after(self._charge)
        self._excused = range(begin, self._log.stat().st_size)

    def _await_fault(self, point: Failpoint) -> None:
        """Until the daemon says that this one struck; rules are read again and again meanwhile."""
        begun = time.monotonic()
        while not self._says(f"failpoint {point}: error at passing ".encode()):
            if time.monotonic() - begun > DEATH_SECONDS:
                raise LoopError(f"{self._charge}: nothing fails at {point}")
            if point in (Failpoint.BEFORE_SWAP, Failpoint.AFTER_SWAP):
                self.edit_rules()
            time.sleep(0.05)
        self.failed_at.append(point)

    def _read_log(self) -> list[str]:
        """As of any crash loop, but for the time in which faults were made."""
        log = self._log.read_bytes()
        rest = log[: self._excused.start] + log[self._excused.stop :]
        return [line[:400] for line in rest.decode(errors="replace").splitlines() if any(w in line for w in DEFECTS)]

    def _end_well(self) -> None:
        self._live_with_faults()
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
        """Ask for what is old to be removed, and get no answer."""
        if self._ask_to_prune():
            raise LoopError(f"{self._charge}: it was asked to prune, and answered")

    def _ask_to_prune(self) -> bool:
        """Whether there was an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEATH_SECONDS)
        token = (self.home / "state" / "token").read_text().strip()
        connection.request("POST", "/v1/db/prune", headers={"Authorization": f"Bearer {token}"})
        try:
            connection.getresponse()
        except (ConnectionError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True
