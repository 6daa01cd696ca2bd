"""Every point is placed, tested with all it can do, and told of; what is armed is said aloud, or refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoflow.failpoints import Effect, Failpoint
from failpoints.test_crash import draw_lives
from support.daemon import run_command
from support.documents import ROOT, read_section

HERE = Path(__file__).parent
SOURCE = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")) if path.stem != "failpoints")
TESTED_IN = {
    Effect.CRASH: ("test_crash.py", "test_migration.py"),
    Effect.ERROR: ("test_error.py", "test_migration.py"),
    Effect.DELAY: ("test_delay.py",),
}


@pytest.mark.parametrize("point", Failpoint)
def test_a_point_stands_at_one_place_and_costs_one_look(point: Failpoint) -> None:
    """Where nothing is armed nothing is called."""
    call = rf"(?:await failpoints\.reach_in_turn|failpoints\.reach)\(Failpoint\.{point.name}\)"
    placed = rf"if failpoints\.armed(?: and \w+)?:\n +{call}\n"
    assert len(re.findall(placed, SOURCE)) == 1
    assert len(re.findall(rf"\bFailpoint\.{point.name}\b", SOURCE)) == 1


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("point", Failpoint)
def test_a_point_is_tested_with_everything_it_can_do(point: Failpoint, effect: Effect) -> None:
    """What nobody tries would rot."""
    tests = "".join((HERE / name).read_text() for name in TESTED_IN[effect])
    assert f"Failpoint.{point.name}" in tests or f"{point}:{effect}" in tests


@pytest.mark.parametrize("point", Failpoint)
def test_a_point_is_told_of(point: Failpoint) -> None:
    """In its table, with the words of the code."""
    code = (ROOT / "src" / "autoflow" / "failpoints.py").read_text()
    said = re.search(rf'#: (.+)\n    {point.name} = "', code)
    assert said is not None
    assert f"| `{point}` | {said[1]} |" in read_section(ROOT / "CONTRIBUTING.md", "Failing on purpose")


def test_daemons_die_at_each_point_but_that_of_a_command() -> None:
    """A backup is made by a command, and has a test of its own."""
    assert {life.point for life in draw_lives(1)} == set(Failpoint) - {Failpoint.BACKUP}


async def test_what_is_armed_is_said_aloud(tmp_path: Path) -> None:
    """On standard error by every command, and in the daemon's log."""
    (tmp_path / "rules").mkdir()
    words = ("run", "--listen", "none", "--stdin", "--once", "--log-format", "json")
    code, _, messages = await run_command(tmp_path, *words, AUTOFLOW_FAILPOINT="action.before_send:delay=1")
    assert code == 0, messages
    assert "warning: failpoints are armed, this is a test: action.before_send:delay=1" in messages
    assert '"event":"daemon.failpoints"' in messages
    assert "AF017" not in messages
    code, _, messages = await run_command(tmp_path, *words)
    assert code == 0
    assert "failpoint" not in messages


async def test_what_there_is_not_is_refused(tmp_path: Path) -> None:
    """78, with the names that there are; nothing was made."""
    code, _, messages = await run_command(
        tmp_path, "run", "--listen", "none", AUTOFLOW_FAILPOINT="store.commit:crash"
    )
    assert code == 78
    assert "AF014" in messages
    assert "there is no point 'store.commit'" in messages
    assert all(point in messages for point in Failpoint)
    assert list(tmp_path.iterdir()) == []
