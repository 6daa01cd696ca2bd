"""The pure parts of actions: signatures, queries, numbers, addresses, and the table of types."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from autoflow.actions.base import Request
from autoflow.actions.emit import EmitAction
from autoflow.actions.exchange import Refused, build_headers, metadata_headers, name_target, write_body
from autoflow.actions.http import add_query, read_expected
from autoflow.actions.kinds import ACTION_TYPES
from autoflow.actions.mail import MAX_RECIPIENTS, compose_mail, read_address
from autoflow.actions.registry import TRANSPORTS, check_notifier, trusted_hosts
from autoflow.actions.sms import clean_message, normalise_number, read_text
from autoflow.actions.types import ParamKind
from autoflow.actions.webhook import read_key, sign
from autoflow.errors import ConfigError
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.model.run import Delivered, EmittedEvent, Reject
from autoflow.security.egress import EgressGuard
from autoflow.security.secrets import Secrets


def make_request(**params: Json) -> Request:
    """A first attempt with these parameters."""
    return Request(
        params=params,
        key="act_abcdefghijklmnopqrstuvwxyz",
        attempt=1,
        account="acc_1",
        rule_id="r1",
        run_id="run1",
        event_id="e1",
        event_type="job.done",
        now=1_774_745_400_000,
    )


def test_the_signature_of_standard_webhooks() -> None:
    """The published vector of the specification."""
    key = read_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    both = sign([key, b"old"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert both.split(" ")[0] == signature
    assert len(both.split(" ")) == 2
    assert read_key("plain secret") == b"plain secret"
    with pytest.raises(Refused):
        read_key("whsec_not base64")


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"jobId": "j1", "value": 2000.0}, b'{"jobId":"j1","value":2000.0}'),
        ({"a": None, "b": "null"}, b'{"a":null,"b":"null"}'),
        ([True, 2**70, "é \u2028", '\x00"\\'], '[true,1180591620717411303424,"é \u2028","\\u0000\\"\\\\"]'.encode()),
    ],
)
def test_a_body_is_the_value_as_json(value: Json, body: bytes) -> None:
    """Compact, in UTF-8, whatever the size of a number."""
    assert write_body(value) == body


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, {"a": None, "b": -float("inf")}, "\ud800"])
def test_what_json_cannot_say_is_refused(value: Json) -> None:
    """A number that is none does not silently become null, and half a character is not sent."""
    with pytest.raises(Refused):
        write_body(value)


@pytest.mark.parametrize(("text", "sent"), [("job #5/a~b", "job #5/a~b"), ("é\n", "%C3%A9%0A"), ("50%", "50%25")])
def test_ids_are_encoded_where_a_header_could_not_hold_them(text: str, sent: str) -> None:
    """Plain text stays, line breaks and other alphabets become percent signs."""
    assert metadata_headers(make_request()._replace(run_id=text), "1")["X-Autoflow-Run"] == sent


@pytest.mark.parametrize(
    ("url", "query", "whole"),
    [
        ("https://h.example/", None, "https://h.example/"),
        ("https://h.example/", {"a": 1, "b": "x&y", "c": None}, "https://h.example/?a=1&b=x%26y"),
        ("https://h.example/?z=1#f", {"a": [True, 2.0]}, "https://h.example/?z=1&a=true&a=2"),
        ("https://h.example/", {"c": None}, "https://h.example/"),
    ],
)
def test_query_parameters_are_added(url: str, query: Json, whole: str) -> None:
    """Encoded, lists repeated, null left out."""
    assert add_query(url, query) == whole


def test_expected_statuses() -> None:
    """A status, a range, or a list of both; else a refusal."""
    assert read_expected(None) == [(200, 299)]
    assert read_expected(404) == [(404, 404)]
    assert read_expected(["200-204", 409]) == [(200, 204), (409, 409)]
    for wrong in ("2xx", "20", True, {"a": 1}, [None]):
        with pytest.raises(Refused):
            read_expected(wrong)


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "Connection", "Idempotency-Key", "Webhook-Id"),
        *("X-Autoflow-Rule", "bad name", "", "x:y", "ü"),
    ],
)
def test_headers_that_are_ours_or_malformed_are_refused(name: str) -> None:
    """A rule cannot frame the request or change its key."""
    with pytest.raises(Refused):
        build_headers({"headers": {name: "x"}}, Secrets({}), {})


def test_a_rule_s_headers_replace_defaults_and_carry_secrets() -> None:
    """Names compare without case; references are resolved; line breaks are refused, also in secrets."""
    secrets = Secrets({"T": "tok", "BAD": "a\nb"})
    headers = {"content-type": "application/cloudevents+json", "Authorization": "Bearer secret://env/T"}
    built = build_headers({"headers": headers}, secrets, {"Content-Type": "application/json"})
    assert built == {"content-type": "application/cloudevents+json", "Authorization": "Bearer tok"}
    for value in ("a\r\nX: 1", "a\x00b", "secret://env/BAD"):
        with pytest.raises(Refused):
            build_headers({"headers": {"X": value}}, secrets, {})


def test_the_target_is_known_before_rendering() -> None:
    """It comes from the literal part of the address."""
    assert name_target("https://Hooks.example/{{ job.id }}?x={{ y }}") == "https://hooks.example:443"
    assert name_target("not a url") is None
    assert name_target(None) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15557654321", "+15557654321"),
        (" +1 (555) 765-43.21 ", "+15557654321"),
        ("0049 30/1234", "+49301234"),
        ("tel:+4930", "+4930"),
        ("72000", "72000"),
    ],
)
def test_phone_numbers_are_normalised(text: str, number: str) -> None:
    """Spaces, brackets and dashes go, 00 becomes +, short codes stay."""
    assert normalise_number(text) == number


@pytest.mark.parametrize("text", ["Jane", "+1555x", "12", "+" + "1" * 16, "1+5555", "+١٢٣٤٥", "555,556"])
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    """Before a gateway is asked."""
    with pytest.raises(Refused):
        normalise_number(text)


def test_messages_lose_control_characters_and_must_say_something() -> None:
    """Line breaks stay; nothing at all, several recipients and texts without end are refused."""
    assert clean_message(" a\r\nb\tc\x00\x1b[1m\x85 ") == "a\nb c[1m"
    assert read_text({"recipient": ["+1555"], "template": {"text": "hi"}}).message == "hi"
    for params, code in (
        ({"recipient": "", "message": "x"}, "empty-recipient"),
        ({"recipient": None, "message": "x"}, "empty-recipient"),
        ({"recipient": ["+1555", "+1666"], "message": "x"}, "too-many-recipients"),
        ({"recipient": "+1555", "message": " \x00 "}, "empty-message"),
        ({"recipient": "+1555", "message": "x" * 1601}, "message-too-long"),
    ):
        with pytest.raises(Refused) as caught:
            read_text(params)
        assert caught.value.code == code


def test_a_mail_as_it_is_sent() -> None:
    """All headers, both bodies, and a Message-ID made from the key."""
    request = make_request(
        recipient=["Jörg Müller <jm@example.com>", "b@bücher.example"],
        cc="c@example.com",
        reply_to="r@example.com",
        subject=" Grüße ",
        template={"name": "t", "subject": "unused", "text": "Hällo", "html": "<p>Hällo</p>"},
    )
    mail = compose_mail(request, "Autoflow <a@example.com>")
    assert mail.content.isascii()
    parsed = message_from_bytes(mail.content, policy=policy.default)
    assert parsed["From"] == "Autoflow <a@example.com>"
    assert parsed["To"] == "Jörg Müller <jm@example.com>, b@xn--bcher-kva.example"
    assert (parsed["Cc"], parsed["Reply-To"]) == ("c@example.com", "r@example.com")
    assert parsed["Subject"] == "Grüße"
    assert parsed["Message-ID"] == "<act_abcdefghijklmnopqrstuvwxyz@example.com>"
    assert (parsed["X-Autoflow-Rule"], parsed["X-Autoflow-Run"], parsed["X-Autoflow-Account"]) == (
        "r1",
        "run1",
        "acc_1",
    )
    assert parsed["Date"] == "Sun, 29 Mar 2026 00:50:00 +0000"
    assert parsed.get_body(("plain",)).get_content().strip() == "Hällo"
    assert parsed.get_body(("html",)).get_content().strip() == "<p>Hällo</p>"
    assert mail.recipients == ("jm@example.com", "b@xn--bcher-kva.example", "c@example.com")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"recipient": "", "message": "x"}, "empty-recipient"),
        ({"recipient": [None, " "], "message": "x"}, "empty-recipient"),
        ({"recipient": "a@example.com"}, "bad-params"),
        ({"recipient": ["a@example.com"] * (MAX_RECIPIENTS + 1), "message": "x"}, "too-many-recipients"),
        ({"recipient": "a@example.com\r\nBcc: b@example.com", "message": "x"}, "header-injection"),
        ({"recipient": "a@example.com", "message": "x", "subject": "a\nBcc: b@example.com"}, "header-injection"),
        ({"recipient": "a@example.com", "message": "x", "reply_to": "b@example.com\x0bX"}, "header-injection"),
        ({"recipient": "a@example.com, b@example.com", "message": "x"}, "bad-recipient"),
        ({"recipient": "a@example.com; b@example.com", "message": "x"}, "bad-recipient"),
        ({"recipient": "nobody", "message": "x"}, "bad-recipient"),
        ({"recipient": "a@", "message": "x"}, "bad-recipient"),
        ({"recipient": "a@-x-", "message": "x"}, "bad-recipient"),
        ({"recipient": "<a@example.com", "message": "x"}, "bad-recipient"),
        ({"recipient": "a b@example.com", "message": "x"}, "bad-recipient"),
    ],
)
def test_mails_that_are_never_sent(params: dict[str, Json], code: str) -> None:
    """Nobody to get it, too many, or an address or header that would say more than it should."""
    with pytest.raises(Refused) as caught:
        compose_mail(make_request(**params), "a@example.com")
    assert caught.value.code == code


def test_a_display_name_with_a_comma_is_one_address() -> None:
    """Quoted names are read as people's mail programs write them."""
    address = read_address('"Doe, Jane" <jane@example.com>')
    assert (address.display_name, address.addr_spec) == ("Doe, Jane", "jane@example.com")


