"""The email action against a real mail server: plain, STARTTLS, TLS, with a login, and refusing."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from autoflow.actions.base import Action
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.model.run import Delivered, Reject, Retry
from autoflow.security.egress import EgressGuard
from support.receivers import Authority, Bench, loopback, make_request, serve_mail

MAIL = {"recipient": "jane@example.com", "subject": "Done", "message": "Hi Jane"}


def make_email(bench: Bench, port: int, **options: Json) -> Action:
    """The email action for a server on this port, which is trusted because the config names it."""
    host = str(options.pop("host", "mail.test"))
    settings = {"host": host, "port": port, "from": "Autoflow <a@example.com>", **options}
    notifier = Notifier(name="email", type="email", transport="smtp", options=settings)
    guard = EgressGuard(trusted=[f"{host}:{port}"])
    return bench.build(notifier, guard=guard, resolver=loopback)["email"]


async def test_a_mail_arrives_whole(bench: Bench) -> None:
    """Envelope, headers, text and HTML."""
    async with serve_mail() as mailbox:
        action = make_email(bench, mailbox.port, tls="none")
        params = {
            **MAIL,
            "recipient": ["jane@example.com", "Jörg <joerg@example.com>"],
            "cc": "boss@example.com",
            "message": None,
            "template": {"name": "t", "subject": None, "text": ".\nHällo\n", "html": "<p>Hällo</p>"},
        }
        outcome = await action.perform(make_request(params))
    assert outcome == Delivered(output={"message_id": "<act_abcdefghijklmnopqrstuvwxyz@example.com>"})
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "a@example.com"
    assert envelope.rcpt_tos == ["jane@example.com", "joerg@example.com", "boss@example.com"]
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Subject"] == "Done"
    assert mail["Cc"] == "boss@example.com"
    assert mail.get_body(("plain",)).get_content().splitlines() == [".", "Hällo"]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Hällo</p>"
    assert mail["X-Autoflow-Rule"] == "notify-technician"


async def test_starttls_with_a_login(bench: Bench, authority: Authority) -> None:
    """The password is a reference, sent only after the connection is secured."""
    seen: list[tuple[bytes, bytes]] = []

    def check(_server: object, _session: object, _envelope: object, _way: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        seen.append((given.login, given.password))
        return AuthResult(success=given.password == b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", handled=False)

    login = {"username": "autoflow", "ca_file": str(authority.ca_file), "tls": "starttls"}
    async with serve_mail(
        tls_context=authority.server, require_starttls=True, auth_required=True, authenticator=check
    ) as mailbox:
        good = make_email(bench, mailbox.port, password="secret://env/KEY", **login)
        assert isinstance(await good.perform(make_request(MAIL)), Delivered)
        bad = make_email(bench, mailbox.port, password="wrong", **login)
        outcome = await bad.perform(make_request(MAIL))
    assert seen[0] == (b"autoflow", b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert mailbox.sessions[0].ssl is not None
    assert len(mailbox.envelopes) == 1
    assert isinstance(outcome, Reject)
    assert outcome.code == "smtp-535"


async def test_implicit_tls(bench: Bench, authority: Authority) -> None:
    """The connection begins with TLS."""
    async with serve_mail(implicit_tls=authority.server) as mailbox:
        action = make_email(bench, mailbox.port, tls="tls", ca_file=str(authority.ca_file))
        outcome = await action.perform(make_request(MAIL))
    assert isinstance(outcome, Delivered)
    assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_a_certificate_that_is_not_good_sends_nothing(tls: str, bench: Bench, authority: Authority) -> None:
    """Another name's certificate is final; one of an unknown authority may be mended."""
    server = {"implicit_tls": authority.server} if tls == "tls" else {"tls_context": authority.server}
    async with serve_mail(**server) as mailbox:
        other = make_email(bench, mailbox.port, host="other.test", tls=tls, ca_file=str(authority.ca_file))
        wrong = await other.perform(make_request(MAIL))
        unknown = await make_email(bench, mailbox.port, tls=tls).perform(make_request(MAIL))
    assert isinstance(wrong, Reject)
    assert wrong.code == "certificate"
    assert isinstance(unknown, Retry)
    assert unknown.code == "tls"
    assert mailbox.envelopes == []


async def test_a_server_without_starttls_gets_nothing(bench: Bench) -> None:
    """The mail is never sent in the clear where TLS was asked for."""
    async with serve_mail() as mailbox:
        outcome = await make_email(bench, mailbox.port, tls="starttls").perform(make_request(MAIL))
    assert isinstance(outcome, Reject)
    assert outcome.code == "smtp-not-supported"
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [("550 unknown", Reject, "smtp-550"), ("451 later", Retry, "smtp-451"), ("421 busy", Retry, "smtp-421")],
)
@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_refusals_for_now_and_for_good(stage: str, answer: str, kind: type, code: str, bench: Bench) -> None:
    """4yz passes, 5yz does not, at the recipient and after the mail."""
    async with serve_mail() as mailbox:
        if stage == "rcpt":
            mailbox.refused = {"jane@example.com": answer}
        else:
            mailbox.verdict = answer
        outcome = await make_email(bench, mailbox.port, tls="none").perform(make_request(MAIL))
    assert type(outcome) is kind
    assert outcome.code == code
    assert mailbox.envelopes == []


async def test_some_refused_recipients_do_not_repeat_the_mail(bench: Bench) -> None:
    """Who could be reached has it; the refused ones are in the output."""
    async with serve_mail() as mailbox:
        mailbox.refused = {"gone@example.com": "550 unknown"}
        params = {**MAIL, "recipient": ["jane@example.com", "gone@example.com"]}
        outcome = await make_email(bench, mailbox.port, tls="none").perform(make_request(params))
    assert isinstance(outcome, Delivered)
    assert outcome.output["refused"] == {"gone@example.com": "550 unknown"}
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["jane@example.com"]]


async def test_all_refused_with_one_for_now_is_a_retry(bench: Bench) -> None:
    """While one of them may get it later, it is tried again."""
    async with serve_mail() as mailbox:
        mailbox.refused = {"jane@example.com": "550 unknown", "busy@example.com": "450 busy"}
        params = {**MAIL, "recipient": ["jane@example.com", "busy@example.com"]}
        outcome = await make_email(bench, mailbox.port, tls="none").perform(make_request(params))
    assert isinstance(outcome, Retry)
    assert outcome.code == "smtp-450"
