"""References as people write them (`job.client.id`) and as the model keeps them. After it: the operators."""

from __future__ import annotations

import json
from functools import lru_cache

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.lookup import MISSING, Load, load_deep, load_fact, load_many, load_member
from autoflow.matching.steps import (
    BRACKET,
    DOTTED_NAME,
    PATH_NAME,
    Step,
    read_bracket,
    refuse_path,
    scan_steps,
    write_steps,
)
from autoflow.model.condition import Reference

__all__ = [
    "MISSING",
    "Load",
    "compile_reference",
    "parse_path",
    "parse_reference",
    "scan_reference",
    "steps_of",
    "write_reference",
]


@lru_cache(maxsize=1024)
def parse_reference(text: str) -> Reference:
    """The reference that a dotted text means: `job.id`, `items[0].id`, `job["any text"]`, `$.job.id`."""
    reference, end = scan_reference(text, 0)
    if end != len(text):
        refuse_path(text, end, codes.BAD_REFERENCE)
    return reference


def scan_reference(text: str, start: int) -> tuple[Reference, int]:
    """The reference that begins at `start`, and where it ends."""
    pos = start
    if text.startswith("$", pos):
        pos += 2 if text.startswith("$.", pos) else 1
    name = DOTTED_NAME.match(text, pos)
    quoted = BRACKET.match(text, pos)
    if name:
        fact, pos = name[0], name.end()
    elif quoted and (quoted["text"] or quoted["single"]):
        fact, pos = str(read_bracket(quoted)), quoted.end()
    else:
        found = repr(text[pos]) if pos < len(text) else "nothing"
        raise ConditionError(
            f"a reference starts with a name, here stands {found}",
            code=codes.BAD_REFERENCE,
            column=pos,
            hint="write for example job.client.id",
        )
    steps, pos = scan_steps(text, pos, DOTTED_NAME)
    return Reference(fact=fact, path=write_steps(steps)), pos


def parse_path(text: str) -> str | None:
    """A JSON path in its one spelling, or None where it means the whole fact. The leading `$` may be left out."""
    start = 1 if text.startswith("$") else 0
    first: list[Step] = []
    bare = PATH_NAME.match(text) if start == 0 else None
    if bare:
        first, start = [bare[0]], bare.end()
    steps, end = scan_steps(text, start, PATH_NAME)
    if end != len(text):
        refuse_path(text, end, codes.BAD_PATH)
    return write_steps(first + steps)


def write_reference(reference: Reference) -> str:
    """The dotted form; a name that is not a word stands in brackets."""
    plain = DOTTED_NAME.fullmatch(reference.fact)
    fact = reference.fact if plain else f"[{json.dumps(reference.fact, ensure_ascii=False)}]"
    return fact + (reference.path or "$")[1:]


@lru_cache(maxsize=8192)
def steps_of(path: str | None) -> tuple[Step, ...]:
    """The steps of a path."""
    if path is None:
        return ()
    start = 1 if path.startswith("$") else 0
    steps, end = scan_steps(path, start, PATH_NAME)
    if end != len(path):
        refuse_path(path, end, codes.BAD_PATH)
    return tuple(steps)


@lru_cache(maxsize=8192)
def compile_reference(reference: Reference) -> Load:
    """A function from the facts to the referenced value; MISSING where a fact or a part of the path is unknown."""
    steps = steps_of(reference.path)
    names = tuple(step for step in steps if isinstance(step, str))
    if len(names) < len(steps):
        return load_many(reference.fact, steps)
    if not names:
        return load_fact(reference.fact)
    if len(names) == 1:
        return load_member(reference.fact, names[0])
    return load_deep(reference.fact, names)
