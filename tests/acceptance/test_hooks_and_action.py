"""The hooks as pre-commit runs them, and the steps of the action as GitHub's runner does: real tools, no network."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autoflow.strict_yaml import read_yaml
from support.checkouts import commit_all, copy_sources, offline
from support.documents import ROOT

RULE = "id: {0}\ntrigger: {{ event: {0}.created }}\nactions:\n  - log: {{ message: x }}\n"
UNTIDY = "actions: [ log: { message: x } ]\ntrigger: { event: a }\n"
TEST = """\
tests:
  - name: it logs
    steps:
      - emit: { type: good.created, data: {} }
        expect: { actions: 1 }
"""
CONFIG = """\
repos:
  - repo: %s
    rev: %s
    hooks:
      - id: autoflow-validate
      - id: autoflow-fmt
      - id: autoflow-test
"""


def run(home: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder."""
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_hooks_stop_what_is_wrong(tmp_path: Path) -> None:
    """Installed by pre-commit from a checkout: they pass good rules, and fail on a mistake, a form and a test."""
    pytest.importorskip("pre_commit", reason="needs: the check tools (make check)")
    environment = offline(tmp_path)
    hooks = copy_sources(tmp_path / "hooks")
    revision = commit_all(hooks, environment)
    home = tmp_path / "home"
    (home / "rules").mkdir(parents=True)
    (home / ".pre-commit-config.yaml").write_text(CONFIG % (hooks, revision))
    (home / "rules" / "good.yaml").write_text(RULE.format("good"))
    (home / "rules" / "good.test.yaml").write_text(TEST)
    commit_all(home, environment)

    def outcomes() -> dict[str, str]:
        run(home, environment, "git", "add", "-A")
        done = run(home, environment, "pre-commit", "run", "--all-files", "--color=never")
        found = dict(re.findall(r"^autoflow (\w+)\.+(?:\(.*\))?(\w+)$", done.stdout, re.MULTILINE))
        assert set(found) == {"validate", "fmt", "test"}, done.stdout + done.stderr
        return found

    assert outcomes() == {"validate": "Passed", "fmt": "Passed", "test": "Passed"}
    (home / "rules" / "untidy.yaml").write_text(UNTIDY)
    (home / "rules" / "twin.yaml").write_text(RULE.format("good"))
    (home / "rules" / "good.test.yaml").write_text(TEST.replace("actions: 1", "actions: 2"))
    assert outcomes() == {"validate": "Failed", "fmt": "Failed", "test": "Failed"}
    assert (home / "rules" / "untidy.yaml").read_text().startswith("trigger:")


@dataclass(slots=True)
class Runner:
    """Does with the steps of a composite action what GitHub's runner does."""

    home: Path
    inputs: dict[str, str]
    environment: dict[str, str]
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    said: str = ""

    def follow(self, action: dict[str, Any]) -> list[tuple[str, int]]:
        """Each step that is run, with how it ended."""
        self.inputs = {name: what["default"] for name, what in action["inputs"].items()} | self.inputs
        ended: list[tuple[str, int]] = []
        for step in action["runs"]["steps"]:
            failed = any(code for _, code in ended)
            if self.is_wanted(step.get("if", "${{ success() }}"), failed=failed):
                ended.append((step["name"], self.do(step)))
        return ended

    def is_wanted(self, condition: str, *, failed: bool) -> bool:
        """What the conditions of this action can say: a status, and inputs beside a text."""
        wanted = "cancelled()" in condition or not failed
        for name, sign, text in re.findall(r"inputs\.([\w-]+) (==|!=) '(.*?)'", condition):
            wanted = wanted and (self.inputs[name] == text) is (sign == "==")
        return wanted

    def do(self, step: dict[str, Any]) -> int:
        """Run a step's script in bash, with files for what it tells the runner."""
        output, path = self.home / "output", self.home / "path"
        output.write_text("")
        path.touch()
        given = {name: self.fill(value) for name, value in step["env"].items()}
        place = ":".join([*reversed(path.read_text().split()), self.environment["PATH"]])
        told = {"GITHUB_OUTPUT": str(output), "GITHUB_PATH": str(path), "RUNNER_TEMP": str(self.home)}
        script = self.home / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
            cwd=self.home / "checkout", env={**self.environment, **told, **given, "PATH": place},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        self.steps[step.get("id", "")] = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return done.returncode

    def fill(self, value: str) -> str:
        """The value of an expression."""
        value = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: self.inputs[found[1]], value)
        return value.replace("${{ github.action_path }}", str(self.home / "action"))


