"""A life of the real daemon, written down as a test: it passes, and fails once its rule is changed."""

from __future__ import annotations

import json
from pathlib import Path

from support.daemon import run_command

RULE = """\
id: greet
trigger: { event: user.created }
when: user.age >= 18
actions:
  - sms: { recipient: "{{ user.phone }}", message: "Hello {{ user.name }}" }
"""
EVENTS = [
    {"type": "user.created", "id": f"e{age}", "data": {"user": {"age": age, "name": "Eve", "phone": "+15557654321"}}}
    for age in (3, *range(20, 32))
]


async def test_a_life_becomes_a_test(tmp_path: Path) -> None:
    """By the commands that a person has: run, stats, test record, test --coverage."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "greet.yaml").write_text(RULE)
    lines = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()
    code, _, messages = await run_command(tmp_path, "run", "--once", "--stdin", "--listen", "none", stdin=lines)
    assert code == 0, messages

    code, output, messages = await run_command(tmp_path, "stats", "--json")
    assert code == 0, messages
    [item] = json.loads(output)["items"]
    assert item["runs"]["done"] == 12
    assert 10 <= item["judged"] <= len(EVENTS)  # those of one second, or of two
    [leaf] = item["leaves"]
    assert (leaf["true"], leaf["false"], leaf["lacks"]) == (item["judged"] - 1, 1, None)

    recorded = tmp_path / "rules" / "greet.test.yaml"
    code, _, messages = await run_command(tmp_path, "test", "record", "e20", "--output", str(recorded))
    assert code == 0, messages
    assert "it passes" in messages
    assert "7654321" not in recorded.read_text()

    code, output, messages = await run_command(tmp_path, "test", "--coverage", "--fail-under", "60")
    assert code == 1
    assert "rules/greet.yaml:3:7: user.age >= 18 was never false (greet)" in output
    assert "coverage 50 % is under 60 %" in messages

    (tmp_path / "rules" / "greet.yaml").write_text(RULE.replace("18", "21"))
    code, output, messages = await run_command(tmp_path, "test", "record", "e20")
    assert code == 1
    assert output.startswith("# Written by `autoflow test record`")
    assert "it does not pass" in messages
    assert "actions: 1 missing" in messages
