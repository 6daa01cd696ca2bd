"""Who may speak to the daemon over HTTP: one token, made at first start and kept in the state directory.

`af_tok_<43 base62>_<6 base62>`: 256 random bits and a checksum, so that a typing error is told from a wrong
token and secret scanners find what was leaked. The daemon keeps its SHA-256 only.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import stat
import zlib
from hmac import compare_digest
from pathlib import Path

from autoflow.errors import ConfigError, IntakeError, StateError

TOKEN_FILE = "token"  # noqa: S105 -- a file's name
CODE = "AF401"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIX = "af_tok_"
_BODY_LENGTH = 43
_CHECK_LENGTH = 6
_TOKEN = re.compile(rf"{_PREFIX}([0-9A-Za-z]{{{_BODY_LENGTH}}})_([0-9A-Za-z]{{{_CHECK_LENGTH}}})")
_LONGEST_HEADER = 1024
_REALM = 'Bearer realm="autoflow"'
_log = logging.getLogger(__name__)


def make_token() -> str:
    """A new random token."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_BODY_LENGTH))
    return f"{_PREFIX}{body}_{_checksum(body)}"


def is_token(text: str) -> bool:
    """Whether a text has a token's form and its checksum fits."""
    match = _TOKEN.fullmatch(text)
    return match is not None and _checksum(match[1]) == match[2]


def ensure_token(state: Path) -> str:
    """The token of a state directory, made now if there is none; nobody but its owner can read the file."""
    path = state / TOKEN_FILE
    try:
        if not os.path.lexists(path):
            _write_token(path)
        return _read_token(path)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}", hint="the daemon must be able to write there") from error


class TokenCheck:
    """Decides on Authorization headers."""

    __slots__ = ("_digest", "_header")

    def __init__(self, token: str) -> None:
        if not is_token(token):
            raise ConfigError(
                "this is not a token of autoflow, or it was mistyped: its checksum does not fit",
                hint=f"it looks like {_PREFIX}..., and a new one is made where <state>/{TOKEN_FILE} is missing",
            )
        self._digest = _digest(token)
        self._header = f"Bearer {token}".encode()

    def check(self, header: str | None) -> None:
        """IntakeError unless the header carries the token: 401, or 400 where it cannot be read as one."""
        # The usual spelling first: whole headers are compared, in a time that tells nothing either.
        if header is not None and compare_digest(header.encode("latin-1", "replace"), self._header):
            return
        token = _parse_header(header)
        # One comparison of equal length whatever was sent: how long it takes tells nothing about the token.
        if not compare_digest(_digest(token), self._digest):
            mistyped = not is_token(token)
            detail = "the token is mistyped" if mistyped else "the token is not this daemon's"
            raise _refusal(401, detail, error="invalid_token")


def _parse_header(header: str | None) -> str:
    if header is None or not header.strip():
        raise _refusal(401, "a token is needed")
    scheme, _, rest = header.strip().partition(" ")
    token = rest.strip()
    if scheme.lower() != "bearer":
        raise _refusal(401, "a bearer token is needed; other schemes are not known")
    if not token or " " in token or "," in token or len(header) > _LONGEST_HEADER:
        raise _refusal(400, "the Authorization header is not 'Bearer <token>'", error="invalid_request")
    return token


def _refusal(status: int, detail: str, *, error: str | None = None) -> IntakeError:
    challenge = _REALM if error is None else f'{_REALM}, error="{error}", error_description="{detail}"'
    return IntakeError(
        detail,
        status=status,
        hint=f"send Authorization: Bearer <token>; the token stands in <state>/{TOKEN_FILE}",
        code=CODE,
        headers=[("WWW-Authenticate", challenge)],
    )


def _write_token(path: Path) -> None:
    """Written whole under another name and then linked: whoever reads it never sees half a token."""
    fresh = path.with_name(f".{TOKEN_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(make_token() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return  # another start was quicker: its token is the one
    finally:
        fresh.unlink()


def _read_token(path: Path) -> str:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise StateError(f"{path} is not a plain file", hint="remove it; a new token is made at the next start")
        if stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.geteuid():
            os.fchmod(file.fileno(), 0o600)
            _log.warning("%s could be read by others until now; remove it to have a new token made", path)
        text = file.read(_LONGEST_HEADER).decode("ascii", "replace").strip()
    if not is_token(text):
        raise StateError(f"{path} holds no token", hint="remove it; a new token is made at the next start")
    return text


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(f"{_PREFIX}{body}".encode()), ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits.rjust(_CHECK_LENGTH, "0")
