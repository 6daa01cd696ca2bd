"""Where the daemon's unix socket is: known to the daemon that binds it and to the commands that call it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from autoflow.errors import StateError

SOCKET_NAME = "autoflow.sock"
LONGEST_PATH = 100
"""Bytes; the system's own limit is 104 to 108."""
ELSEWHERE = Path("/tmp")  # noqa: S108 - private directories are made in it
"""Not a place that the environment names: a daemon and a command may have different ones."""


def socket_path(state: Path) -> Path:
    """Where the socket of a state directory is: in it, or in a private directory where its path is too long."""
    plain = state.resolve() / SOCKET_NAME
    if len(os.fsencode(plain)) <= LONGEST_PATH:
        return plain
    digest = hashlib.sha256(os.fsencode(plain)).hexdigest()[:16]
    directory = ELSEWHERE / f"autoflow-{digest}"
    _check_private(directory, plain.parent)
    return directory / SOCKET_NAME


def _check_private(directory: Path, state: Path) -> None:
    """StateError where somebody else has put the directory there: events would be told to a stranger."""
    try:
        found, owner = directory.lstat(), state.stat().st_uid
    except FileNotFoundError:
        return
    own = found.st_uid in {0, os.getuid(), owner}
    if not stat.S_ISDIR(found.st_mode) or not own or found.st_mode & 0o077:
        raise StateError(f"{directory} is not a private directory of this user", hint="remove it and start again")