async def test_emit_answers_with_its_event() -> None:
    """The executor stores it; the engine's own types and malformed ones are refused."""
    outcome = await EmitAction().perform(make_request(type="job.escalated", data={"n": 1}, subject="J-1"))
    event = EmittedEvent(type="job.escalated", data={"n": 1}, subject="J-1")
    assert outcome == Delivered(output={"type": "job.escalated"}, events=(event,))
    for params in ({"type": "autoflow.started"}, {"type": ""}, {"type": "a b"}, {}, {"type": "a", "data": [1]}):
        assert isinstance(await EmitAction().perform(make_request(**params)), Reject)


def test_the_table_of_types_is_consistent() -> None:
    """Every spelling leads to one type; parameters and their aliases are unique; groups name parameters."""
    assert {kind.name for kind in ACTION_TYPES.values()} == {"sms", "email", "webhook", "http", "emit", "log"}
    assert ACTION_TYPES["send_sms"] is ACTION_TYPES["sms"]
    assert ACTION_TYPES["webhook_call"].name == "webhook"
    for name, kind in ACTION_TYPES.items():
        assert name in (kind.name, *kind.aliases)
        words = [word for param in kind.params for word in (param.name, *param.aliases)]
        assert len(words) == len(set(words))
        assert {name for group in kind.one_of for name in group} <= {param.name for param in kind.params}
        assert kind.notifies == (kind.name in ("sms", "email"))
        has_notifier = any(param.kind is ParamKind.NOTIFIER for param in kind.params)
        assert has_notifier == (kind.name in TRANSPORTS)


