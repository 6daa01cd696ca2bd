"""The nouns of a scenario: a test of rules, written in YAML, played on a virtual clock.

Made by the reader; played by the player. Values that are compared stay as they were written: `matchers` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any

from autoflow.failpoints import Failpoint
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Outcome
from autoflow.model.step import RetryPolicy
from autoflow.rules.parts import Part
from autoflow.strict_yaml import Place, Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where something stands, for who is told what came of it."""

    part: Part = field(repr=False, compare=False)
    pointer: Pointer

    @property
    def path(self) -> str:
        """The file, as shown to people."""
        return self.part.file.path

    @property
    def line(self) -> int:
        """The line in which it begins."""
        return self.place.line

    @property
    def place(self) -> Place:
        """Lines and columns; found only where somebody is told."""
        return self.part.document.key_at((*self.part.pointer, *self.pointer))

    def below(self, *steps: str | int) -> Spot:
        """A part of what stands there."""
        return Spot(part=self.part, pointer=(*self.pointer, *steps))

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """Which rules are in force: exactly one of files, a git revision and rules that are written out."""

    paths: tuple[Path, ...] = ()
    revision: str | None = None
    #: the text of the rules, on the lines on which they stand
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockKeys:
    """When a test begins, and where."""

    start: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """What an action answers, attempt after attempt."""

    #: one an attempt; when all are used, `always`
    replies: tuple[Outcome, ...] = ()
    #: None: it is delivered
    always: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mocks:
    """What stands in for the world. The closest one counts: step, rule, notifier, action."""

    actions: Mapping[str, Replies] = field(default_factory=dict)
    notifiers: Mapping[str, Replies] = field(default_factory=dict)
    #: by `rule` or `rule/step`
    rules: Mapping[str, Replies] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKeys:
    """The keys of the config that change what rules do."""

    retry: RetryPolicy | None = None
    chain_depth: int | None = None
    shadow: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time of day, or a day and a time; in the test's zone where it names none."""

    value: time | datetime


class Matter(StrEnum):
    """What can be expected of, in the order in which it is looked at."""

    OUTCOME = "outcome"
    ACTIONS = "actions"
    ATTEMPTS = "attempts"
    PENDING = "pending"
    RUNS = "runs"
    DEAD_LETTERS = "dead_letters"
    EVENTS = "events"
    WHY = "why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is to be so at the end of a step."""

    spot: Spot
    #: as written; what is not there is not looked at
    matters: Mapping[Matter, Json]
    exactly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    """Events arrive in one request."""

    body: bytes
    content_type: str
    #: whether they were written as a list
    several: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """So much time passes."""

    millis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpTo:
    """Time passes until a moment."""

    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUntilIdle:
    """Time passes until nothing waits."""

    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The daemon dies, now or at a failpoint of the next step, and is started again."""

    down: int = 0
    at: Failpoint | None = None
    #: the passing of the failpoint at which it dies, counted from 1
    passing: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Other rules come in force."""

    rules: RuleSource


class Verb(StrEnum):
    """What an operator does."""

    CANCEL = "cancel"
    RUN_NOW = "run_now"
    REPLAY = "replay"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operate:
    """An operator acts on all that waits, or was given up, and is meant."""

    verb: Verb
    #: columns and what they are compared with; empty: everything
    meant: JsonObject = field(default_factory=dict)


Deed = Emit | Advance | JumpTo | RunUntilIdle | Restart | Use | Operate


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happens, and what is expected after it."""

    spot: Spot
    deed: Deed | None
    #: in a word or two, for who is told which step it was
    title: str
    expect: Expectation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One test: rules, a clock, what stands in for the world, and what happens step by step."""

    name: str
    spot: Spot
    steps: tuple[Step, ...]
    labels: tuple[str, ...] = ()
    clock: ClockKeys = ClockKeys()
    mocks: Mocks = Mocks()
    config: ConfigKeys = ConfigKeys()
    #: None: as the place of its file says
    rules: RuleSource | None = None
    #: the rule inside which it stands
    rule: str | None = None

    @property
    def path(self) -> str:
        """The file it stands in, as shown to people."""
        return self.spot.path


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """What one file holds of tests."""

    path: Path
    scenarios: tuple[Scenario, ...] = ()
    #: what must be covered by them, as written
    coverage: Mapping[str, Any] = field(default_factory=dict)
