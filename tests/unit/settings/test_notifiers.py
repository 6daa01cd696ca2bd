"""Notifiers in the config: types, transports, options, and what becomes of secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoflow.errors import ConfigError
from autoflow.settings import Settings, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the config is written."""
    return tmp_path / "config.yaml"


def load(file: Path, notifiers: str) -> Settings:
    """The settings with these notifiers."""
    file.write_text(f"notifiers:\n{notifiers}", encoding="utf-8")
    return load_settings(file, environ={})


def refused(file: Path, notifiers: str) -> list[str]:
    """What is said about these notifiers."""
    with pytest.raises(ConfigError) as caught:
        load(file, notifiers)
    return [f"{problem.line}:{problem.column} {problem.message}" for problem in caught.value.problems]


def test_each_transport_takes_its_options(file: Path) -> None:
    """All options of all transports are read; spans become milliseconds, paths absolute, secrets stay references."""
    (file.parent / "ca.pem").write_text("certificates")
    settings = load(
        file,
        """
  email: { transport: smtp, host: mail.example.com, port: 2525, tls: none, username: u, helo: box.example.com,
           password: "secret://env/P", from: "A <a@example.com>", ca_file: ca.pem, timeout: 5s }
  copies: { type: email, transport: outbox, from: b@example.com }
  sms: { transport: twilio, base_url: "http://[::1]:9", account_sid: AC1, auth_token: "secret://env/T", from: "+1" }
  service: { type: sms, transport: twilio, account_sid: AC1, auth_token: "secret://env/T", messaging_service_sid: M }
  gateway: { type: sms, transport: http, url: "https://sms.example.com/send", token: "secret://file//run/t",
             headers: { X-Key: "secret://env/K" }, from: me }
  test: { type: sms, transport: outbox }
  webhook: { secret: ["secret://env/NEW", "secret://env/OLD"], timeout: 90s }
""",
    )
    options = {name: dict(notifier.options) for name, notifier in settings.notifiers.items()}
    assert options["email"] == {
        "host": "mail.example.com",
        "port": 2525,
        "tls": "none",
        "username": "u",
        "helo": "box.example.com",
        "password": "secret://env/P",
        "from": "A <a@example.com>",
        "ca_file": str(file.parent / "ca.pem"),
        "timeout_ms": 5000,
    }
    assert options["gateway"]["headers"] == {"X-Key": "secret://env/K"}
    assert options["webhook"] == {"secret": ["secret://env/NEW", "secret://env/OLD"], "timeout_ms": 90_000}
    assert settings.notifiers["webhook"].transport == "http"
    assert (settings.notifiers["copies"].type, settings.notifiers["copies"].transport) == ("email", "outbox")
    assert settings.warnings == ()


def test_missing_options_are_told_each(file: Path) -> None:
    """Every option that a transport cannot do without is named, at the notifier's own line."""
    assert refused(
        file, "  email: { transport: smtp }\n  sms: { transport: twilio }\n  gate: { type: sms, transport: http }\n"
    ) == [
        "2:3 notifier 'email' needs host",
        "2:3 notifier 'email' needs from",
        "3:3 notifier 'sms' needs account_sid",
        "3:3 notifier 'sms' needs auth_token",
        "3:3 notifier 'sms' needs from or messaging_service_sid",
        "4:3 notifier 'gate' needs url",
    ]


def test_a_wrong_option_is_not_told_as_missing_too(file: Path) -> None:
    """One mistake, one message; an option of another transport is unknown here."""
    assert refused(
        file,
        "  email: { transport: smtp, host: 'a b', from: a@example.com, ca_file: no.pem, port: 0 }\n"
        "  sms: { transport: outbox, account_sid: x }\n",
    ) == [
        "2:35 'a b' is no host name; write it without scheme, path and spaces",
        f"2:72 there is no file {file.parent / 'no.pem'}",
        "2:86 0 is no whole number from 1 to 65535",
        "3:29 unknown option 'account_sid' of notifier 'sms'",
    ]


def test_a_notifier_says_how_it_sends(file: Path) -> None:
    """Where there are several transports, none of them is guessed."""
    assert refused(file, "  sms: {}\n  email: { from: x }\n") == [
        "2:3 notifier 'sms' does not say how it sends",
        "3:3 notifier 'email' does not say how it sends",
    ]


def test_a_secret_in_clear_is_a_warning(file: Path) -> None:
    """It works, and is told with its place; the warning does not repeat it."""
    settings = load(
        file,
        "  email: { transport: smtp, host: h, from: a@example.com, password: hunter2 }\n"
        "  webhook: { secret: hunter2 }\n",
    )
    assert [(problem.line, problem.column, problem.code) for problem in settings.warnings] == [
        (2, 69, "AF016"),
        (3, 22, "AF016"),
    ]
    assert "hunter2" not in str(settings.warnings)
    assert settings.notifiers["email"].options["password"] == "hunter2"


def test_a_reference_is_checked_where_one_may_stand(file: Path) -> None:
    """A misspelt reference is an error at load, as is one in an option that is never resolved."""
    told = refused(
        file,
        "  email: { transport: smtp, host: h, from: 'secret://env/F', password: 'secret://vault/x' }\n"
        "  webhook: { secret: 'secret://file/relative' }\n",
    )
    assert told == [
        "2:44 from takes no secret reference",
        "2:72 secret://vault/x is not a secret reference",
        "3:22 secret://file/relative: the path must be absolute",
    ]


def test_the_outbox_stands_in_for_what_is_not_configured(file: Path) -> None:
    """With email set up only sms goes to the outbox; a second sender of a type is no reason for a third."""
    settings = load(file, "  office: { type: email, transport: smtp, host: h, from: a@example.com }\n")
    assert {name: one.transport for name, one in settings.notifiers.items()} == {"office": "smtp", "sms": "outbox"}
