"""Words of the rule language that this release does not have, so that they are refused by name."""

from __future__ import annotations

RULE_KEYS = (
    "id",
    "name",
    "description",
    "labels",
    "account",
    "enabled",
    "trigger",
    "delay",
    "cancel_on",
    "when",
    "retry",
    "on_change",
    "actions",
    "tests",
)
"""The keys of a rule, in canonical order."""

NOT_YET_RULE_KEYS = frozenset(
    [
        "priority",
        "timezone",
        "inputs",
        "use",
        "with",
        "debounce",
        "batch",
        "runs",
        "max_lateness",
        "facts",
        "throttle",
        "send_window",
        "expires_after",
        "on_error",
    ]
)

NOT_YET_PATTERN_KEYS = frozenset(
    [
        "count",
        "within",
        "by",
        "followed_by",
        "not_followed_by",
        "change",
        "from",
        "to",
        "at",
        "cron",
        "every",
        "timezone",
        "on_missed",
        "manual",
    ]
)

NOT_YET_STEP_KEYS = frozenset(["name", "when", "depends_on", "timeout", "on_error", "on_timeout", "send_window"])

NOT_YET_KINDS = frozenset(
    [
        "push",
        "whatsapp",
        "slack",
        "teams",
        "discord",
        "apprise",
        "shell",
        "call",
        "delay",
        "wait_for",
        "wait_until",
        "approval",
        "if",
        "choose",
        "parallel",
        "for_each",
        "repeat",
        "do",
        "set",
        "stop",
    ]
)

NOT_YET_STEP_PARTS = frozenset(["then", "else", "join", "max_parallel", "as", "every", "until", "status"])
"""Keys that stand beside a steering kind."""

NOT_YET_STEP_TYPES = {
    **{kind: kind for kind in NOT_YET_KINDS},
    "condition": "if",
    "branch": "if",
    "loop": "for_each",
    "filter": "when",
    "send_push": "push",
    "send_slack": "slack",
    "send_whatsapp": "whatsapp",
    "wait": "delay",
}
"""What the seeds call steps of other kinds, and what the language calls them."""

NOT_YET_ROOTS = frozenset(["now", "events", "current", "previous", "steps", "vars", "inputs"])
"""Names that the language gives a meaning of its own, which nothing here fills in: they would always be missing."""

MEANT = {
    "then": "actions",
    "do": "actions",
    "steps": "actions",
    "action": "actions",
    "if": "when",
    "condition": "when",
    "on": "trigger",
    "triggers": "trigger",
    "wait": "delay",
    "after": "delay",
}
"""What other tools call a key of ours."""
