"""Reads `queries.sql`: `-- name --` opens a statement, the comment line after it says what it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


def parse_queries(text: str) -> Mapping[str, str]:
    """Statements by name. ValueError when a name is given twice or a purpose is missing."""
    pieces = _NAME.split(text)
    queries: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        purpose, _, statement = body.strip().partition("\n")
        if not purpose.startswith("-- "):
            raise ValueError(f"query {name} does not say what it is for")
        if name in queries:
            raise ValueError(f"query {name} is there twice")
        queries[name] = statement.strip().rstrip(";")
    return queries
