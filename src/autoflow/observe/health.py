"""Whether the daemon can be relied on: named checks that probes and people read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from autoflow.model.json import Json


class State(StrEnum):
    """How a part of the daemon is."""

    #: as it should be
    OK = "ok"
    #: it works, and somebody should look
    DEGRADED = "degraded"
    #: it does not work: no traffic should come here
    FAILED = "failed"


_MARKS = {State.OK: "[+]", State.DEGRADED: "[!]", State.FAILED: "[-]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found."""

    state: State = State.OK
    detail: str = ""


class Health:
    """The checks of one daemon."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], Finding]] = {}

    def watch(self, name: str, check: Callable[[], Finding]) -> None:
        """Ask this check whenever somebody asks for health."""
        self._checks[name] = check

    def findings(self) -> dict[str, Finding]:
        """What every check says now."""
        return {name: check() for name, check in self._checks.items()}

    def is_ready(self) -> bool:
        """Whether traffic may come: nothing has failed."""
        return all(finding.state is not State.FAILED for finding in self.findings().values())

    def as_json(self) -> dict[str, Json]:
        """For `autoflow health --json`."""
        findings = self.findings()
        worst = State.OK
        for finding in findings.values():
            if finding.state is State.FAILED or (finding.state is State.DEGRADED and worst is State.OK):
                worst = finding.state
        return {
            "schema_version": 1,
            "status": worst.value,
            "checks": {name: {"status": f.state.value, "detail": f.detail} for name, f in findings.items()},
        }

    def as_text(self) -> str:
        """One line a check, as `?verbose` shows it."""
        lines = []
        for name, finding in self.findings().items():
            word = finding.state.value if finding.state is State.OK else f"{finding.state.value}: {finding.detail}"
            lines.append(f"{_MARKS[finding.state]}{name} {word}")
        return "\n".join(lines)
