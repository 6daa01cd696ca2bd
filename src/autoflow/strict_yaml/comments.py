"""Comments, which the reader of YAML drops: found only where somebody asks for those that hold a certain word."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import yaml

from autoflow.strict_yaml.loader import FastLoader
from autoflow.strict_yaml.places import LINE_END, Place


def find_comments(text: str, form: re.Pattern[str]) -> list[tuple[str, Place]]:
    """The comments of that form; what stands in a text or a key is none. Up to where the text cannot be read."""
    found = list(form.finditer(text))
    if not found:
        return []
    starts = [0, *(end.end() for end in LINE_END.finditer(text))]
    comments, scalars = [], _scalars(text)
    ahead = next(scalars, None)
    for match in found:
        while ahead is not None and ahead[1] <= match.start():
            ahead = next(scalars, None)
        if ahead is None or match.start() < ahead[0]:
            line = bisect_right(starts, match.start())
            column = match.start() - starts[line - 1] + 1
            place = Place(line=line, column=column, end_line=line, end_column=column + len(match[0]))
            comments.append((match[0], place))
    return comments


def _scalars(text: str) -> Iterator[tuple[int, int]]:
    """Where each scalar begins and ends, in order; everything behind a mistake counts as one."""
    loader = FastLoader(text)
    try:
        yield from (_stretch(token, text) for token in _tokens(loader) if isinstance(token, yaml.ScalarToken))
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        mark = getattr(error, "problem_mark", None)
        yield (mark.index if mark is not None else 0), len(text)
    finally:
        loader.dispose()


def _tokens(loader: Any) -> Iterator[Any]:
    while loader.check_token():
        yield loader.get_token()


def _stretch(token: Any, text: str) -> tuple[int, int]:
    begin, end = token.start_mark.index, token.end_mark.index
    # behind the sign of a text over several lines a comment may stand
    return (_end_of_line(text, begin) if token.style in ("|", ">") else begin), end


def _end_of_line(text: str, index: int) -> int:
    found = LINE_END.search(text, index)
    return found.start() if found else len(text)
