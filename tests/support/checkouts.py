"""What tests of other tools need: this checkout as they would fetch it, and packages without an index."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from support.documents import ROOT

SOURCES = ("src", "pyproject.toml", "README.md", "LICENSE", "NOTICE", ".pre-commit-hooks.yaml", "action.yml")
BIN = Path(sys.executable).parent


def offline(home: Path) -> dict[str, str]:
    """An environment in which pip builds what lies here, and takes everything else from where this test runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOFLOW_", "GIT", "PIP_"))}
    return {
        **kept,
        "HOME": str(home),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_CONFIG_FILE": os.devnull,
        "PIP_IGNORE_INSTALLED": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PRE_COMMIT_HOME": str(home / "cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
    }  # fmt: skip


def commit_all(folder: Path, environment: dict[str, str]) -> str:
    """The commit of everything in a folder, which becomes a repository."""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=folder, env=environment, check=True, timeout=30)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def copy_sources(place: Path) -> Path:
    """What is installed of this checkout, somewhere else."""
    place.mkdir()
    subprocess.run(["cp", "-r", *(str(ROOT / name) for name in SOURCES), str(place)], check=True)
    return place
