"""One round of loading: `python -m benchmarks.loading_round RULES STATE` prints processor times as JSON.

In turn, each from nothing: the YAML alone, the files to rules, the rules in force in a new store; then one file is
changed (and put back) and the set is put in force again, as the watcher of a running daemon has it done.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from autoflow.app.parts import Parts, make_parts
from autoflow.reload import Sources, load_sources
from autoflow.security.secrets import Secrets
from autoflow.settings import load_settings

CHANGES = 5


def main() -> None:
    """Measure and print."""
    rules, state = Path(sys.argv[1]), Path(sys.argv[2])
    sources = Sources(rules=rules, templates=state / "templates", notifiers={})
    load_sources(Sources(rules=state, templates=state, notifiers={}))  # what is imported on first use
    told = {"yaml_ms": _take(lambda: _read_yaml(rules)), "load_ms": _take(lambda: load_sources(sources))}
    told |= asyncio.run(_put_in_force(rules, state))
    sys.stdout.write(json.dumps(told) + "\n")


def _take(act: Callable[[], object]) -> float:
    """Milliseconds of processor time."""
    gc.collect()
    begun = time.process_time()
    act()
    return (time.process_time() - begun) * 1000


def _read_yaml(rules: Path) -> None:
    for path in sorted(rules.glob("*.yaml")):
        list(yaml.load_all(path.read_text(), yaml.CSafeLoader))


async def _put_in_force(rules: Path, state: Path) -> dict[str, float]:
    config = state / "config.yaml"
    config.write_text(f"rules: {rules}\nstate: {state / 'state'}\n")
    (state / "state").mkdir()
    parts = make_parts(
        load_settings(config, overrides={}, environ={}),
        Secrets(),
        show=lambda text: None,
        problems=lambda problems, then: None,
        shadow=False,
    )
    try:
        begun = time.process_time()
        await parts.reloader.start()
        force = time.process_time() - begun
        again = await _change(parts, min(rules.glob("*.yaml")))
    finally:
        parts.alarm.close()
        await parts.outgoing.close()
        await asyncio.to_thread(parts.store.close)
    return {"force_ms": force * 1000, "again_ms": again * 1000}


async def _change(parts: Parts, file: Path) -> float:
    """The median processor time of taking one change over."""
    text = file.read_text()
    taken = []
    try:
        for number in range(CHANGES):
            file.write_text(text.replace(" 1000 ", f" {2000 + number} "))
            begun = time.process_time()
            if not await parts.reloader.reload():
                raise RuntimeError("the change was not seen")
            taken.append(time.process_time() - begun)
    finally:
        file.write_text(text)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
