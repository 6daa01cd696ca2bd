"""Accepted spellings mean the canonical one: the same document, the same hash."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules import codes
from autoflow.rules.loader import LoadContext, load_text
from autoflow.rules.spellings import find_action, make_id

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
TRIGGER = "trigger: { event: job.created }"
ACTIONS = "actions: [ log: { message: x } ]"


def document_of(text: str) -> dict[str, Any]:
    result = load_text(text, "rule.yaml", CONTEXT)
    assert not result.errors
    return dict(result.rules[0].document)


@pytest.mark.parametrize(
    ("accepted", "canonical"),
    [
        (f"accountId: acme\n{TRIGGER}\n{ACTIONS}", f"account: acme\n{TRIGGER}\n{ACTIONS}"),
        (f"org_id: acme\n{TRIGGER}\n{ACTIONS}", f"account: acme\n{TRIGGER}\n{ACTIONS}"),
        (f"tenant_id: acme\n{TRIGGER}\n{ACTIONS}", f"account: acme\n{TRIGGER}\n{ACTIONS}"),
        (f"is_active: false\n{TRIGGER}\n{ACTIONS}", f"enabled: false\n{TRIGGER}\n{ACTIONS}"),
        (f"title: A rule\n{TRIGGER}\n{ACTIONS}", f"name: A rule\n{TRIGGER}\n{ACTIONS}"),
        (f"createdAt: now\nupdatedAt: now\n{TRIGGER}\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"trigger: {{ eventName: job.created }}\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"trigger: {{ event_type: job.created }}\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"trigger_event: job.created\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"trigger: [ {{ event: [ job.created ] }} ]\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"trigger: {{ type: event, config: {{ event: job.created }} }}\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"trigger: {{ type: job.created, config: {{}} }}\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (f"delay: {{ value: 5, unit: minutes }}\n{TRIGGER}\n{ACTIONS}", f"delay: 5m\n{TRIGGER}\n{ACTIONS}"),
        (f"delay: {{ value: 1.5, unit: Hour }}\n{TRIGGER}\n{ACTIONS}", f"delay: 90m\n{TRIGGER}\n{ACTIONS}"),
        (f"delay: {{ value: 0, unit: minutes }}\n{TRIGGER}\n{ACTIONS}", f"{TRIGGER}\n{ACTIONS}"),
        (
            f"conditions: {{ all: [ {{ fact: job, path: $.a, operator: equal, value: 1 }} ] }}\n{TRIGGER}\n{ACTIONS}",
            f"when: [ job.a == 1 ]\n{TRIGGER}\n{ACTIONS}",
        ),
        (
            f"cancel_on: {{ eventName: b, match: $.job.id }}\n{TRIGGER}\n{ACTIONS}",
            f"cancel_on: {{ event: b, by: job.id }}\n{TRIGGER}\n{ACTIONS}",
        ),
        (
            f"cancel_on: {{ event: b, key: [ job.id ] }}\n{TRIGGER}\n{ACTIONS}",
            f"cancel_on: [ {{ event: b, by: {{ job.id: job.id }} }} ]\n{TRIGGER}\n{ACTIONS}",
        ),
        (f"{TRIGGER}\nactions: [ {{ type: log, params: {{ message: x }} }} ]", f"{TRIGGER}\n{ACTIONS}"),
        (
            f"{TRIGGER}\nactions: [ {{ type: ACTION, action_type: LOG, config: {{ text: x }} }} ]",
            f"{TRIGGER}\n{ACTIONS}",
        ),
        (
            f"{TRIGGER}\nsteps: [ {{ send_sms: {{ to: '+1', body: x }} }} ]",
            f"{TRIGGER}\nactions: [ {{ sms: {{ recipient: '+1', message: x }} }} ]",
        ),
        (
            f"{TRIGGER}\nactions: [ {{ type: webhook_call, params: {{ url: 'http://a.example', json: [ 1 ] }} }} ]",
            f"{TRIGGER}\nactions: [ {{ webhook: {{ url: 'http://a.example', payload: [ 1 ] }} }} ]",
        ),
        (
            f"{TRIGGER}\nactions: [ {{ http_request: {{ url: 'https://a.example', method: post, body: {{}} }} }} ]",
            f"{TRIGGER}\nactions: [ {{ http: {{ url: 'https://a.example', method: POST, payload: {{}} }} }} ]",
        ),
        (
            f"{TRIGGER}\nactions: [ {{ email: {{ to: a@b.example, template_id: hello }} }} ]",
            f"{TRIGGER}\nactions: [ {{ email: {{ recipient: a@b.example, template: hello }} }} ]",
        ),
        (
            f"{TRIGGER}\nactions: [ {{ emit: {{ type: a, data: {{ source: fact, fact: job, path: $.x }} }} }} ]",
            f"{TRIGGER}\nactions: [ {{ emit: {{ type: a, data: {{ fact: job.x }} }} }} ]",
        ),
        (
            f"{TRIGGER}\nactions: [ {{ emit: {{ event: a, payload: {{ x: {{ fact: $.job.x, default: 1 }} }} }} }} ]",
            f"{TRIGGER}\nactions: [ {{ emit: {{ type: a, data: {{ x: {{ fact: job.x, default: 1 }} }} }} }} ]",
        ),
        (
            f"retry_policy: {{ strategy: exponential, attempts: 3 }}\n{TRIGGER}\n{ACTIONS}",
            f"retry: {{ max_attempts: 3 }}\n{TRIGGER}\n{ACTIONS}",
        ),
        (
            f"retry: {{ max_attempts: 4, base: 1s, factor: 5, cap: 1h }}\n{TRIGGER}\n{ACTIONS}",
            f"retry: {{ schedule: [ 0s, 1s, 5s, 25s ] }}\n{TRIGGER}\n{ACTIONS}",
        ),
    ],
)
def test_an_accepted_spelling_is_the_canonical_one(accepted: str, canonical: str) -> None:
    """Nothing of the spelling is left in the document."""
    assert document_of(accepted) == document_of(canonical)


@pytest.mark.parametrize(
    ("written", "rule_id"),
    [
        ("_id: \"ObjectId('64a5b8e8f1b2c3d4e5f6a7b1')\"", "64a5b8e8f1b2c3d4e5f6a7b1"),
        ("_id: { $oid: 64A5B8E8F1B2C3D4E5F6A7B1 }", "64a5b8e8f1b2c3d4e5f6a7b1"),
        ("_id: wf_Lead Import", "wf_lead-import"),
        ("_id: \"ObjectId('64a5b8e8f1b2c3d4e5f6a7b1')\"\nid: mine", "mine"),
    ],
)
def test_a_database_id_stands_in_for_an_id(written: str, rule_id: str) -> None:
    """An id that is written counts; else the database's is made one."""
    assert document_of(f"{written}\n{TRIGGER}\n{ACTIONS}")["id"] == rule_id


