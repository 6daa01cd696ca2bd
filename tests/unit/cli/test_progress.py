"""A sign of life on a terminal, and silence everywhere else."""

import io
import sys

import pytest

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
