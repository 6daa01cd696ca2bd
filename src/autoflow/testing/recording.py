"""A scenario from what really happened: a stored event, what it led to, and when, on a clock without delays.

Before it: the API's rows. After it: `autoflow test record`, which writes it down and plays it. What took time by
chance (lateness, jitter, a slow receiver) takes none in a scenario; what a rule waits for takes exactly that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoflow.actions.kinds import EMIT
from autoflow.clock import from_rfc3339, to_rfc3339
from autoflow.model.event import DEFAULT_ACCOUNT, DEFAULT_SOURCE
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.model.run import AttemptResult
from autoflow.model.span import write_span
from autoflow.model.step import RetryPolicy
from autoflow.testing.matchers import is_matcher
from autoflow.testing.redaction import Redaction

Told = Mapping[str, Any]
"""A row as the API tells it."""

BY_HAND = "cancelled by hand"
ENDED_BY = re.compile(r"event (?P<id>.+) \([^()]+\) ended it", re.DOTALL)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_SENT = frozenset({AttemptResult.DELIVERED, AttemptResult.RETRY, AttemptResult.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An event, and everything that is known to have come of it."""

    event: Told
    #: its runs, with steps and attempts
    runs: tuple[Told, ...] = ()
    #: what its runs made events of, by the id of the run
    children: Mapping[str, tuple[Story, ...]] = field(default_factory=dict)
    #: the events that ended runs, by the id of the run
    enders: Mapping[str, Told] = field(default_factory=dict)
    #: how much waits because of it still
    pending: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known of the rules beside the story."""

    rules: Mapping[tuple[str, str], Rule]
    #: of rules and steps that have none
    retry: RetryPolicy
    timezone: str


@dataclass(slots=True)
class _Moment:
    """What happens at one moment, in milliseconds since the first event."""

    steps: list[dict[str, Json]] = field(default_factory=list)
    attempts: list[dict[str, Json]] = field(default_factory=list)
    letters: list[dict[str, Json]] = field(default_factory=list)


class Recording:
    """The scenario of one story."""

    def __init__(self, story: Story, plan: Plan) -> None:
        self._story = story
        self._plan = plan
        self._moments: dict[int, _Moment] = {}
        self._replies: dict[str, list[dict[str, Json]]] = {}
        #: what a scenario cannot say
        self.gaps: list[str] = []
        #: ids and times that are others each time
        self._passing: set[str] = set()
        #: by run: when its next attempt would have been made
        self._following: dict[str, int] = {}
        self._begun = from_rfc3339(story.event["received_at"])

    def write(self, name: str) -> dict[str, Json]:
        """The scenario file, as plain values."""
        self._at(0).steps.append({"emit": _write_event(self._story.event)})
        self._tell(self._story, 0)
        test: dict[str, Json] = {"name": name}
        mocks = {key: replies for key, replies in self._replies.items() if any(r != {"ok": True} for r in replies)}
        if mocks:
            test["mocks"] = {"rules": {key: {"replies": replies} for key, replies in mocks.items()}}
        test["steps"] = list(self._write_steps())
        clock = {"start": to_rfc3339(self._begun), "timezone": self._plan.timezone}
        return {"clock": clock, "tests": [test]}

    def _at(self, moment: int) -> _Moment:
        return self._moments.setdefault(moment, _Moment())

    def _tell(self, story: Story, moment: int) -> None:
        """What came of an event that arrives at a moment."""
        for run in story.runs:
            rule = self._plan.rules.get((run["account"], run["rule"]))
            waited = from_rfc3339(run["due_at"]) - from_rfc3339(story.event["received_at"])
            due = moment + (rule.delay if rule is not None else max(0, waited))
            self._passing.add(run["id"])
            last = self._tell_run(story, run, rule, due)
            if run["status"] == "cancelled":
                self._tell_end(story, run, last, due)

    def _tell_run(self, story: Story, run: Told, rule: Rule | None, due: int) -> int:
        """The attempts of a run, one after the other; the moment of the last one."""
        made = list(story.children.get(run["id"], ()))
        moment = due
        if run["status"] == "shadow":
            return moment
        for step in sorted(run["steps"], key=lambda step: int(step["step"])):
            self._passing.add(step["key"])
            moment, is_over = self._tell_step(run, step, self._policy(rule, step), moment)
            for child in [one for one in made if is_over or one.event["id"].startswith(step["key"])]:
                made.remove(child)
                self._passing.add(child.event["id"])
                self._tell(child, moment)
            if is_over:
                break
        return moment

    def _policy(self, rule: Rule | None, step: Told) -> RetryPolicy:
        number = int(step["step"])
        written = rule.actions[number - 1] if rule is not None and number <= len(rule.actions) else None
        own = written.retry if written is not None else None
        return own or (rule.retry if rule is not None else None) or self._plan.retry

    def _tell_step(self, run: Told, step: Told, policy: RetryPolicy, moment: int) -> tuple[int, bool]:
        """The attempts of a step; the moment of the last one, and whether the run ended with it."""
        attempts = [attempt for attempt in step["attempts"] if attempt["result"] in _SENT]
        for number, attempt in enumerate(attempts, start=1):
            self._tell_attempt(run, step, attempt, moment)
            result = AttemptResult(attempt["result"])
            if result is AttemptResult.REJECTED or (result is AttemptResult.RETRY and number >= policy.max_attempts):
                self._bury(run, step, moment)
                if number < len(attempts):
                    self.gaps.append(f"{run['rule']}: what a person did about the dead letter is left out")
                return moment, True
            if result is AttemptResult.RETRY:
                self._following[run["id"]] = following = moment + policy.schedule[number]
                moment = following if number < len(attempts) else moment
        if not attempts and step["status"] == "failed":
            self._bury(run, step, moment)
        return moment, step["status"] != "done"

    def _tell_attempt(self, run: Told, step: Told, attempt: Told, moment: int) -> None:
        item = {"type": step["action"], "rule": run["rule"], "params": step["params"], "result": attempt["result"]}
        self._at(moment).attempts.append(item)
        if step["action"] == EMIT.name:
            return  # it does what it does in the daemon
        replies = self._replies.setdefault(f"{run['rule']}/{step['step']}", [])
        match attempt["result"]:
            case AttemptResult.DELIVERED:
                replies.append({"ok": True})
            case AttemptResult.RETRY:
                replies.append({"error": attempt["code"], **_detail_of(attempt)})
            case _:
                replies.append({"reject": attempt["code"], **_detail_of(attempt)})

    def _bury(self, run: Told, step: Told, moment: int) -> None:
        self._at(moment).letters.append({"type": step["action"], "rule": run["rule"]})

    def _tell_end(self, story: Story, run: Told, last: int, due: int) -> None:
        """How a run was ended: by an event or by hand, before whatever came next."""
        really = from_rfc3339(run["finished_at"] or run["started_at"]) - self._begun
        has_run = any(step["attempts"] for step in run["steps"])
        following = self._following.get(run["id"], really + 1) if has_run else due
        moment = min(max(really, last + 1 if has_run else 0), max(following - 1, 0))
        ender = story.enders.get(run["id"])
        if ender is not None:
            step: dict[str, Json] = {"emit": _write_event(ender)}
        elif run["error"] == BY_HAND:
            step = {"cancel": {"rule": run["rule"], "event": story.event["id"]}}
        else:
            self.gaps.append(f"{run['rule']}: a scenario cannot say how this run ended: {run['error']}")
            return
        known = [one for there in self._moments.values() for one in there.steps]
        if step not in known:
            self._at(moment).steps.append(step)

    def _write_steps(self) -> Iterator[dict[str, Json]]:
        before = 0
        for moment in sorted(self._moments):
            there = self._moments[moment]
            steps = [*there.steps]
            if moment > before:
                steps.insert(0, {"advance": write_span(moment - before)})
            steps[-1] = {**steps[-1], "expect": self._write_expect(there)}
            before = moment
            yield from steps
        waiting = _pending_of(self._story)
        if waiting:
            yield {"expect": {"pending": waiting}}
        else:
            yield {"run_until_idle": True, "expect": {"actions": []}}

    @property
    def _has_failures(self) -> bool:
        """Whether any attempt failed: then all are listed, for a list names all since the last one."""
        every = (item for there in self._moments.values() for item in there.attempts)
        return any(item["result"] != AttemptResult.DELIVERED for item in every)

    def _write_expect(self, there: _Moment) -> dict[str, Json]:
        sent = [item for item in there.attempts if item["result"] == AttemptResult.DELIVERED]
        expect: dict[str, Json] = {"actions": [self._write_action(item) for item in sent]}
        if there.attempts and self._has_failures:
            names = ("type", "rule", "result")
            expect["attempts"] = [{name: item[name] for name in names} for item in there.attempts]
        if there.letters:
            expect["dead_letters"] = there.letters
        return expect

    def _write_action(self, item: Mapping[str, Json]) -> dict[str, Json]:
        params = {name: self._write_wanted(value) for name, value in item["params"].items()}
        return {"type": item["type"], "rule": item["rule"], "params": params}

    def _write_wanted(self, value: Json) -> Json:
        """A value to compare with; what is another each time is only to be there."""
        if isinstance(value, str):
            moments = set(_MOMENT.findall(value)) - set(_MOMENT.findall(str(self._story.event)))
            return {"exists": True} if moments or any(part in value for part in self._passing) else value
        if isinstance(value, list):
            return [self._write_wanted(part) for part in value]
        if isinstance(value, dict):
            wanted = {key: self._write_wanted(part) for key, part in value.items()}
            return {"equals": value} if is_matcher(value) else wanted
        return value


def _write_event(event: Told) -> dict[str, Json]:
    """An event as a scenario emits it."""
    written: dict[str, Json] = {"type": event["type"], "id": event["id"]}
    for name, usual in (("source", DEFAULT_SOURCE), ("account", DEFAULT_ACCOUNT), ("subject", None)):
        if event[name] != usual:
            written[name] = event[name]
    return {**written, "time": event["time"], "data": event["data"]}


def _detail_of(attempt: Told) -> dict[str, Json]:
    return {"detail": attempt["detail"]} if attempt["detail"] else {}


def _pending_of(story: Story) -> int:
    return story.pending + sum(_pending_of(child) for children in story.children.values() for child in children)


def redact_story(story: Story, wanted: Sequence[str]) -> tuple[Story, int]:
    """The story with made-up values in place of people's, the same everywhere; how many there are."""
    redaction = Redaction(wanted)
    for event in _events_of(story):
        redaction.learn(event["data"])
    return _replace(story, redaction), len(redaction)


def _events_of(story: Story) -> Iterator[Told]:
    yield story.event
    yield from story.enders.values()
    for children in story.children.values():
        for child in children:
            yield from _events_of(child)


def _replace(story: Story, redaction: Redaction) -> Story:
    return Story(
        event=_replace_event(story.event, redaction),
        runs=tuple({**run, "steps": [_replace_step(step, redaction) for step in run["steps"]]} for run in story.runs),
        children={run: tuple(_replace(one, redaction) for one in found) for run, found in story.children.items()},
        enders={run: _replace_event(event, redaction) for run, event in story.enders.items()},
        pending=story.pending,
    )


def _replace_event(event: Told, redaction: Redaction) -> Told:
    return {**event, **{name: redaction.replace(event[name]) for name in ("id", "subject", "data")}}


def _replace_step(step: Told, redaction: Redaction) -> Told:
    attempts = [{**attempt, "detail": redaction.replace(attempt["detail"])} for attempt in step["attempts"]]
    return {**step, "params": redaction.replace(step["params"]), "attempts": attempts}
