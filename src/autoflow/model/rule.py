"""A rule: when this event comes, wait, unless that one comes; check; act."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from autoflow.model.condition import Condition, Reference
from autoflow.model.json import JsonObject
from autoflow.model.step import RetryPolicy, Step


class Enabled(StrEnum):
    """Whether a rule takes part."""

    #: it acts
    ON = "true"
    #: it is not looked at
    OFF = "false"
    #: it is judged and recorded, and never acts
    SHADOW = "shadow"


class OnChange(StrEnum):
    """What becomes of waiting work when its rule is edited, disabled or removed."""

    #: it runs to its end under the version that planned it
    FINISH_OLD = "finish_old"
    #: it is cancelled
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPattern:
    """Which events are meant. `when` sees only that event, on arrival."""

    #: names, prefixes ending in `.*`, or `*`
    events: tuple[str, ...]
    #: empty: any source
    sources: tuple[str, ...] = ()
    when: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """Two references that must be equal: one into the run's event, one into the other event."""

    left: Reference
    right: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOn:
    """An event that ends waiting and running work of the same key. No pairs: deliberately no key."""

    pattern: EventPattern
    by: tuple[KeyPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a rule version came from. The git fields are None where git is not at hand."""

    #: relative to the rules directory
    path: str | None = None
    line: int | None = None
    commit: str | None = None
    author: str | None = None
    #: True when the file differs from the commit
    dirty: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One version of a rule, compiled from its document. (account, id) names the rule, `hash` the version."""

    account: str
    id: str
    name: str
    description: str | None = None
    labels: tuple[str, ...] = ()
    enabled: Enabled = Enabled.ON
    triggers: tuple[EventPattern, ...]
    #: milliseconds between arrival and the run
    delay: int = 0
    cancel_on: tuple[CancelOn, ...] = ()
    when: Condition | None = None
    retry: RetryPolicy | None = None
    on_change: OnChange = OnChange.FINISH_OLD
    actions: tuple[Step, ...]
    #: of the meaning, not of the text: name, description and labels do not count
    hash: str
    #: the canonical document this was made from; loading it again gives an equal rule
    document: JsonObject = field(compare=False, repr=False)
    provenance: Provenance = field(default=Provenance(), compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """What the rule is known by: (account, id)."""
        return (self.account, self.id)
