"""One rule from a document's tree: spelling, shape, conditions, keys and actions. All that is wrong is noted.

Before it: `source` with values and places; after it: a Rule, ready for the rulebook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from autoflow.errors import ConditionError
from autoflow.matching.paths import parse_reference, write_reference
from autoflow.matching.tree import parse_condition, references_of
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import Json, JsonObject
from autoflow.model.problem import Severity
from autoflow.model.retry import PRESETS, parse_retry
from autoflow.model.rule import CancelOn, Enabled, EventPattern, KeyPair, OnChange, Provenance, Rule
from autoflow.model.span import UNITS
from autoflow.model.step import RetryPolicy, Step
from autoflow.rules import codes
from autoflow.rules.canonical import hash_document, write_rule
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import Findings, known_words, near_match
from autoflow.rules.params import ParamsReader
from autoflow.rules.schema import CancelShape, PatternShape, RuleShape, check_shape, shape_of
from autoflow.rules.spellings import respell_rule
from autoflow.rules.vocabulary import NOT_YET_KINDS, NOT_YET_STEP_KEYS, NOT_YET_STEP_PARTS
from autoflow.strict_yaml import Pointer

STEP_KEYS = ("id", "retry")
_STEP_ID = re.compile(r"[a-z][a-z0-9_]*")
_LONG_WAIT = UNITS["h"]


class Built(NamedTuple):
    """What came of one rule: the rule, or None; and what there is to say about it."""

    rule: Rule | None
    findings: Findings
    #: known even where the rule cannot be used
    id: str | None
    account: str


class RuleBuilder:
    """Builds one rule; `shared` holds the named conditions of its account."""

    def __init__(self, context: LoadContext, shared: Mapping[str, Condition]) -> None:
        self.context = context
        self.shared = shared
        self.findings = Findings()
        self._conditions: dict[Pointer, Condition] = {}
        self._keys: dict[Pointer, tuple[KeyPair, ...]] = {}

    def build(self, document: JsonObject, defaults: JsonObject, provenance: Provenance) -> Built:
        """The rule that the document means. `defaults` are used for keys that it does not have."""
        written = respell_rule(document, self.context.action_types, self.findings)
        tree = {**defaults, **written}
        model = check_shape(tree, self.findings)
        self._read_parts(tree)
        steps = self._read_steps(tree.get("actions"))
        rule = self._compile(model, steps, provenance) if model and not self.findings.failed else None
        rule_id, account = tree.get("id"), tree.get("account", DEFAULT_ACCOUNT)
        return Built(
            rule=rule,
            findings=self.findings,
            id=rule_id if isinstance(rule_id, str) else None,
            account=account if isinstance(account, str) else DEFAULT_ACCOUNT,
        )

    def _compile(self, model: RuleShape, steps: Sequence[Step], provenance: Provenance) -> Rule:
        triggers = tuple(
            self._compile_pattern(pattern, ("trigger", index)) for index, pattern in enumerate(model.trigger)
        )
        cancel_on = tuple(
            self._compile_cancel_on(cancel, ("cancel_on", index)) for index, cancel in enumerate(model.cancel_on)
        )
        make = partial(
            Rule,
            account=model.account,
            id=model.id,
            name=model.name or model.id,
            description=model.description,
            labels=tuple(model.labels),
            enabled=_read_enabled(model.enabled),
            triggers=triggers,
            delay=model.delay,
            cancel_on=cancel_on,
            when=self._conditions.get(("when",)),
            retry=model.retry,
            on_change=OnChange(model.on_change),
            actions=tuple(steps),
            provenance=provenance,
        )
        draft = make(document={}, hash="")
        self._note_endless_wait(draft)
        document = write_rule(draft)
        return make(document=document, hash=hash_document(document))

    def _compile_pattern(self, model: PatternShape | CancelShape, at: Pointer) -> EventPattern:
        return EventPattern(
            events=tuple(dict.fromkeys(model.event)),
            sources=tuple(dict.fromkeys(model.source)),
            when=self._conditions.get((*at, "when")),
        )

    def _compile_cancel_on(self, model: CancelShape, at: Pointer) -> CancelOn:
        return CancelOn(pattern=self._compile_pattern(model, at), by=self._keys[at])

    def _read_parts(self, tree: JsonObject) -> None:
        """Conditions and keys, wherever they stand: their mistakes are told beside those of the shape."""
        self._read_condition(tree, ())
        for key in ("trigger", "cancel_on"):
            patterns = tree.get(key)
            for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
                at = (key, index)
                if isinstance(pattern, dict):
                    self._read_condition(pattern, at)
                if isinstance(pattern, dict) and key == "cancel_on" and "by" in pattern:
                    self._keys[at] = self._compile_by(pattern["by"], (*at, "by"))

    def _read_condition(self, owner: JsonObject, at: Pointer) -> None:
        if "when" not in owner or owner["when"] is True:
            return
        at = (*at, "when")
        if owner["when"] is None:
            self.findings.add(at, codes.NO_VALUE, "when needs a condition", "give one, or leave the key out")
            return
        parsed = parse_condition(owner["when"], shared=self.shared)
        for error in parsed.errors:
            self.findings.add_condition(at, error)
        for warning in parsed.warnings:
            self.findings.add_condition(at, warning, Severity.WARNING)
        if parsed.condition is not None:
            self._conditions[at] = parsed.condition
            self.findings.refuse_roots(at, (reference.fact for reference in references_of(parsed.condition)))

    def _compile_by(self, by: Json, at: Pointer) -> tuple[KeyPair, ...]:
        """Pairs in an order of their own, so that the order they are written in has no meaning."""
        pairs: dict[tuple[str, str], KeyPair] = {}
        if isinstance(by, dict) and by:
            for left, right in by.items():
                ours = self._reference(left, (*at, left), on_key=True)
                self._add_pair(pairs, ours, self._reference(right, (*at, left)))
            if len({left for left, _ in pairs}) < len(pairs):
                self.findings.add(at, codes.WRONG_BY, "two pairs begin with the same reference", "keep one of them")
        elif isinstance(by, str | list):
            for index, text in enumerate(by if isinstance(by, list) else [by]):
                name = self._reference(text, (*at, index) if isinstance(by, list) else at)
                self._add_pair(pairs, name, name)
        else:
            hint = "write by: job.id, by: [a.id, b.id], by: { this.id: other.id }, or by: [] for every run"
            message = "by needs a value" if by is None else f"by must be a reference, not {shape_of(by)}"
            self.findings.add(at, codes.NO_VALUE if by is None else codes.WRONG_BY, message, hint)
        return tuple(pairs[key] for key in sorted(pairs))

    def _add_pair(
        self, pairs: dict[tuple[str, str], KeyPair], left: Reference | None, right: Reference | None
    ) -> None:
        if left is not None and right is not None:
            pairs[write_reference(left), write_reference(right)] = KeyPair(left=left, right=right)

    def _reference(self, text: Json, at: Pointer, *, on_key: bool = False) -> Reference | None:
        hint = "write a reference, for example job.id"
        if not isinstance(text, str):
            self.findings.add(at, codes.WRONG_BY, f"by must be a reference, not {shape_of(text)}", hint)
            return None
        if "{{" in text:
            self.findings.add(at, codes.TEMPLATE_PLACE, "by is a reference, never a template", hint, on_key=on_key)
            return None
        try:
            found = parse_reference(text)
        except ConditionError as error:
            self.findings.add_condition(at, error, on_key=on_key)
            return None
        self.findings.refuse_roots(at, [found.fact])
        return found

    def _read_steps(self, actions: Json) -> list[Step]:
        if not isinstance(actions, list):
            return []
        steps: list[Step] = []
        for index, step in enumerate(actions):
            read = self._read_step(step, ("actions", index))
            if read is not None:
                steps.append(read)
        self._check_step_ids(steps)
        return steps

    def _read_step(self, step: Json, at: Pointer) -> Step | None:
        if not isinstance(step, dict):
            self._refuse_step(step, at)
            return None
        if not step:
            self._refuse_empty(at)
            return None
        kinds = [key for key in step if key in self.context.action_types]
        later = [key for key in step if key in NOT_YET_KINDS and key not in kinds]
        if later:
            # What stands beside it belongs to it: one sentence is enough.
            message = f"{later[0]!r} is not there yet in this release"
            self.findings.add((*at, later[0]), codes.NOT_YET, message, on_key=True)
            return None
        for key in step:
            if key not in kinds and key not in STEP_KEYS:
                self._refuse_step_key(key, at, kinds)
        if len(kinds) != 1:
            self._refuse_kinds(kinds, step, at)
            return None
        kind = self.context.action_types[kinds[0]]
        params = ParamsReader(kind, self.context, self.findings).read(step[kinds[0]], (*at, kinds[0]))
        return Step(
            path=str(int(at[-1]) + 1),
            id=self._read_step_id(step, at),
            type=kind.name,
            params=params,
            retry=self._read_step_retry(step, at),
        )

    def _refuse_empty(self, at: Pointer) -> None:
        # A step whose type was refused is empty too; it has been said.
        if not any(item.pointer[: len(at)] == at for item in self.findings.items):
            self.findings.add(at, codes.STEP_KIND, "the step says nothing to do", self._kinds_hint())

    def _refuse_step(self, step: Json, at: Pointer) -> None:
        name = step if isinstance(step, str) and step in self.context.action_types else "log"
        message = f"a step must be a map, not {shape_of(step)}"
        code = codes.NO_VALUE if step is None else codes.WRONG_SHAPE
        self.findings.add(at, code, message, f"write - {name}: {{ ... }}")

    def _refuse_step_key(self, key: str, at: Pointer, kinds: Sequence[str]) -> None:
        if key in NOT_YET_STEP_KEYS or (key in NOT_YET_STEP_PARTS and not kinds):
            self.findings.add((*at, key), codes.NOT_YET, f"{key!r} is not there yet in this release", on_key=True)
            return
        kind = self.context.action_types[kinds[0]] if kinds else None
        if kind is not None and kind.param(key) is not None:
            hint: str | None = f"move it into {kind.name}: indent it by two more spaces"
        else:
            hint = near_match(key, [*self.context.action_types, *STEP_KEYS]) or self._kinds_hint()
        self.findings.add((*at, key), codes.UNKNOWN_KEY, f"unknown key {key!r} in a step", hint, on_key=True)

    def _refuse_kinds(self, kinds: Sequence[str], step: JsonObject, at: Pointer) -> None:
        if kinds:
            message = f"two things to do in one step: {kinds[0]} and {kinds[1]}"
            self.findings.add((*at, kinds[1]), codes.STEP_KIND, message, "start a new step with '-'", on_key=True)
        elif set(step) <= set(STEP_KEYS):
            self.findings.add(at, codes.STEP_KIND, "the step says nothing to do", self._kinds_hint())

    def _kinds_hint(self) -> str:
        return known_words(kind.name for kind in self.context.action_types.values())

    def _read_step_id(self, step: JsonObject, at: Pointer) -> str | None:
        if "id" not in step:
            return None
        step_id = step["id"]
        if isinstance(step_id, str) and _STEP_ID.fullmatch(step_id):
            return step_id
        message = f"{step_id!r} cannot be a step's id"
        self.findings.add((*at, "id"), codes.STEP_ID, message, "lower-case letters, digits and _; a letter first")
        return None

    def _check_step_ids(self, steps: Sequence[Step]) -> None:
        seen: dict[str, str] = {}
        for step in steps:
            if step.id is not None and step.id in seen:
                message = f"step {seen[step.id]} has the id {step.id!r} too"
                self.findings.add(("actions", int(step.path) - 1, "id"), codes.STEP_ID, message)
            elif step.id is not None:
                seen[step.id] = step.path

    def _read_step_retry(self, step: JsonObject, at: Pointer) -> RetryPolicy | None:
        if "retry" not in step:
            return None
        try:
            return parse_retry(step["retry"])
        except ValueError as error:
            self.findings.add((*at, "retry"), codes.WRONG_RETRY, str(error), near_match(step["retry"], PRESETS))
            return None

    def _note_endless_wait(self, rule: Rule) -> None:
        if rule.delay > _LONG_WAIT and not rule.cancel_on and not _reads_clock(rule.when):
            message = "nothing can stop this wait: there is no cancel_on, and the event itself never changes"
            hint = "cancel_on: { event: ..., by: ... } names what makes it unnecessary"
            self.findings.advise(("delay",), codes.ENDLESS_WAIT, message, hint, Severity.NOTE)


def _read_enabled(enabled: Json) -> Enabled:
    return Enabled.SHADOW if enabled == "shadow" else Enabled.ON if enabled else Enabled.OFF


def _reads_clock(condition: Condition | None) -> bool:
    match condition:
        case None:
            return False
        case Leaf():
            facts = [condition.left, condition.value]
            return any(isinstance(fact, Reference) and fact.fact == "now" for fact in facts)
        case Not():
            return _reads_clock(condition.condition)
        case All() | Any():
            return any(_reads_clock(part) for part in condition.conditions)
