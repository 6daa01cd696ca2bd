"""The token: its form, its file, and what each kind of Authorization header is answered."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from autoflow.errors import ConfigError, IntakeError, StateError
from autoflow.security.auth import TokenCheck, ensure_token, is_token, make_token

EXAMPLE = "af_tok_" + "A" * 43 + "_2A0DSI"


def test_the_checksum_is_the_documented_one() -> None:
    """A token of 43 A's has the checksum 2A0DSI; any other checksum is refused."""
    assert is_token(EXAMPLE)
    assert not is_token(EXAMPLE[:-1] + "J")
    assert not is_token(EXAMPLE + "\n")


def test_tokens_are_random_and_whole() -> None:
    """Every new token is another one, and has the form that secret scanners look for."""
    tokens = {make_token() for _ in range(50)}
    assert len(tokens) == 50
    for token in tokens:
        assert re.fullmatch(r"af_tok_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", token)
        assert is_token(token)


def test_the_first_start_makes_a_token_and_the_next_keeps_it(tmp_path: Path) -> None:
    """One token per state directory, in a file that only its owner can read, and nothing beside it."""
    token = ensure_token(tmp_path)
    assert is_token(token)
    assert ensure_token(tmp_path) == token == (tmp_path / "token").read_text().strip()
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["token"]


def test_a_token_file_open_to_others_is_closed_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A wider mode is put right, and a warning says so; the warning does not hold the token."""
    token = ensure_token(tmp_path)
    (tmp_path / "token").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert ensure_token(tmp_path) == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert "could be read by others" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("content", ["", "af_tok_short", EXAMPLE[:-1] + "J", "\xff\xfe"])
def test_a_broken_token_file_is_told_not_replaced(tmp_path: Path, content: str) -> None:
    """Half a file or a mistyped one stops the start with its path; it is never silently overwritten."""
    (tmp_path / "token").write_text(content, encoding="latin-1")
    with pytest.raises(StateError, match="holds no token"):
        ensure_token(tmp_path)
    assert (tmp_path / "token").read_text(encoding="latin-1") == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in place of the token leads nowhere: neither to an existing file nor to a new one."""
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "token").symlink_to(elsewhere)
    with pytest.raises(StateError):
        ensure_token(tmp_path)
    assert not elsewhere.exists()


def test_a_missing_state_directory_is_a_state_error(tmp_path: Path) -> None:
    """Where the token cannot be written, the error is the state directory's."""
    with pytest.raises(StateError, match="No such file"):
        ensure_token(tmp_path / "missing")


def test_the_right_token_is_let_in() -> None:
    """The scheme is read in any case; the token as it stands."""
    check = TokenCheck(EXAMPLE)
    check.check(f"Bearer {EXAMPLE}")
    check.check(f"bearer  {EXAMPLE} ")


@pytest.mark.parametrize(
    ("header", "status", "error"),
    [
        (None, 401, None),
        ("", 401, None),
        ("Basic dXNlcjpwYXNz", 401, None),
        (f"Bearer {EXAMPLE[:-1]}J", 401, "invalid_token"),
        ("Bearer hello", 401, "invalid_token"),
        ("Bearer \udcff", 401, "invalid_token"),
        ("Bearer", 400, "invalid_request"),
        (f"Bearer {EXAMPLE} {EXAMPLE}", 400, "invalid_request"),
        (f"Bearer {EXAMPLE}, Basic x", 400, "invalid_request"),
        ("Bearer " + "x" * 2000, 400, "invalid_request"),
    ],
)
def test_every_other_header_is_refused_in_its_own_way(header: str | None, status: int, error: str | None) -> None:
    """No credentials name no error; a wrong token and an unreadable header name theirs; none echoes what was sent."""
    with pytest.raises(IntakeError) as refused:
        TokenCheck(EXAMPLE).check(header)
    challenge = dict(refused.value.headers)["WWW-Authenticate"]
    assert refused.value.status == status
    assert challenge.startswith('Bearer realm="autoflow"')
    assert (f'error="{error}"' in challenge) if error else ("error=" not in challenge)
    assert "af_tok_" not in f"{refused.value} {challenge}"


def test_another_good_token_is_not_this_one() -> None:
    """A well-formed token of another daemon is refused as such."""
    with pytest.raises(IntakeError, match="not this daemon's"):
        TokenCheck(EXAMPLE).check(f"Bearer {make_token()}")


def test_a_check_cannot_be_built_on_a_mistyped_token() -> None:
    """A token given by hand is checked before the daemon starts with it."""
    with pytest.raises(ConfigError, match="checksum"):
        TokenCheck(EXAMPLE[:-1] + "J")
