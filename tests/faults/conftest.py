"""Daemons on disks that fail, and what may be true of one afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.shim import Disk, build_shim


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def disk(library: Path, tmp_path: Path) -> Iterator[Disk]:
    """A disk on which nothing fails yet."""
    directory = tmp_path / "disk"
    directory.mkdir()
    made = Disk(library, directory)
    yield made
    made.close()