def test_a_mistake_in_an_accepted_spelling_is_marked_where_it_was_written() -> None:
    """The place is in the file, not in the rule it was turned into."""
    text = """\
accountId: acme
trigger: { eventName: "a b" }
delay: { value: 5, unit: months }
conditions: { all: [ { fact: job, operator: equals_to, value: 1 } ] }
cancel_on: { event: b, match: "job id" }
actions:
  - type: send_sms
    params: { to: "+1", body: { fact: x } }
"""
    problems = load_text(text, "rule.yaml", CONTEXT).errors
    lines = text.splitlines()
    marked = [lines[p.line - 1][p.column - 1 : p.end_column - 1] for p in problems]
    assert marked == ['"a b"', "months", "equals_to", " ", "{ fact: x }"]


@pytest.mark.parametrize("key", ["debounce", "batch", "runs", "throttle", "facts", "priority", "on_error", "use"])
def test_keys_of_later_releases_are_refused_by_name(key: str) -> None:
    """A word of the language is never called unknown."""
    (problem,) = load_text(f"{key}: 1\n{TRIGGER}\n{ACTIONS}", "a.yaml", CONTEXT).errors
    assert problem.code == codes.NOT_YET
    assert key in problem.message


@pytest.mark.parametrize("keys", ["count: 3, within: 1h, by: a.b", "followed_by: c, within: 1h"])
def test_triggers_of_later_releases_are_refused_by_name(keys: str) -> None:
    """So are the ways to trigger that there will be."""
    problems = load_text(f"trigger: {{ event: a, {keys} }}\n{ACTIONS}", "a.yaml", CONTEXT).errors
    assert {problem.code for problem in problems} == {codes.NOT_YET}


@pytest.mark.parametrize(
    "step", ["if: a, then: []", "delay: 5m", "stop: enough", "parallel: []", "log: {message: x}, when: a exists"]
)
def test_steps_of_later_releases_are_refused_by_name(step: str) -> None:
    """So are the steps."""
    (problem,) = load_text(f"{TRIGGER}\nactions: [ {{ {step} }} ]", "a.yaml", CONTEXT).errors
    assert problem.code == codes.NOT_YET


@pytest.mark.parametrize(
    ("word", "name"), [("SEND_SMS", "sms"), ("SendEmail", "email"), ("Webhook", "webhook"), ("x", None)]
)
def test_actions_are_known_by_the_names_of_the_seeds(word: str, name: str | None) -> None:
    """Capitals and underscores do not matter where a type is named."""
    assert find_action(word, ACTION_TYPES) == name


@pytest.mark.parametrize(
    ("text", "made"), [("Notify Technician", "notify-technician"), ("a__b.C", "a__b.c"), ("--x--", "x")]
)
def test_any_text_makes_an_id(text: str, made: str) -> None:
    """File names and database ids are turned into ids."""
    assert make_id(text) == made
