"""What every test run says at its end: how long each suite took, and what was left out and why.

And the fixtures that several suites have in common.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from support.daemon import make_daemon
from support.turns import jump

__all__ = ["jump", "make_daemon"]

# How long an example takes says more of the machine, and of what else it does, than of the code.
settings.register_profile("autoflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("autoflow")


def _suite_of(nodeid: str) -> str:
    """tests/unit/store/test_x.py::test_y is of the suite unit."""
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]


def _reason_of(report: Any) -> str:
    """Why a test was left out."""
    where = report.longrepr
    reason = where[2] if isinstance(where, tuple) else str(where)
    return str(reason).removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print it below everything else but the counts."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[_suite_of(report.nodeid)] += report.duration
    if len(seconds) > 1:
        terminalreporter.write_line("")
        terminalreporter.write_line(
            "seconds in each suite: " + ", ".join(f"{suite} {spent:.1f}" for suite, spent in sorted(seconds.items()))
        )
    left_out = Counter(_reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    left_out.update(f"deselected by {option}" for option in _selections(terminalreporter))
    if left_out:
        terminalreporter.write_line("left out:")
        for reason, count in sorted(left_out.items()):
            terminalreporter.write_line(f"  {count} {reason}")
    elif len(seconds) > 1:
        terminalreporter.write_line("left out: nothing")


def _selections(terminalreporter: Any) -> list[str]:
    deselected = len(terminalreporter.stats.get("deselected", []))
    option = terminalreporter.config.option
    return [f"-k {option.keyword or option.markexpr or '...'}"] * deselected
