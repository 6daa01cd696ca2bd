"""Other people's programs that autoflow is set beside: where they are, and how to have them.

They live in `benchmarks/.work/` and nowhere else. What Python needs is installed when it is first asked for, into an
environment of its own; what node needs only by `python -m benchmarks.peers` (`make bench-peers`), since not everybody
who measures wants npm to fetch. Nothing here is needed: what is missing is told in its row.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

WORK = Path(__file__).parent / ".work"
NODE_FOLDER = WORK / "node_modules"
NODE_PACKAGES = {"json-rules-engine": "7.3.1", "node-red": "4.1.15"}
SCHEDULER_FOLDER = WORK / "apscheduler"
SCHEDULER_PACKAGES = ("apscheduler==3.11.3", "sqlalchemy>=2,<3")
INSTALL_SECONDS = 240.0
HOW = "not installed: make bench-peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of looking for a peer."""

    path: Path
    #: why it cannot be run; None where it can
    missing: str | None = None


def find_node_package(name: str) -> Found:
    """A package of node's, in `.work` or in a folder that NODE_PATH names."""
    if shutil.which("node") is None:
        return Found(path=WORK, missing="node is not installed")
    folders = [NODE_FOLDER, *(Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder)]
    there = [folder / name for folder in folders if (folder / name / "package.json").is_file()]
    return Found(path=there[0]) if there else Found(path=NODE_FOLDER / name, missing=f"{name} is {HOW}")


def node_environment() -> dict[str, str]:
    """The environment in which node finds the packages."""
    folders = [str(NODE_FOLDER), *filter(None, [os.environ.get("NODE_PATH")])]
    return {**os.environ, "NODE_PATH": os.pathsep.join(folders)}


def find_scheduler() -> Found:
    """A Python with APScheduler and SQLAlchemy, made where it is not there yet."""
    python = SCHEDULER_FOLDER / "bin" / "python"
    if not _can_import(python):
        made = _run([sys.executable, "-m", "venv", "--clear", str(SCHEDULER_FOLDER)])
        failure = made or _run([str(python), "-m", "pip", "install", "-q", *SCHEDULER_PACKAGES])
        if failure:
            return Found(path=python, missing=f"it cannot be installed: {failure}")
    return Found(path=python)


def install_node_packages() -> str | None:
    """Ask npm for what runs on node; why it could not be had."""
    if shutil.which("npm") is None:
        return "npm is not installed"
    wanted = [f"{name}@{version}" for name, version in NODE_PACKAGES.items()]
    return _run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(WORK), *wanted])


def main() -> int:
    """Install what is missing, and say what could not be had."""
    WORK.mkdir(exist_ok=True)
    failures = {"apscheduler": find_scheduler().missing}
    if any(find_node_package(name).missing for name in NODE_PACKAGES):
        failures["node"] = install_node_packages()
    for name, failure in failures.items():
        sys.stdout.write(f"{name}: {failure or 'there'}\n")
    return 1 if any(failures.values()) else 0


def _can_import(python: Path) -> bool:
    return python.exists() and _run([str(python), "-c", "import apscheduler, sqlalchemy"]) is None


def _run(command: list[str]) -> str | None:
    """Run to the end; the last line of what it said where that failed."""
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end after {INSTALL_SECONDS:.0f} s"
    if not run.returncode:
        return None
    said = (run.stderr or run.stdout).strip().splitlines()
    return said[-1] if said else f"exit code {run.returncode}"


if __name__ == "__main__":
    sys.exit(main())
