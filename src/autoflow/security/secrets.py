"""Secret references (`secret://env/NAME`): resolved as they are used, never stored, masked in every text.

A reference is the whole text. An action resolves it right before it sends; the store sees only references.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from autoflow.errors import SecretError
from autoflow.model.json import Json

PREFIX = "secret://"
MASK = "***"
_SHORTEST_MASKED = 4
_FORMS = "secret://env/NAME, secret://file//run/secrets/name or secret://cred/NAME"

_INSIDE = re.compile(re.escape(PREFIX) + r"[^\s\"',;]*")


def is_secret(text: Json) -> bool:
    """Whether a value is a secret reference."""
    return isinstance(text, str) and text.startswith(PREFIX)


def find_references(text: str) -> list[str]:
    """The secret references inside a text, in order."""
    return _INSIDE.findall(text)


def check_secret(reference: str) -> None:
    """SecretError unless the reference is well formed; nothing is read."""
    kind, _, name = reference.removeprefix(PREFIX).partition("/")
    if not is_secret(reference) or not name or kind not in {"env", "file", "cred"}:
        raise SecretError(f"{reference} is not a secret reference", hint=f"write {_FORMS}")
    if kind == "file" and not name.startswith("/"):
        raise SecretError(f"{reference}: the path must be absolute", hint=f"write secret://file//{name}")
    if kind == "cred" and ("/" in name or name in {".", ".."}):
        raise SecretError(f"{reference}: a credential is a plain file name")


@lru_cache(maxsize=1024)
def _split_reference(reference: str) -> tuple[str, str]:
    """Where a secret is kept, and under which name."""
    check_secret(reference)
    kind, _, name = reference.removeprefix(PREFIX).partition("/")
    return kind, name


class Secrets:
    """Resolves references and remembers every value it has given out, so that texts can be masked."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        #: longest first, so that a value inside another one leaves no rest
        self._masked: list[str] = []
        self._warned: set[Path] = set()

    def resolve(self, text: str) -> str:
        """The secret's value; other text stays. SecretError names the reference, never a value."""
        if not is_secret(text):
            return text
        value = self._read(text, *_split_reference(text))
        if not value:
            raise SecretError(f"{text} is empty")
        self._remember(value)
        return value

    def fill(self, text: str) -> str:
        """The text with each reference inside it resolved (`Bearer secret://env/TOKEN`)."""
        return _INSIDE.sub(lambda match: self.resolve(match.group()), text)

    def resolve_all(self, value: Json) -> Json:
        """The value with each reference inside it resolved."""
        if isinstance(value, str):
            return self.resolve(value)
        if isinstance(value, Mapping):
            return {key: self.resolve_all(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolve_all(part) for part in value]
        return value

    def mask(self, text: str) -> str:
        """The text with every secret that was ever resolved, plain or encoded, replaced by ***."""
        for value in self._masked:
            text = text.replace(value, MASK)
        return text

    def _read(self, reference: str, kind: str, name: str) -> str:
        if kind == "env":
            if name not in self._environ:
                raise SecretError(f"{reference}: the environment has no {name}")
            return self._environ[name]
        if kind == "cred":
            directory = self._environ.get("CREDENTIALS_DIRECTORY")
            if not directory:
                raise SecretError(f"{reference}: CREDENTIALS_DIRECTORY is not set")
            return self._read_file(reference, Path(directory) / name, private=False)
        return self._read_file(reference, Path(name), private=True)

    def _read_file(self, reference: str, path: Path, *, private: bool) -> str:
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SecretError(f"{reference}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            # the decoder's error holds the bytes: it must not be chained into a log
            raise SecretError(f"{reference}: is not UTF-8 text") from None
        if private and mode & (stat.S_IRGRP | stat.S_IROTH) and path not in self._warned:
            self._warned.add(path)
            import logging  # start-up time counts: every command reads the config, and few find this

            logging.getLogger(__name__).warning("%s can be read by others; chmod 600 it", reference)
        return text.removesuffix("\n")

    def _remember(self, value: str) -> None:
        if len(value) < _SHORTEST_MASKED or value in self._masked:
            return
        encoded = base64.b64encode(value.encode())
        forms = {value, quote(value, safe=""), encoded.decode(), encoded.decode().rstrip("=")}
        self._masked = sorted({*self._masked, *forms}, key=len, reverse=True)