def test_a_notifier_s_own_server_is_trusted_by_standing_in_the_config() -> None:
    """Host and port of each server, the default port where none is written; an outbox has none."""
    made = [
        Notifier(name="email", type="email", transport="smtp", options={"host": "mail.lan", "tls": "tls"}),
        Notifier(name="m6", type="email", transport="smtp", options={"host": "fd00::1", "port": 2525}),
        Notifier(name="sms", type="sms", transport="http", options={"url": "http://sms.lan/api"}),
        Notifier(name="t", type="sms", transport="twilio", options={"base_url": "http://127.0.0.1:9000"}),
        Notifier(name="box", type="sms", transport="outbox"),
    ]
    hosts = trusted_hosts({one.name: one for one in made})
    assert hosts == ("mail.lan:465", "[fd00::1]:2525", "sms.lan:80", "127.0.0.1:9000")
    EgressGuard(trusted=hosts)


@pytest.mark.parametrize(
    ("kind", "transport", "options", "word"),
    [
        ("push", "http", {}, "no notifier type"),
        ("sms", "smtp", {}, "not a transport"),
        ("email", "smtp", {"from": "a@b.example"}, "host is missing"),
        ("email", "smtp", {"host": "h", "from": "a@b.example", "tls": "ssl"}, "tls"),
        ("sms", "twilio", {"account_sid": "AC1", "auth_token": "x"}, "from or messaging_service_sid"),
        ("sms", "http", {}, "url is missing"),
    ],
)
def test_notifiers_that_cannot_work_are_config_errors(
    kind: str, transport: str, options: dict[str, Json], word: str
) -> None:
    """They are told at start, with the notifier's name."""
    with pytest.raises(ConfigError, match=word) as caught:
        check_notifier(Notifier(name="mine", type=kind, transport=transport, options=options))
    assert "notifiers.mine" in str(caught.value)
