"""The soak, short: half a minute at 200 events a second with a sink that fails. `make soak` makes it hours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 600 if os.environ.get("FAULTS") == "long" else 30


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs: /proc, to see what a process holds")
def test_what_the_daemon_holds_stays_flat(tmp_path: Path) -> None:
    """Memory, descriptors and write-ahead log stay within their bounds, and every answered event comes to an end."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--seconds", str(SECONDS), "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=SECONDS + 240,
    )
    assert done.stdout, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["findings"] == []
    assert done.returncode == 0
    assert len(outcome["looks"]) > 10
    assert outcome["runs"]["done"] > outcome["runs"]["failed"] > 0
