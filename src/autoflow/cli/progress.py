"""A sign of life on a terminal while something takes longer than a moment; nothing anywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

PATIENCE = 1.0
"""Seconds before anything is shown: what is quick leaves no trace."""


@contextlib.contextmanager
def show_progress(text: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """A moving bar with the time that passed, on standard error, gone when the work is done."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_show, args=(text, patience, ended), name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _show(text: str, patience: float, ended: threading.Event) -> None:
    if ended.wait(patience):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(text, total=None)
        ended.wait()
