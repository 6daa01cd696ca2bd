"""The parameters of actions: what may stand where, and what is said otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.problem import Severity
from autoflow.rules import codes
from autoflow.rules.loader import LoadContext, LoadResult, load_text
from autoflow.security.egress import EgressGuard
from autoflow.templates import check_template

CONTEXT = LoadContext(
    action_types=ACTION_TYPES,
    notifiers={"email": "email", "email-eu": "email", "twilio": "sms"},
    templates=frozenset({"hello"}),
    check_template=check_template,
)

RULE_FOR = 'trigger: {{ event: a }}\nactions: [ {kind}: {{ recipient: "{text}", message: x }} ]'


def load_step(step: str) -> LoadResult:
    return load_text(f"trigger: {{ event: a }}\nactions:\n  - {step}\n", "rule.yaml", CONTEXT)


def params_of(step: str) -> Any:
    result = load_step(step)
    assert not result.problems, [str(problem) for problem in result.problems]
    return result.rules[0].actions[0].params


@pytest.mark.parametrize(
    "step",
    [
        'sms: { recipient: "{{ job.phone }}", message: "Hi {{ job.name | default(\'you\') }}" }',
        "sms: { recipient: { fact: job.phone, default: '+1' }, template: hello, notifier: twilio }",
        "email: { recipient: [ a@b.example, { fact: job.mail } ], cc: c@d.example, message: x }",
        "email: { recipient: a@b.example, message: x, notifier: email-eu }",
        'webhook: { url: "https://a.example/{{ job.id }}?x={{ y }}", payload: {}, secret: secret://cred/key }',
        'webhook: { url: "https://a.example", payload: [ 1, null, { a: "{{ b }}" } ] }',
        'webhook: { url: "https://a.eu:84", payload: {}, headers: { K: Bearer secret://env/K, X-B: "{{ b }}" } }',
        'http: { url: "http://[::1]:8080/x", method: DELETE, expect: [ 204, "200-202" ] }',
        'http: { url: "https://a.example", query: { page: 1, q: "{{ q }}" } }',
        "emit: { type: a.b, data: { literal: { fact: x } } }",
    ],
)
def test_what_is_right_is_taken(step: str) -> None:
    """No problem, and the rule is there."""
    result = load_step(step)
    assert not result.problems, [str(problem) for problem in result.problems]
    assert len(result.rules) == 1


@pytest.mark.parametrize(
    ("step", "code", "column"),
    [
        ('sms: { recipient: "+1555" }', codes.MISSING_PARAM, 5),
        ("sms: { message: x }", codes.MISSING_PARAM, 5),
        ('sms: { recipient: "+1555", message: y, template: hello }', codes.MISSING_PARAM, 5),
        ("sms: { recipient: [], message: y }", codes.WRONG_VALUE, 23),
        ("sms: { recipient: ' ', message: y }", codes.WRONG_VALUE, 23),
        ("sms: { recipient: { a: b }, message: y }", codes.WRONG_SHAPE, 23),
        ("sms: { recipient: { fact: 'a b' }, message: y }", "AF208", 33),
        ('sms: { recipient: "+1555", mesage: y, message: z }', codes.UNKNOWN_KEY, 32),
        ("sms: text", codes.WRONG_SHAPE, 10),
        ('sms: { recipient: "+1555", template: helo }', codes.UNKNOWN_TEMPLATE, 42),
        ('sms: { recipient: "+1555", message: y, notifier: email }', codes.UNKNOWN_NOTIFIER, 54),
        ('sms: { recipient: "+1555", message: y, notifier: nobody }', codes.UNKNOWN_NOTIFIER, 54),
        ('sms: { recipient: "+1555", message: secret://env/A }', codes.SECRET_PLACE, 41),
        ("sms: { recipient: '+1555', message: '{{ a' }", "AF300", 42),
        ("sms: { recipient: '+1555', message: '{{ a | nothing }}' }", "AF300", 49),
        ("webhook: { url: ftp://a.example, payload: 1 }", codes.WRONG_URL, 21),
        ("webhook: { url: a.example/x, payload: 1 }", codes.WRONG_URL, 21),
        ("webhook: { url: 'https:///x', payload: 1 }", codes.WRONG_URL, 21),
        ("webhook: { url: 'https://a b/x', payload: 1 }", codes.WRONG_URL, 21),
        ("webhook: { url: 'https://u:p@a.example/x', payload: 1 }", codes.WRONG_URL, 21),
        ("webhook: { url: '{{ job.url }}', payload: 1 }", codes.TEMPLATE_PLACE, 21),
        ("webhook: { url: 'https://{{ a }}.example/', payload: 1 }", codes.TEMPLATE_PLACE, 21),
        ("webhook: { url: 'https://a.example:{{ p }}', payload: 1 }", codes.TEMPLATE_PLACE, 21),
        ("webhook: { url: 'https://a.example', payload: { '{{ k }}': 1 } }", codes.TEMPLATE_PLACE, 53),
        ("webhook: { url: 'https://a.example', payload: [ secret://env/A ] }", codes.SECRET_PLACE, 53),
        ("webhook: { url: 'https://a.example', payload: { a: { fact: '' } } }", "AF208", 65),
        ("webhook: { url: 'https://a.example', payload: 1, headers: { 'X Y': z } }", codes.WRONG_VALUE, 65),
        ("webhook: { url: 'https://a.example', payload: 1, headers: { X-Y: 5 } }", codes.WRONG_SHAPE, 70),
        ("webhook: { url: 'https://a.example', payload: 1, headers: x }", codes.WRONG_SHAPE, 63),
        ("webhook: { url: 'https://a.example', payload: 1, headers: { X: secret://x/A } }", "AF310", 68),
        ("webhook: { url: 'https://a.example', payload: 1, headers: { X: 'secret://env/{{a}}' } }", "AF137", 68),
        ("webhook: { url: 'https://a.example', payload: 1, secret: topsecret }", "AF310", 62),
        ("webhook: { url: 'https://a.example', payload: null }", codes.NO_VALUE, 51),
        ("http: { url: 'https://a.example', method: FETCH }", codes.WRONG_VALUE, 47),
        ("emit: { type: '{{ job.type }}' }", codes.TEMPLATE_PLACE, 19),
        ("emit: { type: 'a b' }", codes.WRONG_VALUE, 19),
        ("log: { message: 5 }", codes.WRONG_SHAPE, 21),
        ("log: { message: { fact: job.id } }", codes.WRONG_SHAPE, 21),
        ("{ log: { message: x }, id: Step }", codes.STEP_ID, 32),
        ("{ log: { message: x }, retry: 5 }", codes.WRONG_RETRY, 35),
        ("{}", codes.STEP_KIND, 5),
        ("{ id: a }", codes.STEP_KIND, 5),
        ("{ log: { message: x }, message: y }", codes.UNKNOWN_KEY, 28),
    ],
)
def test_what_is_wrong_is_marked(step: str, code: str, column: int) -> None:
    """One error, at the part that is wrong."""
    result = load_step(step)
    assert [(problem.code, problem.line, problem.column) for problem in result.problems] == [(code, 3, column)]
    assert not result.rules


def test_two_steps_cannot_share_an_id() -> None:
    """A later step could not say which one it means."""
    text = "trigger: { event: a }\nactions:\n- { id: x, log: { message: a } }\n- { id: x, log: { message: b } }\n"
    (problem,) = load_text(text, "rule.yaml", CONTEXT).problems
    assert (problem.code, problem.line, problem.column) == (codes.STEP_ID, 4, 9)


def test_spellings_of_parameters_are_written_in_one_way() -> None:
    """Aliases, facts with a path, and methods in small letters."""
    assert params_of("http: { url: 'https://a.example', method: put, json: { a: { fact: b, path: $.c } } }") == {
        "url": "https://a.example",
        "method": "PUT",
        "payload": {"a": {"fact": "b.c"}},
    }


def test_what_only_looks_like_a_typed_value_is_sent_as_it_is() -> None:
    """A map with further keys, another source, or inside `literal` is data."""
    data = "{ x: { fact: b, unit: c }, y: { source: crm, fact: b }, z: { literal: { fact: '' } } }"
    step = f"emit: {{ type: a, data: {data} }}"
    assert params_of(step)["data"] == {
        "x": {"fact": "b", "unit": "c"},
        "y": {"source": "crm", "fact": "b"},
        "z": {"literal": {"fact": ""}},
    }


def test_an_action_that_the_config_cannot_send_is_worth_a_warning() -> None:
    """The rule can be used where another config has the notifier."""
    context = LoadContext(action_types=ACTION_TYPES, notifiers={"email": "email"})
    text = "trigger: { event: a }\nactions: [ sms: { recipient: '+1555', message: y } ]"
    result = load_text(text, "rule.yaml", context)
    assert [(problem.code, problem.severity) for problem in result.problems] == [
        (codes.UNKNOWN_NOTIFIER, Severity.WARNING)
    ]
    assert len(result.rules) == 1


@pytest.mark.parametrize(
    "text",
    ["+1 (555) 765-4321", "0555 7654321", "tel:+15557654321", "{{ job.phone }}", "+15557654321 "],
)
def test_phone_numbers_in_all_usual_forms_are_addresses(text: str) -> None:
    """A warning is worth something only where it is right."""
    result = load_text(RULE_FOR.format(kind="sms", text=text), "rule.yaml", CONTEXT)
    assert not result.problems


@pytest.mark.parametrize("text", ["jane@example.com", "Jane Doe <jane@example.com>", "{{ job.email }}"])
def test_mail_addresses_with_and_without_a_name_are_addresses(text: str) -> None:
    """As the mail action takes them."""
    result = load_text(RULE_FOR.format(kind="email", text=text), "rule.yaml", CONTEXT)
    assert not result.problems


@pytest.mark.parametrize("kind", ["sms", "email"])
@pytest.mark.parametrize("text", ["billing", "jane@", "@example.com", "jane at example.com"])
def test_a_recipient_that_is_no_address_is_told(kind: str, text: str) -> None:
    """It would fail at each run. Only a warning: the rule can be used."""
    result = load_text(RULE_FOR.format(kind=kind, text=text), "rule.yaml", CONTEXT)
    assert [(problem.code, problem.severity) for problem in result.problems] == [(codes.NO_ADDRESS, Severity.WARNING)]
    assert len(result.rules) == 1


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://hooks.example.com/{{ a.b }}", False),
        ("http://10.0.0.7/x", True),
        ("http://10.0.0.8/x", False),
        ("http://localhost:9000/{{ a }}", True),
        ("http://[::1]/x", True),
        ("https://hooks.example.com:25/x", True),
    ],
)
def test_a_url_that_is_never_connected_to_is_told(url: str, refused: bool) -> None:
    """As far as it is known without a look-up; what the config allows is not told."""
    context = CONTEXT._replace(check_url=EgressGuard(["10.0.0.8"]).check_written)
    text = f'trigger: {{ event: a }}\nactions: [ webhook: {{ url: "{url}", payload: {{ a: 1 }} }} ]'
    result = load_text(text, "rule.yaml", context)
    assert [problem.code for problem in result.problems] == ([codes.REFUSED_TARGET] if refused else [])
