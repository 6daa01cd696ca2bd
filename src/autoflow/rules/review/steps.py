"""Steps that repeat the one before them, and messages with nothing in them."""

from __future__ import annotations

from collections.abc import Iterator

from autoflow.model.rule import Rule
from autoflow.model.step import Step
from autoflow.rules import codes
from autoflow.rules.review.remarks import Remark


def find_repeated_steps(rule: Rule) -> Iterator[Remark]:
    """A step that says the very same as the one before it."""
    for index, (before, step) in enumerate(zip(rule.actions, rule.actions[1:], strict=False), start=1):
        if before.type == step.type and before.params == step.params:
            message = f"this step does the same as step {before.path}: it is done twice"
            at = ("actions", index, step.type)
            yield Remark(rule, at, codes.SAME_STEP, message, "take one of them out", on_key=True)


def find_empty_messages(rule: Rule) -> Iterator[Remark]:
    """A message to a person, or a line of the log, that is blank."""
    for index, step in enumerate(rule.actions):
        if _says_nothing(step):
            at = ("actions", index, step.type, "message")
            message = f"this {step.type} says nothing: its message is empty"
            yield Remark(rule, at, codes.EMPTY_MESSAGE, message, "write what it is to say, or name a template")


def _says_nothing(step: Step) -> bool:
    message = step.params.get("message")
    return isinstance(message, str) and not message.strip() and not step.params.get("subject")
