"""How commands talk: data on standard output, messages on standard error, colour where it is wanted."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from typing import IO, Any

COLOURS: Mapping[str, str] = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36",
}  # fmt: skip
NARROWEST = 40


def wants_colour(stream: IO[str]) -> bool:
    """NO_COLOR, then FORCE_COLOR or CLICOLOR_FORCE, then a dumb terminal, then whether it is one."""
    if os.environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if os.environ.get(name, "0") not in ("", "0"):
            return True
    if os.environ.get("TERM") == "dumb" or os.environ.get("CLICOLOR") == "0":
        return False
    return stream.isatty()


def paint(text: str, style: str, stream: IO[str] | None = None) -> str:
    """The text in a style such as `bold red`, where the stream wants colour."""
    if not text or not style or not wants_colour(stream or sys.stdout):
        return text
    return f"\x1b[{';'.join(COLOURS[word] for word in style.split())}m{text}\x1b[0m"


def terminal_width() -> int | None:
    """How wide standard output is; None where it is no terminal, and nothing is ever cut."""
    if not sys.stdout.isatty():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def print_json(value: Any) -> None:
    """One JSON value on standard output; indented for people on a terminal."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(_write_json(value, indent) + "\n")


def print_line(value: Any) -> None:
    """One JSON value a line, for what streams."""
    print_text(_write_json(value))


def _write_json(value: Any, indent: int | None = None) -> str:
    """JSON with `?` for half a letter, which a reference into a text can find (`h.name[1]`) and nobody can print."""
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "replace").decode()


def print_text(text: str) -> None:
    """A line of data on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A message for people, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def short_time(text: str | None) -> str:
    """An RFC 3339 time without its milliseconds."""
    return "" if text is None else text[:19].replace("T", " ") + "Z"


def in_words(millis: int) -> str:
    """How long that is, in its two largest units: `in 4m 59s`, `2h 5m ago`, `now`."""
    if abs(millis) < 1000:
        return "now"
    seconds = abs(millis) // 1000
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    text = " ".join(parts[:2])
    return f"in {text}" if millis > 0 else f"{text} ago"


def from_now(text: str | None) -> str:
    """How far an RFC 3339 time is from now, in words."""
    from autoflow.clock import SystemClock, from_rfc3339

    return "" if text is None else in_words(from_rfc3339(text) - SystemClock().now())


def shown_path(path: Any) -> str:
    """Relative to here, where it lies below."""
    from pathlib import Path

    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def shown_file(rules: Any, path: str) -> str:
    """A rule file, so that a terminal opens it from here; as the rules directory knows it where it has gone."""
    from pathlib import Path

    there = Path(rules) / path
    return shown_path(there) if there.is_file() else path


def printable(text: str) -> str:
    """Text without what a terminal takes for an order; the rest of an event is as foreign as its sender."""
    return "".join(char if char.isprintable() else " " if char in "\n\t" else "�" for char in text)
