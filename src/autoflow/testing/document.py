"""A scenario as the text of a YAML file, which the strict reader reads back as exactly that."""

from __future__ import annotations

from typing import Any

import yaml

from autoflow.model.json import Json
from autoflow.strict_yaml.scalars import STR, tag_of_plain

WIDTH = 110


class _Writer(yaml.SafeDumper):
    """Writes no aliases, and quotes whatever any reader could take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Each value is written out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists stand below their keys, further in."""
        super().increase_indent(flow, indentless=False)


def _write_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    lines = text.split("\n")
    style: str | None = '"'
    if all(line.isprintable() for line in lines):
        # the emitter quotes what cannot stand so
        style = "|" if len(lines) > 1 else None if text and tag_of_plain(text) == STR else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _write_text)


def write_document(document: Json, *, comment: str) -> str:
    """The text, below a comment."""
    lines = "".join(f"# {line}\n" for line in comment.splitlines())
    body = yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=WIDTH)
    return f"{lines}{body}"
