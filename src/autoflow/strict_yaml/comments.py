"""Comments, which the reader of YAML drops: found only where somebody asks for those that hold a certain word."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from autoflow.strict_yaml.loader import FastLoader


def find_comments(text: str, form: re.Pattern[str]) -> list[re.Match[str]]:
    """The comments of that form; what stands in a text or a key is none. Up to where the text cannot be read."""
    found = list(form.finditer(text))
    if not found:
        return []
    comments = []
    scalars = _scalars(text)
    begin, end = next(scalars, (len(text), len(text)))
    for match in found:
        while end <= match.start() < len(text) and begin < len(text):
            begin, end = next(scalars, (len(text), len(text)))
        if match.start() < begin:
            comments.append(match)
    return comments


def _scalars(text: str) -> Iterator[tuple[int, int]]:
    """Where each scalar begins and ends, in order; everything behind a mistake counts as one."""
    loader = FastLoader(text)
    try:
        while loader.check_token():
            token = loader.get_token()
            if isinstance(token, yaml.ScalarToken):
                begin, end = token.start_mark.index, token.end_mark.index
                if token.style in ("|", ">"):  # behind the sign a comment may stand
                    begin = _end_of_line(text, begin)
                yield begin, end
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        mark = getattr(error, "problem_mark", None)
        yield (mark.index if mark is not None else 0), len(text)
    finally:
        loader.dispose()


def _end_of_line(text: str, index: int) -> int:
    found = re.compile(r"[\r\n\x85\u2028\u2029]").search(text, index)
    return found.start() if found else len(text)
