"""docs/ci.md: what can be copied from it is run as the system that it is meant for would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autoflow.strict_yaml import read_yaml
from support.documents import ROOT, read_blocks

PAGE = ROOT / "docs" / "ci.md"
BIN = Path(sys.executable).parent
INSTALL = "python -m pip install autoflow-rules==0.1.0"
GH = '#!/bin/sh\nprintf "%s\\n" "$@" > "$SAID"\n'


def yaml_of(path: Path) -> Any:
    """What stands in a file."""
    return read_yaml(path.read_text(), path=str(path)).documents[0].value


BLOCKS = [
    document.value
    for block in read_blocks(PAGE)
    if block.language == "yaml"
    for document in read_yaml(block.text, path=str(block)).documents
]
[GITHUB, BY_ACTION] = [block for block in BLOCKS if isinstance(block, dict) and "jobs" in block]
[GITLAB] = [block for block in BLOCKS if isinstance(block, dict) and "check-rules" in block]
[HOOKS] = [block for block in BLOCKS if isinstance(block, dict) and "repos" in block]
[PART] = [block for block in BLOCKS if isinstance(block, list)]


class Place:
    """A clone of a repository of rules, with a change that is proposed to its main branch."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clone = home / "clone"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AUTOFLOW_", "GIT", "CI"))},
            "PATH": f"{home / 'bin'}:{BIN}:{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
            "SAID": str(home / "said"),
            "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
        }  # fmt: skip
        origin = home / "origin"
        for name in ("rules", "templates", "examples"):
            shutil.copytree(ROOT / name, origin / name)
        self.run("git init -q -b main && git add -A && git commit -qm all", origin)
        self.run(f"git clone -q {origin} {self.clone}", home)
        (home / "bin").mkdir()
        (home / "bin" / "gh").write_text(GH)
        (home / "bin" / "gh").chmod(0o755)
        rule = self.clone / "rules" / "invoice-reminder.yaml"
        rule.write_text(rule.read_text().replace("on_change: finish_old", "on_change: cancel"))
        self.run("git switch -qc sooner && git commit -qam sooner", self.clone)

    def run(self, script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """A script, as both systems run them: it ends at the first command that fails."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=folder, env={**self.environment, **more}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A clone of its own for each test."""
    return Place(tmp_path)


def steps(workflow: Any) -> Iterator[dict[str, Any]]:
    """The steps of a workflow's only job."""
    [job] = workflow["jobs"].values()
    yield from job["steps"]


def fill(value: str) -> str:
    """What GitHub puts into the environment of a step."""
    known = {"github.base_ref": "main", "github.token": "t", "github.event.pull_request.number": "7"}
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], value)


def test_the_steps_for_github_do_what_they_say(place: Place) -> None:
    """On a pull request that changes a rule: all pass, SARIF and plan are written, and the plan becomes a comment."""
    scripts = [step for step in steps(GITHUB) if "run" in step]
    assert scripts[0]["run"] == INSTALL
    for step in scripts[1:]:
        assert "${{" not in step["run"]
        given = {name: fill(value) for name, value in step.get("env", {}).items()}
        done = place.run(step["run"], place.clone, **given)
        assert done.returncode == 0, (step["name"], done.stdout, done.stderr)
    sarif = json.loads((place.clone / "rules.sarif").read_text())
    assert sarif["version"] == "2.1.0"
    assert "invoice-reminder" in (place.home / "summary.md").read_text()
    assert "on_change" in (place.clone / "plan.md").read_text()
    assert (place.home / "said").read_text().split() == [
        "pr", "comment", "7", "--body-file", "plan.md", "--edit-last", "--create-if-none",
    ]  # fmt: skip
    uploads = [step["with"]["sarif_file"] for step in steps(GITHUB) if "upload-sarif" in step.get("uses", "")]
    assert uploads == ["rules.sarif"]


def test_the_steps_for_github_fail_on_mistakes(place: Place) -> None:
    """A rule with an error, and one in another form; a plan of rules that cannot be used is no plan."""
    (place.clone / "rules" / "bad.yaml").write_text("actions: [ log: { mesage: x } ]\ntrigger: { event: a }\n")
    place.run("git add -A && git commit -qm bad", place.clone)
    ended = {}
    for step in steps(GITHUB):
        if "run" in step and step["run"] != INSTALL:
            given = {name: fill(value) for name, value in step.get("env", {}).items()}
            ended[step["name"]] = place.run(step["run"], place.clone, **given).returncode
    failed = [name for name, code in ended.items() if code]
    assert failed == [
        "Find mistakes",
        "Play the tests",
        "See that each rule is in canonical form",
        "Say what the change would do",
    ]


def test_the_action_has_the_inputs_that_the_page_names() -> None:
    """Those of the example, and those of the table with their defaults."""
    action = yaml_of(ROOT / "action.yml")
    [given] = [step["with"] for step in steps(BY_ACTION) if step["uses"].startswith("OWNER/autoflow@")]
    assert given.keys() <= action["inputs"].keys()
    table = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|", PAGE.read_text(), re.MULTILINE))
    assert set(action["inputs"]) <= set(table)
    defaults = {name: what["default"] for name, what in action["inputs"].items() if what["default"]}
    assert {name: table[name].strip("`") for name in defaults} == defaults


def test_the_script_for_gitlab_makes_the_reports_it_names(place: Place) -> None:
    """Both are there and can be read, also where a line of the script fails."""
    job = GITLAB["check-rules"]
    assert job["before_script"] == [INSTALL]
    assert [place.run(line, place.clone, CI_PROJECT_DIR=str(place.clone)).returncode for line in job["script"]] == [
        0
    ] * 4
    (place.clone / "rules" / "bad.yaml").write_text("trigger: { event: a }\n")
    place.run("\n".join(job["script"]), place.clone, CI_PROJECT_DIR=str(place.clone))
    reports = job["artifacts"]["reports"]
    findings = json.loads((place.clone / reports["codequality"]).read_text())
    assert [finding["location"]["path"] for finding in findings] == ["rules/bad.yaml"]
    assert ElementTree.parse(place.clone / reports["junit"]).getroot().tag == "testsuites"


def test_the_hooks_are_those_that_there_are() -> None:
    """By their ids; that they work is tried elsewhere, by pre-commit itself."""
    there = {hook["id"] for hook in yaml_of(ROOT / ".pre-commit-hooks.yaml")}
    assert {hook["id"] for repo in HOOKS["repos"] for hook in repo["hooks"]} == there
    assert {hook["id"] for hook in PART} <= there
