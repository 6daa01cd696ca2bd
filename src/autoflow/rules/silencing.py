"""`# autoflow: ignore[AF150] reason`: comments that silence warnings and notes of their line, or of the one below.

Called by the loader with everything that was found. A comment without effect is a finding itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from autoflow.model.problem import Problem, Severity
from autoflow.rules import codes
from autoflow.rules.blocks import block_below
from autoflow.strict_yaml import Place, problem_at, split_lines
from autoflow.strict_yaml.comments import find_comments

_COMMENT = re.compile(r"#+[ \t]*autoflow[ \t]*:[ \t]*ignore\b[^\r\n\x85\u2028\u2029]*", re.IGNORECASE)
_IGNORE = re.compile(r"# autoflow: ignore\[(?P<codes> *AF\d{3} *(?:, *AF\d{3} *)*)\]\s+(?P<reason>\S.*?)\s*")
_CODE = re.compile(r"AF\d{3}")
_NEVER = "{} is an error, and errors cannot be silenced"
_SAID_OF_COMMENTS = frozenset({codes.SILENCES_NOTHING, codes.WRONG_IGNORE})
_BY_CONFIG = frozenset({codes.UNKNOWN_NOTIFIER, codes.REFUSED_TARGET, codes.SAME_RULE, codes.RING, codes.ODD_ACCOUNT})
"""What is found with one config, or beside some files, and not with others."""


class Ignore(NamedTuple):
    """One code in one comment: what it silences, and where it stands."""

    code: str
    #: the lines that it speaks of
    lines: frozenset[int]
    place: Place


def silence(problems: Sequence[Problem], texts: Mapping[str, str]) -> Sequence[Problem]:
    """The problems without those that comments in the texts (by path) silence, and what such comments lack."""
    kept, spoken = _take_apart(problems, texts)
    for path, mine in spoken.items():
        ignores, wrong = _read_ignores(path, texts[path])
        failed = any(problem.severity is Severity.ERROR for problem in mine)
        asked = [ignore for ignore in ignores if ignore.code not in codes.REVIEWED]
        kept += [*wrong, *_without_silenced(mine, ignores), *_note_useless(path, asked, mine, failed=failed)]
    return kept


def silence_review(
    remarks: Sequence[Problem], texts: Mapping[str, str], failed: Collection[str]
) -> Sequence[Problem]:
    """The same for what a review says, in files of which some `failed`: they were not reviewed as a whole."""
    kept, spoken = _take_apart(remarks, texts)
    for path, mine in spoken.items():
        ignores, _ = _read_ignores(path, texts[path])
        asked = [ignore for ignore in ignores if ignore.code in codes.REVIEWED]
        kept += [*_without_silenced(mine, ignores), *_note_useless(path, asked, mine, failed=path in failed)]
    return kept


def _take_apart(
    problems: Sequence[Problem], texts: Mapping[str, str]
) -> tuple[list[Problem], dict[str, list[Problem]]]:
    """The problems of files without such comments, and those of each of the others."""
    spoken: dict[str, list[Problem]] = {path: [] for path in texts if not path.endswith(".json")}
    kept: list[Problem] = []
    for problem in problems:
        spoken.get(problem.path, kept).append(problem)
    return kept, spoken


def _read_ignores(path: str, text: str) -> tuple[list[Ignore], list[Problem]]:
    """What comments silence, and those that cannot be read."""
    ignores: list[Ignore] = []
    wrong: list[Problem] = []
    lines = split_lines(text)
    following = _find_following(lines)
    for comment, place in find_comments(text, _COMMENT):
        read = _IGNORE.fullmatch(comment)
        if read is None:
            wrong.append(_refuse(path, _widen(place, len(comment.rstrip()))))
            continue
        spoken = _lines_of(place, lines, following)
        for found in _CODE.finditer(comment, 0, read.end("codes")):
            at = place._replace(column=place.column + found.start())
            ignores.append(Ignore(code=found[0], lines=spoken, place=_widen(at, len(found[0]))))
    return ignores, wrong


def _without_silenced(problems: Sequence[Problem], ignores: Sequence[Ignore]) -> Iterator[Problem]:
    silenced = {(ignore.code, line) for ignore in ignores for line in ignore.lines}
    for problem in problems:
        if problem.severity is Severity.ERROR or (problem.code, problem.line) not in silenced:
            yield problem


def _note_useless(
    path: str, ignores: Sequence[Ignore], problems: Sequence[Problem], *, failed: bool
) -> Iterator[Problem]:
    """Comments without effect; where a rule has errors, not all was looked for that could be silenced."""
    by_line: dict[int, list[Problem]] = {}
    for problem in problems:
        by_line.setdefault(problem.line, []).append(problem)
    for ignore in ignores:
        here = [problem for line in ignore.lines for problem in by_line.get(line, ())]
        meant = {problem.severity for problem in here if problem.code == ignore.code}
        if Severity.ERROR in meant:
            message, hint = _NEVER.format(ignore.code), "mend it, and delete this comment"
        elif meant or failed or ignore.code in _BY_CONFIG:
            continue
        else:
            message = f"there is no {ignore.code} here to silence"
            hint = _other_codes(here) or "delete the comment, or move it to the line of the finding"
        yield problem_at(path, ignore.place, Severity.WARNING, codes.SILENCES_NOTHING, message, hint)


def _other_codes(problems: Sequence[Problem]) -> str | None:
    found = sorted({problem.code for problem in problems} - _SAID_OF_COMMENTS)
    return f"found here: {', '.join(found)}" if found else None


def _lines_of(place: Place, lines: Sequence[str], following: Sequence[int]) -> frozenset[int]:
    """The comment's line; where nothing else stands in it, the next one that says something too.

    With it goes the text over several lines that begins there: no comment can stand in it.
    """
    if lines[place.line - 1][: place.column - 1].strip():
        return frozenset({place.line, *block_below(lines, place.line)})
    first = following[place.line]
    return frozenset({place.line, first, *block_below(lines, first)})


def _find_following(lines: Sequence[str]) -> list[int]:
    """For each line (from 1) the next one that is neither empty nor a comment; the last line where there is none."""
    following = [len(lines)] * (len(lines) + 1)
    for number in range(len(lines) - 1, 0, -1):
        said = lines[number].lstrip()
        following[number] = number + 1 if said and said[0] != "#" else following[number + 1]
    return following


def _refuse(path: str, place: Place) -> Problem:
    message = "this comment is not understood, and silences nothing"
    hint = "write # autoflow: ignore[AF150] reason; several codes are separated by commas"
    return problem_at(path, place, Severity.WARNING, codes.WRONG_IGNORE, message, hint)


def _widen(place: Place, width: int) -> Place:
    return place._replace(end_column=place.column + width)
