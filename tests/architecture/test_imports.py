"""Who may import whom, and what a quick command does not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"pydantic", "pydantic_core", "aiohttp", "uvicorn", "starlette", "apscheduler", "httpx2", "minijinja", "re2"}


#: what `validate` needs for a mistake, for a config that says something, and for templates that are not plain
NOT_FOR_A_GOOD_RULE = {
    "autoflow.rules.hints",
    "autoflow.rules.placing",
    "autoflow.rules.report",
    "autoflow.settings.reading",
    "autoflow.settings.kinds",
    "autoflow.strict_yaml.tree",
    "autoflow.templates.engine",
    "autoflow.templates.filters",
}
RULE = """
id: done
trigger: { event: job.done }
delay: 5m
cancel_on: { event: job.reopened, by: job.id }
when:
  - job.status == "Done"
  - job.total >= 1000 or job.tags contains "vip"
actions:
  - sms: { recipient: "{{ job.phone }}", message: "Job {{ job.number }} is done." }
"""


def imported_by(*arguments: str) -> set[str]:
    """The top-level packages that this command imports, as Python itself tells it."""
    return {name.partition(".")[0] for name in modules_of(*arguments)}


def modules_of(*arguments: str, cwd: Path = ROOT) -> set[str]:
    """Every module that this command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autoflow", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("AUTOFLOW_")},
    )
    assert done.stdout.strip(), "the command said nothing"
    lines = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return set(lines)


def test_the_import_contracts_hold() -> None:
    """The layers of an event's journey, one way, and the other contracts of pyproject.toml."""
    pytest.importorskip("importlinter", reason="needs: the check tools (make check)")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_a_quick_command_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Looking at the version or the help loads no server, no client and no schema library."""
    imported = imported_by(*arguments)
    assert "autoflow" in imported
    assert imported & HEAVY == set()


def test_the_version_alone_imports_no_command() -> None:
    """Scripts ask for it: not even the library of the command line is loaded."""
    assert imported_by("--version") & {"typer", "dataclasses", "typing"} == set()


def test_a_good_rule_is_checked_without_what_explains_mistakes(tmp_path: Path) -> None:
    """Start-up is most of what such a check takes: what the rule does not need is not imported."""
    (tmp_path / "done.yaml").write_text(RULE)
    imported = modules_of("validate", "done.yaml", cwd=tmp_path)
    assert "autoflow.rules.loader" in imported
    assert imported & (NOT_FOR_A_GOOD_RULE | HEAVY | {"asyncio", "sqlite3", "rich"}) == set()


def test_reading_the_config_imports_no_network_library() -> None:
    """Every command reads the config: it must stay cheap."""
    code = "import sys, autoflow.settings; print(*sorted(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(done.stdout.split()) & (HEAVY | {"asyncio", "ssl"}) == set()
