"""The files that other tools read: hooks, container, make."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_hooks_name_commands_that_exist() -> None:
    """The hook for users and the hooks of this repository are read by pre-commit and call real commands."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["autoflow-validate", "autoflow-fmt", "autoflow-test"]
    own = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in own["repos"]] == ["local"]
    done = subprocess.run(
        [Path(sys.executable).with_name("autoflow"), "validate", *hooks[0]["args"]],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def test_the_container_runs_as_nobody_in_particular() -> None:
    """No root, exec form, a volume, a health check, requirements by hash, only the sources in its context."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", text, flags=re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["autoflow"\]$', text, flags=re.MULTILINE)
    assert 'CMD ["autoflow", "health", "--quiet"]' in text
    assert "VOLUME /var/lib/autoflow" in text
    assert text.count("--require-hashes") == text.count("-r /src/requirements/") == 2
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text, flags=re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"


def test_every_promised_make_target_is_there() -> None:
    """make run, test, check, bench, soak, docs and demo are promises; make alone says what there is."""
    rules = (ROOT / "Makefile").read_text()
    done = subprocess.run(["make", "-s", "help"], capture_output=True, text=True, check=True, cwd=ROOT)
    for target in (
        "run",
        "test",
        "check",
        "bench",
        "bench-quick",
        "bench-peers",
        "soak",
        "docs",
        "demo",
        "format",
        "lock",
        "clean",
    ):
        assert re.search(rf"^{target}:", rules, flags=re.MULTILINE)
        assert f"make {target}" in done.stdout


def test_the_pages_of_the_codes_leave_with_the_program() -> None:
    """`--explain` reads them where the wheel put them: each is among its files."""
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_selected_project_files()}
    pages = {f"autoflow/cli/pages/{path.name}" for path in (ROOT / "src/autoflow/cli/pages").iterdir()}
    assert len(pages) > 70
    assert pages <= shipped
