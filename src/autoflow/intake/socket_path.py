"""Where the daemon's unix socket is: known to the daemon that binds it and to the commands that call it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

SOCKET_NAME = "autoflow.sock"
LONGEST_PATH = 100
"""Bytes; the system's own limit is 104 to 108."""


def socket_path(state: Path) -> Path:
    """Where the socket of a state directory is: in it, or in a private directory where its path is too long."""
    plain = state.resolve() / SOCKET_NAME
    if len(os.fsencode(plain)) <= LONGEST_PATH:
        return plain
    digest = hashlib.sha256(os.fsencode(plain)).hexdigest()[:16]
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"autoflow-{os.getuid()}" / f"{digest}.sock"
