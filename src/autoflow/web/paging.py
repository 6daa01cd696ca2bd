"""Pages of a collection: how far, from where, and which questions it understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from autoflow.errors import UsageError

MOST = 200
USUAL = "50"
DIGITS = 18
"""Of a number that fits the store's integers."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question to a collection, once it is known to make sense."""

    filters: Mapping[str, str]
    limit: int
    cursor: str | None


def read_question(query: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> Asked:
    """The question in a URL. `known` holds the filters, and the words that each may be where they are few.

    UsageError where it makes no sense: a filter that is not known would else be an answer to another question.
    """
    asked = read_filters(query, {**known, "limit": (), "cursor": ()})
    text = query.get("limit", USUAL)
    limit = number_of(text)
    if not 1 <= limit <= MOST:
        raise UsageError(f"limit is a number from 1 to {MOST}")
    filters = {name: value for name, value in asked.items() if name in known}
    return Asked(filters=filters, limit=limit, cursor=query.get("cursor"))


def read_filters(query: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The parameters of a URL, each known; UsageError for one that is not."""
    for name, value in query.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"{name} cannot be asked for here", hint=hint)
        words = known[name]
        if words and value not in words:
            raise UsageError(f"{name} is one of {', '.join(words)}; not {value}")
    return dict(query.items())


def cut_page(rows: Sequence[Item], limit: int, cursor_of: Callable[[Item], str]) -> tuple[Sequence[Item], str | None]:
    """A page out of one row more than fits on it, and where the next one starts; None on the last one."""
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, cursor_of(page[-1])


def number_of(text: str) -> int:
    """An id out of a URL; what is no number is no id of anything."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else -1


def place_of(text: str | None, default: int) -> int:
    """Where a page starts. UsageError for what is no cursor of ours."""
    if text is None:
        return default
    number = number_of(text)
    if number < 0:
        raise refuse_cursor()
    return number


def refuse_cursor() -> UsageError:
    """What is said to a cursor that we did not make."""
    return UsageError("the cursor is not one of ours", hint="start without a cursor")
