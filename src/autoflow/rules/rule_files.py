"""The rule files of a directory as they were last read: a look reads again only what may have changed.

Before it: the watcher, which only says that something did. After it: the loader.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from autoflow.clock import Clock, SystemClock
from autoflow.rules.source import FileText, find_paths, read_file

SETTLED = 100
SETTLED_COARSE = 2_000
"""Milliseconds after which times tell of a change; the second one where they are whole seconds (FAT, some NFS)."""
_SECOND = 1_000_000_000

Mark = tuple[int, int, int, int, int]
"""What tells one state of a file from another one without reading it: times, size, and which file it is."""


@dataclass(frozen=True, slots=True)
class _Known:
    mark: Mark | None
    #: whether a later change must have another mark; a file that was just written can be written again in one tick
    settled: bool
    file: FileText


class RuleFiles:
    """The files below one directory. `clock` is the one that the file system writes its times by."""

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self._root = root
        self._clock = clock or SystemClock()
        self._known: dict[str, _Known] | None = None

    @property
    def texts(self) -> tuple[FileText, ...]:
        """Every file, in order of their names, as the last look found it."""
        return tuple(known.file for known in (self._known or {}).values())

    def look(self) -> bool:
        """Read what is new or may have changed; whether the files are not what they were."""
        before, after = self._known, {}
        now = self._clock.now()
        same = before is not None
        for path in find_paths(self._root):
            old = before.get(path) if before else None
            mark = _mark_of(path)
            if old is None or not old.settled or old.mark != mark:
                file = read_file(Path(path), self._root)
                same = same and old is not None and old.file == file
                settled = file.problem is None and _is_settled(mark, now)
                old = _Known(mark, settled, old.file if old is not None and old.file == file else file)
            after[path] = old
        self._known = after
        return not same or before is None or len(before) != len(after)


def _mark_of(path: str) -> Mark | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a text: there are thousands of files
    except OSError:
        return None  # it went away, or leads nowhere: reading it says what is wrong
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _is_settled(mark: Mark | None, now: int) -> bool:
    """Whether a file that is changed from now on must get other times."""
    if mark is None:
        return False
    changed, touched, *_ = mark
    quiet = SETTLED if touched % _SECOND else SETTLED_COARSE
    return max(changed, touched) < (now - quiet) * 1_000_000
