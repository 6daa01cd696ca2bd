"""The language by example: every scenario of this folder passes, played by the real command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FILES = sorted(path.name for path in HERE.glob("*.test.yaml"))


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What `autoflow test` says of all of them, played once."""
    command = [Path(sys.executable).with_name("autoflow"), "test", ".", "-c", "config.yaml", "--json"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {"code": done.returncode, **json.loads(done.stdout)}


@pytest.mark.parametrize("name", FILES)
def test_a_scenario_passes(name: str, told: dict[str, Any]) -> None:
    """What the file says happens is what happens."""
    items = [item for item in told["items"] if item["path"] == name]
    assert items
    assert [item["failures"] for item in items if item["status"] != "passed"] == []


def test_all_are_numbered_and_told_of(told: dict[str, Any]) -> None:
    """Nothing is left out, nothing has the number of another one, and the command ends well."""
    assert {item["path"] for item in told["items"]} == set(FILES)
    assert [name[:2] for name in FILES] == [f"{number:02}" for number in range(1, len(FILES) + 1)]
    assert len(FILES) >= 40
    assert (told["code"], told["failed"], told["problems"]) == (0, 0, [])
