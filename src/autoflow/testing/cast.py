"""What stands in for the world: actions that answer as the scenario says, and what was asked of them.

Before it: the executor. After it: the verdicts, which compare what was asked with what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from autoflow.actions.base import Action, Request
from autoflow.actions.emit import EmitAction
from autoflow.actions.kinds import ALL_TYPES, EMIT
from autoflow.model.json import JsonObject
from autoflow.model.rule import Rule
from autoflow.model.run import AttemptResult, Delivered, Outcome, Reject, Retry, action_key, result_of
from autoflow.testing.doubles import Double
from autoflow.testing.scenario import Mocks, Replies

MOST_STEPS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at an action, as its receiver saw it."""

    #: UTC milliseconds
    at: int
    account: str
    rule_id: str
    run_id: str
    #: the step's path, for example `1`
    step: str
    #: the step's id, where it has one
    step_id: str | None
    type: str
    params: JsonObject
    key: str
    number: int
    event_id: str
    event_type: str
    #: whether its receiver took it; after a crash nobody may have heard of that
    is_taken: bool
    #: what was kept of it
    result: AttemptResult
    code: str | None = None
    detail: str | None = None


class Cast(Mapping[str, Action]):
    """Doubles of all actions, for whichever notifier a rule names."""

    def __init__(self, mocks: Mocks) -> None:
        self._mocks = mocks
        self._given: dict[int, int] = {}
        #: a life that has ended is not heard any more
        self.is_deaf = False
        self.attempts: list[Attempt] = []
        self.rules: Mapping[tuple[str, str], Rule] = {}
        self._actions: dict[str, Action] = {kind.name: Double(kind.name, self._reply) for kind in ALL_TYPES}
        self._actions[EMIT.name] = _HeardEmit(self)

    def __getitem__(self, name: str) -> Action:
        return self._actions[name.partition(":")[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    def hear(self, action_type: str, request: Request, outcome: Outcome) -> None:
        """Note an attempt."""
        if self.is_deaf:
            return
        step, step_id = self._step_of(request)
        failure = outcome if isinstance(outcome, Retry | Reject) else None
        self.attempts.append(
            Attempt(
                at=request.now,
                account=request.account,
                rule_id=request.rule_id,
                run_id=request.run_id,
                step=step,
                step_id=step_id,
                type=action_type,
                params=request.params,
                key=request.key,
                number=request.attempt,
                event_id=request.event_id,
                event_type=request.event_type,
                is_taken=isinstance(outcome, Delivered),
                result=result_of(outcome),
                code=failure.code if failure else None,
                detail=failure.detail if failure else None,
            )
        )

    def correct(self, index: int, result: AttemptResult, code: str | None, detail: str | None) -> None:
        """Note what was kept of an attempt. An event that was not kept was not made."""
        attempt = self.attempts[index]
        is_taken = attempt.is_taken and (attempt.type != EMIT.name or result is AttemptResult.DELIVERED)
        self.attempts[index] = replace(attempt, is_taken=is_taken, result=result, code=code, detail=detail)

    def _reply(self, action_type: str, request: Request) -> Outcome:
        if self.is_deaf:
            return Delivered(output={})
        outcome = self._next_reply(action_type, request)
        self.hear(action_type, request, outcome)
        return outcome

    def _next_reply(self, action_type: str, request: Request) -> Outcome:
        replies = self._find_replies(action_type, request)
        if replies is None:
            return Delivered(output={})
        given = self._given.get(id(replies), 0)
        self._given[id(replies)] = given + 1
        if given < len(replies.replies):
            return replies.replies[given]
        return replies.always or Delivered(output={})

    def _find_replies(self, action_type: str, request: Request) -> Replies | None:
        step, step_id = self._step_of(request)
        mocks, rule = self._mocks, request.rule_id
        notifier = request.params.get("notifier") or action_type  # the one that is called like its type
        return (
            (mocks.rules.get(f"{rule}/{step_id}") if step_id else None)
            or mocks.rules.get(f"{rule}/{step}")
            or mocks.rules.get(rule)
            or (mocks.notifiers.get(notifier) if isinstance(notifier, str) else None)
            or mocks.actions.get(action_type)
        )

    def _step_of(self, request: Request) -> tuple[str, str | None]:
        """A request does not say which step it is; its key does."""
        rule = self.rules.get((request.account, request.rule_id))
        for step in rule.actions if rule else ():
            if action_key(request.run_id, step.path) == request.key:
                return step.path, step.id
        paths = (str(number) for number in range(1, MOST_STEPS))
        return next((path for path in paths if action_key(request.run_id, path) == request.key), "?"), None


class _HeardEmit:
    """The emit action itself, and what it was asked."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._emit = EmitAction()

    def target(self, params: JsonObject) -> str | None:
        """Nothing is sent out."""
        return None

    async def perform(self, request: Request) -> Outcome:
        """The event, for the executor to store."""
        outcome = self._emit.act(request)
        self._cast.hear(EMIT.name, request, outcome)
        return outcome