ACTION: dict[str, Any] = read_yaml((ROOT / "action.yml").read_text(), path="action.yml").documents[0].value
INSTALL, SARIF, VALIDATE, PLAY, FORM = [step["name"] for step in ACTION["runs"]["steps"]]


def test_no_input_stands_in_a_script() -> None:
    """What a pull request can say reaches a script in its environment only, where it is data; nothing is fetched."""
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
        assert "uses" not in step
    named = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text()))
    assert named == set(ACTION["inputs"])
    assert all(what["description"] and "default" in what for what in ACTION["inputs"].values())
    assert ACTION["runs"]["using"] == "composite"


@pytest.fixture(scope="module")
def runner_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the action lies and is installed, once."""
    home = tmp_path_factory.mktemp("runner")
    copy_sources(home / "action")
    (home / "checkout" / "rules").mkdir(parents=True)
    first = {"runs": {"steps": ACTION["runs"]["steps"][:1]}, "inputs": ACTION["inputs"]}
    runner = Runner(home, {}, offline(home))
    assert runner.follow(first) == [(INSTALL, 0)], runner.said
    assert (home / "autoflow" / "bin" / "autoflow").exists()
    return home


def follow(home: Path, files: dict[str, str], **inputs: str) -> tuple[dict[str, int], Runner]:
    """How the steps after the installation end for these files."""
    for path in (home / "checkout" / "rules").iterdir():
        path.unlink()
    for name, text in files.items():
        (home / "checkout" / "rules" / name).write_text(text)
    runner = Runner(home, {name.replace("_", "-"): value for name, value in inputs.items()}, offline(home))
    rest = {"runs": {"steps": ACTION["runs"]["steps"][1:]}, "inputs": ACTION["inputs"]}
    return dict(runner.follow(rest)), runner


def test_the_action_passes_good_rules(runner_home: Path) -> None:
    """With tests and without any."""
    good = {"good.yaml": RULE.format("good")}
    assert follow(runner_home, good)[0] == {VALIDATE: 0, PLAY: 0, FORM: 0}
    assert follow(runner_home, {**good, "good.test.yaml": TEST})[0] == {VALIDATE: 0, PLAY: 0, FORM: 0}


def test_the_action_tells_everything_that_is_wrong(runner_home: Path) -> None:
    """A step that fails keeps none of the others from being run; what is not wanted is left out."""
    files = {"good.yaml": RULE.format("good"), "untidy.yaml": UNTIDY, "good.test.yaml": TEST.replace("1 }", "2 }")}
    assert follow(runner_home, files)[0] == {VALIDATE: 0, PLAY: 1, FORM: 1}
    assert follow(runner_home, files, test="false", fmt="false")[0] == {VALIDATE: 0}
    ended, runner = follow(runner_home, {"bad.yaml": "trigger: { event: a }\n"}, sarif="found.sarif")
    assert ended == {SARIF: 0, VALIDATE: 1, PLAY: 0, FORM: 1}
    assert runner.steps["sarif"] == {"sarif": "found.sarif"}
    assert "AF112" in (runner_home / "checkout" / "found.sarif").read_text()


def test_an_input_cannot_give_orders(runner_home: Path) -> None:
    """Signs that a shell would act on are parts of names, and an option is a path that is not there."""
    for paths in ("rules; touch broken", "$(touch broken)", "`touch broken`", "--exit-zero"):
        ended, _ = follow(runner_home, {"good.yaml": RULE.format("good")}, paths=paths, test="false", fmt="false")
        assert ended == {VALIDATE: 2}
    assert not (runner_home / "checkout" / "broken").exists()
