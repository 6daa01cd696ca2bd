"""Secret references: resolved when used, named in errors, masked everywhere."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from autoflow.errors import SecretError
from autoflow.security.secrets import Secrets, is_secret


def test_the_three_kinds_of_references(tmp_path: Path) -> None:
    """From the environment, from a file less one line break, and from the credentials directory."""
    (tmp_path / "token").write_text("from-file\n\n")
    (tmp_path / "token").chmod(0o600)
    secrets = Secrets({"TOKEN": "from-env", "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert secrets.resolve("secret://env/TOKEN") == "from-env"
    assert secrets.resolve(f"secret://file/{tmp_path}/token") == "from-file\n"
    assert secrets.resolve("secret://cred/token") == "from-file\n"
    assert secrets.resolve("plain text") == "plain text"


def test_references_inside_values_and_texts(tmp_path: Path) -> None:
    """Maps and lists are walked; a header may hold a reference among other text."""
    secrets = Secrets({"A": "aaaa", "B": "bbbb"})
    assert secrets.resolve_all({"x": ["secret://env/A", 1, None]}) == {"x": ["aaaa", 1, None]}
    assert secrets.fill("Bearer secret://env/A") == "Bearer aaaa"
    assert secrets.fill("a=secret://env/A; b=secret://env/B") == "a=aaaa; b=bbbb"
    assert is_secret("secret://env/A")
    assert not is_secret("Bearer secret://env/A")
    assert not is_secret(None)


@pytest.mark.parametrize(
    "reference",
    [
        "secret://env/MISSING",
        "secret://env/EMPTY",
        "secret://env/",
        "secret://file/relative",
        "secret://file//no/such/file",
        "secret://cred/token",
        "secret://cred/../x",
        "secret://vault/x",
        "secret://",
    ],
)
def test_what_cannot_be_resolved_is_named(reference: str) -> None:
    """The error holds the reference, so that it can be found and set."""
    with pytest.raises(SecretError) as caught:
        Secrets({"EMPTY": ""}).resolve(reference)
    assert reference in str(caught.value)


def test_a_file_that_is_no_text_leaks_nothing_of_it(tmp_path: Path) -> None:
    """Neither the message nor a chained error holds the bytes."""
    (tmp_path / "key").write_bytes(b"hunter2\xff")
    with pytest.raises(SecretError) as caught:
        Secrets({}).resolve(f"secret://file/{tmp_path}/key")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_secret_file_that_others_can_read_is_warned_about_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log, which names the reference and not the value."""
    path = tmp_path / "open"
    path.write_text("hunter2")
    path.chmod(0o644)
    secrets = Secrets({})
    with caplog.at_level(logging.WARNING):
        secrets.resolve(f"secret://file/{path}")
        secrets.resolve(f"secret://file/{path}")
    assert len(caplog.records) == 1
    assert "chmod 600" in caplog.text
    assert "hunter2" not in caplog.text


def test_every_resolved_value_is_masked_plain_and_encoded() -> None:
    """In any text, in base64 and percent-encoding, the longest first; short values are left."""
    secrets = Secrets({"A": "hunter2&", "B": "hunter2&more", "SHORT": "abc"})
    for name in ("A", "B", "SHORT"):
        secrets.resolve(f"secret://env/{name}")
    encoded = base64.b64encode(b"hunter2&").decode()
    text = f"hunter2&more hunter2& {encoded} hunter2%26 abc"
    assert secrets.mask(text) == "*** *** *** *** abc"
