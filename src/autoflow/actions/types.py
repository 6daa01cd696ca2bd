"""What rules know of an action: its name and its parameters, without what it takes to perform it.

`kinds` lists them; the validator, the JSON Schema and the docs page read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ParamKind(StrEnum):
    """What may stand at a parameter, and how it is rendered."""

    #: text with templates; renders to text
    TEXT = "text"
    #: text with templates, `{ fact: ref }`, or a list of them; renders to text or a list of texts
    RECIPIENT = "recipient"
    #: any JSON: texts inside are templates, `{ fact: ref }` keeps the type, `{ literal: ... }` is sent as is
    VALUE = "value"
    #: text with templates in the path and the query only
    URL = "url"
    #: a map of text: header names to texts with templates or secret references
    HEADERS = "headers"
    #: a word as it stands, one of `choices` where there are any; never a template
    WORD = "word"
    #: the name of a file in templates/, without its ending
    TEMPLATE = "template"
    #: the name of a notifier in the config
    NOTIFIER = "notifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter of an action: for the validator, the JSON Schema and the docs page."""

    name: str
    kind: ParamKind
    doc: str
    required: bool = False
    choices: tuple[str, ...] = ()
    #: spellings of the seeds that are accepted and written as `name`
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionType:
    """An action as rules know it: its name, its parameters and what it does, without any connection."""

    name: str
    doc: str
    params: tuple[Param, ...]
    #: names of the seeds and peers that are accepted and written as `name`
    aliases: tuple[str, ...] = ()
    #: sets of parameters of which exactly one must be given
    one_of: tuple[tuple[str, ...], ...] = ()
    #: whether it tells a person through a notifier of the config
    notifies: bool = False

    def param(self, name: str) -> Param | None:
        """The parameter of this name or alias."""
        for param in self.params:
            if name == param.name or name in param.aliases:
                return param
        return None


_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
    | {"idempotency-key", "accept-encoding", "proxy-authorization", "proxy-connection", "keep-alive"}
)
_OUR_PREFIXES = ("webhook-", "x-autoflow-")


def is_reserved_header(name: str) -> bool:
    """Whether a header is set by autoflow itself, and never by a rule."""
    low = name.lower()
    return low in _OURS or low.startswith(_OUR_PREFIXES)
