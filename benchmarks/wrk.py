"""The load of `wrk`, where it is installed: a second opinion on the bundled sender."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.load import LoadOrder
from benchmarks.processes import BenchmarkError

NAME = "wrk"

_SCRIPT = """\
wrk.method = "POST"
wrk.path = {path}
wrk.headers["Content-Type"] = {content_type}
wrk.headers["Authorization"] = {token}
wrk.body = {body}
function done(summary, latency, requests)
  local bad = summary.errors
  io.write(string.format('\\nRESULT {{"answers":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"max_ms":%f,"bad":%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, bad.connect + bad.read + bad.write + bad.timeout + bad.status))
end
"""


def has_wrk() -> bool:
    """Whether `wrk` is installed here."""
    return shutil.which(NAME) is not None


def run_wrk(order: LoadOrder, directory: Path) -> dict[str, Any]:
    """Carry out an order with wrk: one thread, the same connections, the same request."""
    script = directory / "post.lua"
    script.write_text(
        _SCRIPT.format(
            path=json.dumps(order.path),
            content_type=json.dumps(order.content_type),
            token=json.dumps(f"Bearer {order.token}"),
            body=json.dumps(order.body),
        )
    )
    address = f"http://{order.host}:{order.port}{order.path}"
    command = [
        NAME,
        "-t1",
        f"-c{order.connections}",
        f"-d{max(1, round(order.seconds))}s",
        "-s",
        str(script),
        address,
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=order.seconds + 60, check=False)
    _, found, told = run.stdout.partition("RESULT ")
    if run.returncode or not found:
        raise BenchmarkError(f"wrk failed:\n{run.stdout[-1000:]}{run.stderr[-1000:]}")
    outcome: dict[str, Any] = json.loads(told.splitlines()[0])
    if outcome["bad"] or not outcome["answers"]:
        raise BenchmarkError(f"the server did not take everything: {outcome}")
    return outcome
