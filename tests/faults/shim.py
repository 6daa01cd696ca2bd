"""Builds the failing disk and tells it, while a daemon runs on it, what is to fail."""

import ctypes
import errno
import mmap
import os
import random
import shutil
import subprocess
import sys
from enum import IntFlag
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")
BLOCK = 512
"""What a disk writes whole, or not at all."""


class Call(IntFlag):
    """Calls that can fail, as shim.c counts them."""

    WRITE = 1
    SYNC = 2
    CUT = 4


class File(IntFlag):
    """Files in which they can fail."""

    DATABASE = 1
    LOG = 2
    BOTH = 3


NAMES = ("autoflow.db", "autoflow.db-wal")


class _Control(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("error", "calls", "files", "spare", "times", "half", "failed", "seen")
    ]  # fmt: skip


def build_shim(directory: Path) -> Path:
    """The shim as a library; skips the test where it cannot be built or loaded."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs: Linux")
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        pytest.skip("needs: a C compiler")
    library = directory / "shim.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True
    )  # fmt: skip
    return library


class Disk:
    """A disk that fails as it is told; kept content is what it would have after a power cut."""

    def __init__(self, library: Path, directory: Path) -> None:
        self.library = library
        self.kept = directory / "kept"
        self.kept.mkdir()
        self._path = directory / "control"
        self._path.write_bytes(bytes(mmap.PAGESIZE))
        with self._path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self._control = _Control.from_buffer(self._map)

    def environment(self, *, forgets: bool = False) -> dict[str, str]:
        """What a daemon on this disk is started with."""
        found = {"LD_PRELOAD": str(self.library), "FAULTS_CONTROL": str(self._path)}
        return found | ({"FAULTS_KEPT": str(self.kept)} if forgets else {})

    def fail(
        self,
        calls: Call,
        error: int = errno.EIO,
        *,
        files: File = File.BOTH,
        nth: int = 1,
        times: int = 1,
        half: bool = False,
    ) -> None:
        """From now on the n-th of these calls fails, and so many after it; -1 for ever."""
        control = self._control
        control.error = 0
        control.calls, control.files, control.half = calls, files, half
        control.spare, control.times, control.failed = nth - 1, times, 0
        control.error = error

    def heal(self) -> None:
        """Nothing fails any more."""
        self._control.error = 0

    @property
    def failed(self) -> int:
        """How many calls have failed since `fail`."""
        return int(self._control.failed)

    @property
    def seen(self) -> int:
        """How many calls were made on the two files, in the life of this disk."""
        return int(self._control.seen)

    def lose_power(self, state: Path, *, torn: random.Random | None = None) -> None:
        """Take from the files what was never synced; torn: of that, some blocks are there and some are not."""
        for name in NAMES:
            file, kept = state / name, self.kept / name
            if torn is not None and file.exists():
                kept.write_bytes(_tear(kept.read_bytes(), file.read_bytes(), torn))
            shutil.copyfile(kept, file)
        (state / "autoflow.db-shm").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the control file."""
        del self._control
        self._map.close()


def _tear(kept: bytes, written: bytes, torn: random.Random) -> bytes:
    """Blocks of both: each of those that differ is the old one or the new one."""
    size = torn.choice((len(kept), len(written)))
    old, new = kept.ljust(size, b"\0"), written.ljust(size, b"\0")
    parts = []
    for begin in range(0, size, BLOCK):
        source = torn.choice((old, new))
        parts.append(source[begin : min(begin + BLOCK, size)])
    return b"".join(parts)


def is_long() -> bool:
    """Whether the long form was asked for: `make faults`."""
    return os.environ.get("FAULTS") == "long"
