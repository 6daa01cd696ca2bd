"""Made-up values in place of people's: for scenarios that are written from real events and kept in git.

What stands for a value is the same wherever that value occurs, and of its shape: an address stays an address, a
number keeps its length. Only what an event brought is replaced; what a rule says of itself stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import compile_reference, parse_reference
from autoflow.model.json import Json

EMAIL, PHONE = "email", "phone"

_MAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER: Final = re.compile(r"\+?\(?\d[\d ().\-/]{4,22}\d")
_PHONE_KEY: Final = re.compile(r"phone|mobile|cell|fax|whatsapp|(?:^|_)tel", re.IGNORECASE)
_LEAST_DIGITS: Final = 6
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class Redaction:
    """Learns from an event what is to be replaced, and replaces it anywhere."""

    def __init__(self, wanted: Sequence[str]) -> None:
        """`email` and `phone` mean every such text; anything else is a reference to a value (`job.client.name`)."""
        self._mails = EMAIL in wanted
        self._phones = PHONE in wanted
        self._references = [parse_reference(text) for text in wanted if text not in (EMAIL, PHONE)]
        self._texts: dict[str, str] = {}
        #: by their digits alone
        self._numbers: dict[str, str] = {}

    def __len__(self) -> int:
        """How many values are replaced."""
        return len(self._texts) + len(self._numbers)

    def learn(self, data: Json) -> None:
        """Find the values of an event's data that are to be replaced."""
        facts: dict[str, Json] = {**(data if isinstance(data, dict) else {}), "event": {"data": data}}
        for reference in self._references:
            found = compile_reference(reference)(facts)
            for _, text in _scalars(None if found is MISSING else found):
                self._learn_text(text)
        for key, text in _scalars(data):
            if self._mails:
                for found in _MAIL.findall(text):
                    self._texts.setdefault(found, f"person{len(self._texts) + 1}@example.com")
            if self._phones:
                self._learn_phones(key, text)

    def _learn_phones(self, key: str, text: str) -> None:
        for found in _NUMBER.findall(text):
            digits = _digits_of(found)
            is_phone = found.startswith("+") or (_PHONE_KEY.search(key) and found == text.strip())
            if is_phone and len(digits) >= _LEAST_DIGITS and digits not in self._numbers:
                tail = f"{'5550' * 6}{len(self._numbers) + 101:03}"
                self._numbers[digits] = digits[:2] + tail[2 - len(digits) :]

    def _learn_text(self, text: str) -> None:
        if _MAIL.fullmatch(text):
            self._texts.setdefault(text, f"person{len(self._texts) + 1}@example.com")
        elif text.strip():
            self._texts.setdefault(text, _like(text, len(self._texts) + 1))

    def replace(self, value: Json) -> Json:
        """The value with what was learned replaced, in texts and in numbers."""
        if isinstance(value, dict):
            return {key: self.replace(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.replace(part) for part in value]
        if isinstance(value, str):
            return self._replace_text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            told = self._replace_text(str(value))
            return value if told == str(value) else type(value)(told)
        return value

    def _replace_text(self, text: str) -> str:
        if self._texts:
            known = sorted(self._texts, key=len, reverse=True)
            pattern = "|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in known)
            text = re.sub(pattern, lambda found: self._texts[found[0]], text)
        if self._numbers:
            text = _NUMBER.sub(self._replace_number, text)
        return text

    def _replace_number(self, found: re.Match[str]) -> str:
        instead = self._numbers.get(_digits_of(found[0]))
        if instead is None:
            return found[0]
        digits = iter(instead)
        return re.sub(r"\d", lambda _: next(digits), found[0])


def _scalars(value: Json, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text and number of a value as text, with the key it stands under."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _scalars(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _scalars(part, key)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield key, str(value)


def _digits_of(text: str) -> str:
    return re.sub(r"\D", "", text)


def _like(text: str, number: int) -> str:
    """Another text of the same length: letters for letters, digits for digits, everything else as it is."""
    made = []
    for place, char in enumerate(text):
        if char.isdigit():
            made.append(str((number + place) % 9 + 1))
        elif char.isalpha():
            letter = _LETTERS[(number * 7 + place * 3) % len(_LETTERS)]
            made.append(letter.upper() if char.isupper() else letter)
        else:
            made.append(char)
    return "".join(made)
