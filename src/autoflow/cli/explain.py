"""The page of a code: what it means, an example of the mistake, how to mend it, how to silence it.

The pages lie in `pages/`, one file a code, and are shipped with the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PAGES = Path(__file__).parent / "pages"

_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
_FENCE = "```"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What there is to say about a code."""

    code: str
    title: str
    #: error, warning or note; `error or warning` where it depends
    severity: str
    meaning: str
    #: Markdown, all of it
    text: str

    @property
    def body(self) -> str:
        """All below title and severity, without links: they lead nowhere outside of the repository."""
        return _LINK.sub(r"\1", self.text.split("\n\n", 2)[2].rstrip())

    @property
    def level(self) -> str:
        """The worst that it can be."""
        return self.severity.partition(" ")[0]


@lru_cache(maxsize=1)
def known_codes() -> tuple[str, ...]:
    """Every code that has a page."""
    return tuple(sorted(path.stem for path in PAGES.glob("AF*.md")))


@lru_cache(maxsize=256)
def read_page(code: str) -> Page | None:
    """The page of a code; None where it has none."""
    if code not in known_codes():
        return None
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    heading, severity, meaning, *_ = text.split("\n\n", 3)
    title = heading.removeprefix(f"# {code}: ")
    return Page(code=code, title=title, severity=severity, meaning=_bare(meaning), text=text)


def find_page(word: str) -> Page:
    """The page that is asked for: `AF110`, `af110` or `110`. Where there is none, UsageError names a near code."""
    code = word.strip().upper()
    page = read_page(f"AF{code}" if code.isdigit() else code)
    if page is not None:
        return page
    from autoflow.errors import UsageError

    near = max(known_codes(), key=lambda known: _count_alike(known, code))
    hint = (
        f"did you mean {near}?"
        if _count_alike(near, code) > len("AF")
        else "rule files, conditions and templates have AF101 to AF320, scenarios AF601 to AF622"
    )
    raise UsageError(f"--explain {word}: there is no page of that code", hint=hint)


def _count_alike(one: str, other: str) -> int:
    """How many characters are the same from the beginning on: codes of one kind begin alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def render_page(page: Page) -> Iterator[tuple[str, bool]]:
    """The page for a terminal, line by line, and whether a line is a heading."""
    yield f"{page.code} ({page.severity}): {page.title}", True
    yield "", False
    inside = False
    for line in page.body.splitlines():
        if line.startswith(_FENCE):
            inside = not inside
        elif inside:
            yield (f"    {line}" if line else "", False)
        elif line.startswith("#"):
            yield line.lstrip("# "), True
        else:
            yield line, False


def _bare(markdown: str) -> str:
    """A paragraph as one line, without links."""
    return " ".join(_LINK.sub(r"\1", markdown).split())
