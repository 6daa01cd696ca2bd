"""What bash offers, by the function that typer gives it and the real command behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
RULES = """\
rules:
  - id: at-once
    trigger: { event: job.created }
    actions: [ log: { message: x } ]
  - id: later
    trigger: { event: job.created }
    delay: 1h
    cancel_on: { event: job.closed, by: job.id }
    actions: [ log: { message: x } ]
  - id: fails
    trigger: { event: job.created }
    actions: [ http: { url: "https://pager.example.com/x", headers: { X: "secret://env/NO_SUCH" } } ]
"""
TOO_MUCH = ("yaml", "asyncio", "httpx2", "starlette", "uvicorn", "msgspec", "rich", "re2", "minijinja")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AUTOFLOW_")},
    "PATH": f"{BIN}:{os.environ['PATH']}",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a daemon has run: with an event, a run, something that waits and something that was given up."""
    place = tmp_path_factory.mktemp("home")
    (place / "rules").mkdir()
    (place / "rules" / "jobs.yaml").write_text(RULES)
    (place / "config.yaml").write_text("state: kept/   # not the default\n")
    event = json.dumps({"type": "job.created", "id": "job-4711", "data": {"job": {"id": 1}}})
    words = [BIN / "autoflow", "run", "--stdin", "--once", "--listen", "none"]
    subprocess.run(words, cwd=place, env=ENVIRONMENT, input=event.encode(), capture_output=True, check=True)
    return place


@lru_cache
def completion_source() -> str:
    """What bash is to source, once."""
    environment = {**ENVIRONMENT, "_AUTOFLOW_COMPLETE": "source_bash"}
    done = subprocess.run([BIN / "autoflow"], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def complete(home: Path, line: str, **environment: str) -> list[str]:
    """What bash offers for the last word of a line; nothing may be said beside it."""
    script = """
    eval "$SOURCE"
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _autoflow_completion autoflow
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *line.split(" ")],
        cwd=home,
        env={**ENVIRONMENT, "SOURCE": completion_source(), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("autoflow events show job", ["job-4711"]),
        ("autoflow events show other", []),
        ("autoflow why jo", ["job-4711"]),
        ("autoflow why job-4711 la", ["later"]),
        ("autoflow test-rule rules --event-id j", ["job-4711"]),
        ("autoflow rules show ", ["at-once", "fails", "later"]),
        ("autoflow runs list --rule f", ["fails"]),
        ("autoflow dead-letters replay ", ["1"]),
        ("autoflow dead-letters replay 2", []),
        ("autoflow validate --explain AF160", ["AF160"]),
        ("autoflow schema x", []),
        ("autoflow dead-letters dis", ["discard"]),
    ],
)
def test_ids_and_codes_are_offered(home: Path, line: str, offered: list[str]) -> None:
    """Those of the state directory that the config names, by how they begin."""
    assert complete(home, line) == offered


def test_what_waits_is_offered(home: Path) -> None:
    """By its number, also where another one is there already."""
    [number] = complete(home, "autoflow pending cancel ")
    assert complete(home, f"autoflow pending run-now {number} ") == [number]


def test_runs_are_offered_newest_first(home: Path) -> None:
    """Their ids begin alike, so that it is their order that helps."""
    runs = complete(home, "autoflow runs show run_")
    assert len(runs) == 2
    assert runs == sorted(runs, reverse=True)
    assert complete(home, f"autoflow runs show {runs[0][:-1]}") == runs[:1]


def test_files_are_left_to_the_shell(home: Path) -> None:
    """Where a path is typed nothing is offered, and bash goes on to its own completion of files."""
    assert complete(home, "autoflow validate ru") == []
    assert "complete -o default" in completion_source()


def test_rules_are_found_in_their_files_before_a_daemon_has_run(tmp_path: Path) -> None:
    """By what looks like an id; a file without one is known by its name."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "jobs.yaml").write_text(RULES)
    (tmp_path / "rules" / "alone.yaml").write_text("trigger: { event: a }\n")
    (tmp_path / "rules" / "jobs.test.yaml").write_text("id: not-me\n")
    assert complete(tmp_path, "autoflow rules show ") == ["alone", "at-once", "fails", "later"]


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (None, "autoflow rules show x"),
        ("state: [", "autoflow events show x"),
        ("state: ${NO_SUCH}/x", "autoflow runs list --rule x"),
        ("state: elsewhere", "autoflow pending cancel x"),
        ("state: damaged", "autoflow dead-letters show x"),
        ("state: 'quo ted'", "autoflow runs show x"),
    ],
)
def test_nothing_is_said_where_there_is_nothing(tmp_path: Path, config: str | None, line: str) -> None:
    """No state, no rules, a config that cannot be read, a database that is none: the shell's line stays clean."""
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "autoflow.db").write_text("this is no database")
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    assert complete(tmp_path, line) == []


@pytest.mark.parametrize("line", ["autoflow events show j", "autoflow rules show l", "autoflow validate --explain A"])
def test_an_answer_takes_no_heavy_import(home: Path, line: str) -> None:
    """A shell waits for it: neither YAML nor a client is loaded, and no other command than the one that is typed."""
    words = line.split(" ")
    asked = {"_AUTOFLOW_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autoflow"],
        cwd=home, env={**ENVIRONMENT, **asked}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip()
    modules = {one.rpartition("|")[2].strip() for one in done.stderr.splitlines() if one.startswith("import time:")}
    assert {name.partition(".")[0] for name in modules} & set(TOO_MUCH) == set()
    assert "autoflow.cli.doctor" not in modules
