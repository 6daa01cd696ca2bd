"""The text of a JSON path and the steps it means. What json-rules-engine would run as code is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, NoReturn

from autoflow.errors import ConditionError
from autoflow.matching import codes


class Wild(Enum):
    """A step that can meet many values."""

    EACH = "[*]"
    DESCEND = ".."


Step = str | Wild

DOTTED_NAME: Final = re.compile(r"[^\W\d]\w*")
PATH_NAME: Final = re.compile(r"""[^\s.\[\](){}'"*?@,:;~^`$<>=!&|+/\\]+""")
"""In a tree's `path` a name may hold what json-rules-engine's users write without quotes, a hyphen for example."""
INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
BRACKET: Final = re.compile(
    r"""\[\s*(?:(?P<each>\*)|(?P<index>0|[1-9][0-9]{0,8})|(?P<text>"(?:[^"\\]|\\.)*")|'(?P<single>[^']*)')\s*\]"""
)
MAX_STEPS: Final = 32
MAX_DESCENTS: Final = 2
"""Each `..` multiplies the work by the size of the event."""

_REFUSED: Final = (
    (r"\[\s*\?|\??\(", "a filter"),
    (r"\[\s*\(", "a script expression"),
    (r"""\[[^\]"']*:""", "a slice"),
    (r"\[[^\]]*,", "a union"),
    (r"\[\s*-", "an index from the end"),
    (r"\.?\^", "a parent selector"),
    (r"\.?~", "a selector of names"),
    (r"\.?@", "a selector of types"),
    (r"\.?`", "an escaped name"),
)
"""Compiled where a path is refused: few ever are."""


def scan_steps(text: str, start: int, names: re.Pattern[str]) -> tuple[list[Step], int]:
    """The steps from `start` on, as far as they go, and where they end."""
    steps: list[Step] = []
    pos = start
    while pos < len(text):
        if bracket := BRACKET.match(text, pos):
            steps.append(read_bracket(bracket))
            pos = bracket.end()
        elif text[pos] == ".":
            found, pos = _scan_dots(text, pos, names)
            steps += found
        else:
            break
    if len(steps) > MAX_STEPS or steps.count(Wild.DESCEND) > MAX_DESCENTS:
        message = f"a path has at most {MAX_STEPS} steps and {MAX_DESCENTS} times `..`"
        raise ConditionError(message, code=codes.REFUSED_PATH, column=start, width=max(pos - start, 1))
    return steps, pos


def _scan_dots(text: str, pos: int, names: re.Pattern[str]) -> tuple[list[Step], int]:
    """The step behind `.` or `..`, with the descent where there are two dots."""
    descends = text.startswith("..", pos)
    begin: list[Step] = [Wild.DESCEND] if descends else []
    after = pos + 1 + descends
    if descends and (bracket := BRACKET.match(text, after)):
        return [*begin, read_bracket(bracket)], bracket.end()
    if text.startswith("*", after):
        return [*begin, Wild.EACH], after + 1
    name = names.match(text, after) or INDEX.match(text, after)
    if name is None:
        refuse_path(text, pos, codes.BAD_PATH)
    return [*begin, name[0]], name.end()


def read_bracket(bracket: re.Match[str]) -> Step:
    """The step that `[*]`, `[0]`, `["name"]` or `['name']` is."""
    if bracket["each"]:
        return Wild.EACH
    if bracket["index"] is not None:
        return bracket["index"]
    if bracket["single"] is not None:
        return bracket["single"]
    try:
        return str(json.loads(bracket["text"]))
    except ValueError as error:
        raise ConditionError(
            "a text in brackets has an escape that JSON does not know",
            code=codes.BAD_QUOTES,
            column=bracket.start("text"),
            width=len(bracket["text"]),
            hint=r"known are \" \\ \/ \b \f \n \r \t and \u with four digits",
        ) from error


def write_steps(steps: Sequence[Step]) -> str | None:
    """The one spelling of a path, or None where there is no step."""
    if not steps:
        return None
    return "$" + "".join(_write_step(steps, place) for place in range(len(steps)))


def _write_step(steps: Sequence[Step], place: int) -> str:
    step = steps[place]
    if isinstance(step, Wild):
        return step.value
    if INDEX.fullmatch(step):
        return f"[{step}]"
    if DOTTED_NAME.fullmatch(step):
        return step if place and steps[place - 1] is Wild.DESCEND else f".{step}"
    return f"[{json.dumps(step, ensure_ascii=False)}]"


def refuse_path(text: str, pos: int, code: str) -> NoReturn:
    """Say what is wrong with a path from `pos` on: by name where it is a form that is not supported."""
    width = len(text[pos:].split(maxsplit=1)[0]) if text[pos:].strip() else 1
    for form, name in _REFUSED:
        if re.compile(form).match(text, pos):
            raise ConditionError(
                f"{name} is not supported in a path",
                code=codes.REFUSED_PATH,
                column=pos,
                width=width,
                hint="a path has names, [0], [*], .* and ..; decorators such as someFact: look into lists",
            )
    if text.startswith("[", pos):
        message, hint = "in brackets stand a number, * or a text in quotes", 'write [0], [*] or ["any text"]'
    elif text.startswith("..", pos):
        message, hint = "a name is missing behind `..`", "write for example $..id"
    elif text.startswith(".", pos):
        message, hint = "a name is missing behind the dot", 'a name that is not a word has brackets: ["any text"]'
    else:
        message, hint = (
            f"{text[pos : pos + 1]!r} has no meaning here",
            'a name that is not a word has brackets: ["any text"]',
        )
    raise ConditionError(message, code=code, column=pos, hint=hint)
