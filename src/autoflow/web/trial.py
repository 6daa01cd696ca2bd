"""`POST /v1/rules/test`: what the rules in force would do with an event. Nothing is stored, nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from autoflow.actions.types import ActionType
from autoflow.errors import IntakeError
from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.preview import describe_unmatched, preview_rules, preview_to_json
from autoflow.templates import TemplateLibrary

KEYS = frozenset({"event", "rules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrial:
    """What a trial needs of the daemon; each is asked anew, because rules change while it runs."""

    rules: Callable[[], Sequence[Rule]]
    types: Callable[[], Mapping[str, ActionType]]
    library: Callable[[], TemplateLibrary]
    #: events of a JSON body, as the events' own door reads them
    decode: Callable[[bytes], Sequence[Event]]

    def answer(self, body: bytes) -> dict[str, Json]:
        """The lines of `autoflow test-rule --json`. IntakeError where the body cannot be used."""
        asked = _read(body)
        rules = _choose(self.rules(), asked.get("rules"))
        items: list[Json] = []
        notes: list[Json] = []
        for event in self._events(asked["event"]):
            previews = preview_rules(rules, event, types=self.types(), library=self.library())
            items += [preview_to_json(preview) for preview in previews]
            if not previews:
                notes.append(describe_unmatched(rules, event))
        return {"schema_version": 1, "items": items, "notes": notes, "next_cursor": None}

    def _events(self, event: Json) -> Sequence[Event]:
        try:
            return self.decode(msgspec.json.encode(event))
        except IntakeError as error:
            problems = [(f"/event{pointer}", detail) for pointer, detail in error.problems]
            raise IntakeError(error.message, status=error.status, problems=problems, code=error.code) from error


def _read(body: bytes) -> dict[str, Json]:
    try:
        asked = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntakeError(f"the body is no JSON: {error}", problems=[("", "not JSON")]) from error
    if not isinstance(asked, dict) or "event" not in asked:
        hint = '{"event": {"type": "job.created", "data": {}}, "rules": ["high-value-job"]}; rules may be left out'
        raise IntakeError("an event is needed", problems=[("/event", "is missing")], hint=hint)
    unknown = sorted(asked.keys() - KEYS)
    if unknown:
        problems = [(f"/{key}", "is not known here") for key in unknown]
        raise IntakeError(f"unknown key {unknown[0]}", problems=problems, hint="known are event and rules")
    return asked


def _choose(rules: Sequence[Rule], wanted: Json) -> Sequence[Rule]:
    """All rules, or those of these ids."""
    if wanted is None:
        return rules
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise IntakeError("rules is a list of ids", problems=[("/rules", "must be a list of ids")])
    known = {rule.id for rule in rules}
    problems = [
        (f"/rules/{number}", f"there is no rule {one}") for number, one in enumerate(wanted) if one not in known
    ]
    if problems:
        raise IntakeError(problems[0][1], problems=problems, hint="see `autoflow rules list`")
    return [rule for rule in rules if rule.id in wanted]
