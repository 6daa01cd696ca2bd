"""The loop itself, short: twenty kills, and nothing that was promised is broken. `make crash` makes it long."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from crash import loop
from crash.loop import Loop, Plan
from crash.report import write_report

SEED = "20"


def test_twenty_kills_break_no_promise(tmp_path: Path) -> None:
    """SIGKILL while four senders, delays, retries and a failing sink are at work: I1 to I9 hold, all was tried."""
    outcome = Loop(tmp_path, Plan(kills=20, seed=SEED)).run()
    report = write_report(outcome, SEED)
    assert outcome.is_clean, report
    evidence = outcome.evidence
    assert len(evidence.kills) == 20
    assert outcome.looks == 1
    assert evidence.counts["kill starting"] == 3
    assert {source for _, source in evidence.offers} == {"single", "array", "lines", "stdin"}
    assert {answer.status for answer in evidence.answers} == {"accepted", "duplicate"}
    assert {row["status"] for row in evidence.table("runs")} == {"done", "failed", "cancelled"}
    assert {call.answer for call in evidence.calls} == {"200", "slow", "503", "410", "hang"}
    assert any(row["result"] == "unknown" for row in evidence.table("attempts")), "no kill hit an attempt"
    assert evidence.table("dead_letters") != []
    assert evidence.refused != set()


def test_a_daemon_that_ends_by_itself_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port is taken, so it cannot start: the loop stops, and says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(loop, "free_port", lambda: taken.getsockname()[1])
        monkeypatch.setattr(loop, "STARTING_KILLS", 10**9)
        outcome = Loop(tmp_path, Plan(kills=2, seed=SEED)).run()
    assert not outcome.is_clean
    assert "the daemon ended" in outcome.findings["daemon"][0]
    assert "the daemon ended" in write_report(outcome, SEED)
