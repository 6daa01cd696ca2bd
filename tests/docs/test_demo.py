"""The demo does what it tells, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

from support.documents import ROOT


def test_demo_ends_well_and_cleans_up(tmp_path: Path) -> None:
    """It ends with 0 only if everything was as narrated; its directory is gone after."""
    ran = subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo.py"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "neither the duplicate nor the kill made it two" in ran.stdout
    assert "\033[" not in ran.stdout
    assert list(tmp_path.glob("autoflow-demo-*")) == []
