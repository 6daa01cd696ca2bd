"""What a shell is offered where an id or a code is to be typed: at once, and nothing at all where there is nothing.

Files need no help: where a command offers nothing, the shell completes them itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import typer

VARIABLE = "_AUTOFLOW_COMPLETE"
"""Set by the shell's function when it asks."""

Complete = Callable[[typer.Context, str], list[str]]
_ID = re.compile(r"^ *(?:- *)?id: *[\"']?([a-z0-9][a-z0-9._-]*)", re.MULTILINE)
_PLAIN_PATH = re.compile(r"([A-Za-z0-9_./-]+)(?:\s+#.*|\s*)")
_MOST_FILES = 200


def ids_of(kind: str) -> Complete:
    """Completes ids of one kind: events, runs, pending, dead-letters or rules."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        return _quietly(lambda: _find(ctx, kind, incomplete))

    return complete


def complete_codes(incomplete: str) -> list[str]:
    """The codes that have a page."""
    from autoflow.cli.explain import known_codes

    return [code for code in known_codes() if code.startswith(incomplete.upper())]


def typed_command() -> str | None:
    """The first word of the command that a shell asks about, once it is typed: no other need be made."""
    if VARIABLE not in os.environ:
        return None
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = (os.environ.get("COMP_WORDS") or line).split()
    place = os.environ.get("COMP_CWORD", "")
    at = int(place) if place.isdigit() else len(words) - (not line[-1:].isspace())
    return words[1] if at > 1 and len(words) > 1 else None


def _find(ctx: typer.Context, kind: str, prefix: str) -> list[str]:
    from autoflow.app.candidates import find_ids

    found = find_ids(_folder(ctx, "state"), kind, prefix)
    return found or (_rules_in_files(_folder(ctx, "rules"), prefix) if kind == "rules" else [])


def _folder(ctx: typer.Context, key: str) -> Path:
    """The directory that the config names. Reading all of it would take as long as everything else here."""
    from autoflow.cli.options import DEFAULT_CONFIG, settings_for

    asked, config = ctx.params.get(key), ctx.params.get("config")
    if isinstance(asked, Path):
        return asked
    if config is None and not DEFAULT_CONFIG.is_file() and f"AUTOFLOW_{key.upper()}" not in os.environ:
        return Path(key)
    place = config or DEFAULT_CONFIG
    plain = re.findall(rf"^{key} *: *(.*)$", place.read_text(errors="replace"), re.MULTILINE)
    written = _PLAIN_PATH.fullmatch(plain[0]) if len(plain) == 1 else None
    if (plain and written is None) or f"AUTOFLOW_{key.upper()}" in os.environ:
        folder: Path = getattr(settings_for(config), key)
        return folder
    return place.parent / (written[1] if written is not None else key)


def _rules_in_files(folder: Path, prefix: str) -> list[str]:
    """What looks like ids in the rule files: before a daemon has ever run there is nothing else to look at."""
    paths = (path for path in folder.rglob("*.y*ml") if ".test." not in path.name and path.name[0] != ".")
    found: set[str] = set()
    for path, _ in zip(paths, range(_MOST_FILES), strict=False):
        names = _ID.findall(path.read_text(errors="replace"))
        found.update(names or [path.stem])
    return sorted(name for name in found if name.startswith(prefix))


def _quietly(find: Callable[[], list[str]]) -> list[str]:
    """Whatever is wrong, the shell's line stays clean: the command itself will say it."""
    try:
        return find()
    except Exception:  # a word that cannot be completed is no error, and nobody sees one here
        return []
