"""A sign of life on a terminal while something takes longer than a moment; nothing anywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

PATIENCE = 1.0
"""Seconds before anything is shown: what is quick leaves no trace."""
LOOK = 0.1
"""Seconds between two looks at how far it has come."""


class Progress:
    """How far the work has come; counted by who does it, looked at by who shows it."""

    def __init__(self) -> None:
        #: how many steps there are; None where nobody knows
        self.total: int | None = None
        self.done = 0

    def step(self) -> None:
        """One more is done."""
        self.done += 1


@contextlib.contextmanager
def show_progress(text: str, *, patience: float = PATIENCE) -> Iterator[Progress]:
    """A bar with the time that passed, on standard error, gone when the work is done."""
    progress = Progress()
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield progress
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_show, args=(text, patience, ended, progress), name="progress", daemon=True)
    watcher.start()
    try:
        yield progress
    finally:
        ended.set()
        watcher.join()


def _show(text: str, patience: float, ended: threading.Event, work: Progress) -> None:
    if ended.wait(patience):
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task(text, total=work.total)
        while not ended.wait(LOOK):
            bar.update(shown, completed=work.done, total=work.total)
