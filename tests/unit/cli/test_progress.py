"""A sign of life on a terminal, and silence everywhere else."""

import io
import sys
import time

import pytest

from autoflow.cli import progress as progress_module
from autoflow.cli.progress import show_progress


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "variable"), [(io.StringIO(), ""), (Terminal(), "true")])
def test_nothing_is_shown_where_nobody_looks(
    stream: io.StringIO, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in a pipe nor on a CI machine, whose terminal is a file."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("CI", variable)
    with show_progress("reading rules", patience=0.0):
        pass
    assert stream.getvalue() == ""


def test_what_is_quick_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar that flashes up only disturbs."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("CI", raising=False)
    with show_progress("reading rules", patience=3600.0):
        pass
    assert stream.getvalue() == ""


def test_the_bar_says_how_far_the_work_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the number of steps is known, half of them done is half a bar, and nothing of it stays."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress_module, "LOOK", 0.001)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress("reading rules", patience=0.0) as progress:
        progress.total = 4
        progress.step()
        progress.step()
        until = time.monotonic() + 20
        while "╺" not in stream.getvalue() and time.monotonic() < until:
            time.sleep(0.01)  # the bar is drawn by a thread of its own
    drawn = stream.getvalue()
    assert "reading rules" in drawn
    assert "╺" in drawn  # where the done half ends
    assert progress.done == 2
