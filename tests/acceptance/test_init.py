"""`autoflow init`: what it makes can be used at once, by the commands it names and by the tools it is meant for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autoflow import __version__
from autoflow.strict_yaml import read_yaml

BIN = Path(sys.executable).parent
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("AUTOFLOW_", "GIT_"))},
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
}  # fmt: skip
FILES = [
    "config.yaml", "rules/welcome.yaml", "rules/welcome.test.yaml", "templates/welcome.txt",
    "examples/customer.json", ".gitignore",
    ".githooks/pre-commit", ".github/workflows/autoflow.yml", ".autoflow/rule.schema.json",
    ".autoflow/config.schema.json", ".autoflow/test.schema.json",
]  # fmt: skip


def run(home: Path, *words: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A command, run in a folder."""
    return subprocess.run(words, cwd=home, env=ENVIRONMENT, input=given, capture_output=True, check=False, timeout=60)


def found_in(home: Path) -> list[str]:
    """The files below a folder, without those of git."""
    paths = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != ".git")


def yaml_of(path: Path) -> Any:
    """What stands in a YAML file."""
    [document] = read_yaml(path.read_text(), path=str(path)).documents
    return document.value


def test_an_empty_folder_can_be_run_at_once(tmp_path: Path) -> None:
    """init, validate, test, test-rule, run with the event that came along: a message lies in the outbox."""
    done = run(tmp_path, "autoflow", "init")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == [f"created  {name}" for name in FILES]
    assert found_in(tmp_path) == sorted(FILES)
    assert done.stderr.decode().splitlines()[1:4] == [
        "Next:",
        "  autoflow test",
        "  autoflow run                                                   # Ctrl-C ends it",
    ]
    assert run(tmp_path, "autoflow", "validate", "--fail-on", "warning").stdout.startswith(b"ok: 1 rule in 1 file")
    assert run(tmp_path, "autoflow", "fmt", "--check").returncode == 0
    assert b"2 passed" in run(tmp_path, "autoflow", "test").stdout
    data = json.loads((tmp_path / "examples" / "customer.json").read_text())
    event = json.dumps({"type": "customer.created", "data": data}).encode()
    tried = run(tmp_path, "autoflow", "test-rule", "rules", "--event", "-", "--expect", "fire", given=event)
    assert tried.returncode == 0
    done = run(tmp_path, "autoflow", "run", "--stdin", "--once", "--listen", "none", given=event + b"\n")
    assert done.returncode == 0
    [message] = (tmp_path / "state" / "outbox").glob("*.eml")
    assert message_from_bytes(message.read_bytes())["subject"] == "Welcome, Jane Doe"


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """A second time nothing is written; a file of one's own stays as it is, and a link to nowhere too."""
    (tmp_path / "config.yaml").write_text("state: other/\n")
    (tmp_path / ".gitignore").symlink_to("nowhere")
    first = run(tmp_path, "autoflow", "init")
    assert first.stdout.decode().splitlines()[0] == "kept     config.yaml"
    assert (tmp_path / "config.yaml").read_text() == "state: other/\n"
    assert not (tmp_path / "nowhere").exists()
    assert b".gitignore does not name state/" in first.stderr
    second = json.loads(run(tmp_path, "autoflow", "init", "--json").stdout)
    assert second == {"schema_version": 1, "items": [{"path": name, "created": False} for name in FILES]}


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The next steps begin with going there."""
    done = run(tmp_path, "autoflow", "init", "a/b")
    assert done.returncode == 0
    assert (tmp_path / "a" / "b" / "rules" / "welcome.yaml").is_file()
    assert b"\n  cd a/b\n" in done.stderr


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A file stands where the folder would be."""
    (tmp_path / "a").write_text("")
    done = run(tmp_path, "autoflow", "init", "a")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error AF002: cannot write a")


def test_inside_of_a_repository_hook_and_workflow_are_left_to_its_root(tmp_path: Path) -> None:
    """Nobody looks for them anywhere else; where they belong is said."""
    run(tmp_path, "git", "init", "-q")
    done = run(tmp_path, "autoflow", "init", "automations")
    assert found_in(tmp_path / "automations") == sorted(name for name in FILES if not name.startswith(".gith"))
    assert f"belong to the root of the repository, {tmp_path.resolve()}".encode() in done.stderr


def test_the_git_hook_keeps_a_bad_rule_out(tmp_path: Path) -> None:
    """Switched on as it is told; other files are committed without a look at the rules."""
    run(tmp_path, "git", "init", "-q")
    done = run(tmp_path, "autoflow", "init")
    assert b"git config core.hooksPath .githooks" in done.stderr
    run(tmp_path, "git", "config", "core.hooksPath", ".githooks")
    run(tmp_path, "git", "add", ".")
    good = run(tmp_path, "git", "commit", "-qm", "begin")
    assert good.returncode == 0, good.stderr
    (tmp_path / "rules" / "bad.yaml").write_text("trigger: { event: a }\n")
    run(tmp_path, "git", "add", ".")
    bad = run(tmp_path, "git", "commit", "-qm", "bad")
    assert bad.returncode == 1
    assert b"rules/bad.yaml:1:1: error AF112" in bad.stdout + bad.stderr
    (tmp_path / "rules" / "bad.yaml").write_text("actions: [log: {message: x}]\ntrigger: {event: a}\n")
    run(tmp_path, "git", "add", ".")
    assert run(tmp_path, "git", "commit", "-qm", "untidy").returncode == 1
    run(tmp_path, "git", "reset", "-q")
    (tmp_path / "other.txt").write_text("x")
    run(tmp_path, "git", "add", "other.txt")
    assert run(tmp_path, "git", "commit", "-qm", "other").returncode == 0


def test_the_workflow_checks_the_rules(tmp_path: Path) -> None:
    """Its steps, run by a shell as the runner does, pass on this folder and fail on a mistake in it."""
    run(tmp_path, "autoflow", "init")
    workflow = yaml_of(tmp_path / ".github" / "workflows" / "autoflow.yml")
    steps = [step["run"] for step in workflow["jobs"]["rules"]["steps"] if "run" in step]
    assert steps[0] == f"python -m pip install autoflow-rules=={__version__}"

    def outcomes() -> list[int]:
        return [run(tmp_path, "bash", "-e", "-o", "pipefail", "-c", step).returncode for step in steps[1:]]

    assert outcomes() == [0, 0, 0]
    (tmp_path / "rules" / "bad.yaml").write_text("trigger: { event: a }\n")
    assert outcomes() == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "schema"),
    [("rules/welcome.yaml", "rule"), ("config.yaml", "config"), ("rules/welcome.test.yaml", "test")],
)
def test_editors_find_the_schema_without_a_network(tmp_path: Path, name: str, schema: str) -> None:
    """The first line of a file leads to a schema that takes the file."""
    run(tmp_path, "autoflow", "init")
    path = tmp_path / name
    modeline = path.read_text().splitlines()[0]
    place = (path.parent / modeline.removeprefix("# yaml-language-server: $schema=")).resolve()
    assert place == (tmp_path / ".autoflow" / f"{schema}.schema.json").resolve()
    jsonschema.validate(yaml_of(path), json.loads(place.read_text()))
