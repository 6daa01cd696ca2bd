"""Asking git: read-only questions, without its hooks, pagers, locks or network.

Beside the loader: `provenance` asks where rules came from, `revision` what they were.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

TIME_LIMIT = 10.0

# Read-only questions: no hooks, no pager, no credentials, no file-system monitor, no lock taken.
_GIT = (
    "git",
    "--no-pager",
    "--no-optional-locks",
    "--literal-pathspecs",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.quotePath=false",
    "-c",
    "diff.external=",
    "-c",
    "log.showSignature=false",
    "-c",
    "submodule.recurse=false",
)


class Answer(NamedTuple):
    """What git said."""

    output: bytes
    #: why it refused, in one line; None where it did not
    refusal: str | None = None


def find_top(root: Path) -> Path | None:
    """The top of the working tree around a directory, found as git does, without asking it."""
    start = root.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)


def ask_git(top: Path, *arguments: str, given: bytes | None = None, limit: float = TIME_LIMIT) -> Answer:
    """What git answers, or why it does not. `given` is what it reads."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_CEILING_DIRECTORIES": str(top.parent), "LC_ALL": "C.UTF-8"}
    environment["GIT_NO_LAZY_FETCH"] = "1"  # what a partial clone left out is not fetched behind anybody's back
    try:
        done = subprocess.run(  # noqa: S603 - fixed words; what varies follows `--` or `--end-of-options`
            [*_GIT, *arguments],
            cwd=top,
            env=environment,
            input=given if given is not None else b"",
            capture_output=True,
            timeout=limit,
            check=False,
        )
    except FileNotFoundError:
        return Answer(b"", "git is not installed")
    except subprocess.TimeoutExpired:
        return Answer(b"", f"git did not answer within {limit:.0f} s")
    except OSError as error:
        return Answer(b"", f"git cannot be run: {error.strerror}")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Answer(b"", said[0].removeprefix("fatal: ") if said else f"git ended with {done.returncode}")
    return Answer(done.stdout)
