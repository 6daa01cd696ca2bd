"""What a crash loop tried and what it found, as a page of text."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

from crash.checker import INVARIANTS
from crash.evidence import Evidence
from crash.senders import KINDS

MOST_SHOWN = 10
"""Findings of one invariant; more of the same tell nothing new."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of it."""

    seconds: float = 0.0
    looks: int = 0
    drained_in: float = 0.0
    #: seconds from start to ready
    starts: list[float] = field(default_factory=list)
    #: by invariant, with `daemon` for what the process and its log showed
    findings: dict[str, list[str]] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not any(self.findings.values())

    def add(self, found: dict[str, list[str]], *, where: str = "") -> None:
        """Keep findings, each once."""
        for name, texts in found.items():
            kept = self.findings.setdefault(name, [])
            kept += [where + text for text in texts if where + text not in kept]


def write_report(outcome: Outcome, seed: str) -> str:
    """The page."""
    evidence = outcome.evidence
    head = f"crash loop, seed {seed}: {len(evidence.kills)} kills in {outcome.seconds:.0f} s"
    tried = [f"  {name:<12} {text}" for name, text in _tried(outcome).items()]
    found = []
    for name, check in {**INVARIANTS, "daemon": _about_the_daemon}.items():
        texts = outcome.findings.get(name, [])
        found.append(f"  {name:<6} {'ok' if not texts else f'{len(texts)} found'}: {(check.__doc__ or '').strip()}")
        found += [f"           {text}" for text in texts[:MOST_SHOWN]]
    return "\n".join([head, "tried", *tried, "found", *found, ""])


def _about_the_daemon() -> None:
    """It ends only when it is killed or told to, and its log tells of no defect."""


def _tried(outcome: Outcome) -> dict[str, str]:
    evidence, counts = outcome.evidence, outcome.evidence.counts
    runs = Counter(row["status"] for row in evidence.table("runs"))
    per_sender = ", ".join(f"{kind} {sum(1 for _, source in evidence.offers if source == kind):,}" for kind in KINDS)
    cut = sum(row["result"] == "unknown" for row in evidence.table("attempts"))
    return {
        "kills": f"{len(evidence.kills)}, {counts['kill starting']} of them while it started; "
        f"looked at {outcome.looks} times in between",
        "starts": f"{evidence.spawns}; ready after {_median_and_most(outcome.starts)}",
        "offered": f"{len(evidence.offers):,} events: {per_sender}",
        "answered": f"{_sum(evidence, 'accepted'):,} accepted, {_sum(evidence, 'duplicate'):,} duplicates, "
        f"{_sum(evidence, 'refused'):,} bad requests refused, {_sum(evidence, 'busy'):,} told to come again",
        "unanswered": f"{_sum(evidence, 'lost'):,} times nobody was there or went away; it was offered again",
        "runs": ", ".join(f"{number:,} {status}" for status, number in sorted(runs.items())),
        "sent": f"{len(evidence.calls):,} calls for {len(evidence.calls_by_key()):,} actions: "
        f"{counts['sink 200'] + counts['sink slow']:,} taken, {counts['sink 503']:,} answered 503, "
        f"{counts['sink hang']:,} never, {counts['sink 410']:,} 410",
        "cut short": f"{cut:,} attempts by a kill; {count_repeats(evidence):,} sends of what had been taken already",
        "drained": f"in {outcome.drained_in:.1f} s",
    }


def count_repeats(evidence: Evidence) -> int:
    """How often the sink got what it had taken before: each time under the same key."""
    repeats = 0
    for calls in evidence.calls_by_key().values():
        taken = [call.attempt for call in calls if call.is_taken]
        repeats += sum(call.attempt > min(taken) for call in calls) if taken else 0
    return repeats


def _sum(evidence: Evidence, did: str) -> int:
    return sum(evidence.counts[f"{kind} {did}"] for kind in KINDS)


def _median_and_most(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s, {max(seconds):.2f} s at most" if seconds else "never"
