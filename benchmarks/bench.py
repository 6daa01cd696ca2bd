"""What every measurement is handed: how long, how often, where, and how to tell of its progress."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Round


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One run of the benchmark."""

    #: length of one round
    seconds: float
    rounds: int
    #: on the disk that is to be measured
    directory: Path
    #: told once a round
    tell: Callable[[str], None]
    #: less of everything, for a first look
    quick: bool = False
    #: goals that this run cannot answer, and why
    gaps: dict[str, str] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=itertools.count, repr=False)

    def place(self) -> Path:
        """A new empty directory."""
        directory = self.directory / f"{next(iter(self._numbers))}"
        directory.mkdir()
        return directory

    def amount(self, full: int, quick: int) -> int:
        """How many of something, in a full run and in a quick one."""
        return quick if self.quick else full

    def leave_out(self, reason: str, *goals: str) -> None:
        """Say why these goals are not answered."""
        self.gaps.update(dict.fromkeys(goals, reason))

    def alternate(
        self, reference: Callable[[], Round], measured: Callable[[], Round], what: str
    ) -> tuple[list[Round], list[Round]]:
        """Rounds of a reference and of what is measured, in turn: (measured, references)."""
        rounds, references = [], []
        for number in range(self.rounds):
            self.tell(f"{what}: reference, round {number + 1} of {self.rounds}")
            references.append(reference())
            self.tell(f"{what}: autoflow, round {number + 1} of {self.rounds}")
            rounds.append(measured())
        return rounds, references
