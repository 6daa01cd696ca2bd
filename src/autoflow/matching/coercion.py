"""What JavaScript makes of a value when it compares it: rules that move over from json-rules-engine mean the same.

Python's own comparison differs where it hurts: True is 1, text sorts by code point, and mixed types raise.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

from autoflow.model.json import Json

_BLANKS: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_STARTS_AS_NUMBER = re.compile(r"[+-]?(?:Infinity|\.?[0-9])")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_OTHER_BASES: Final = {"0x": 16, "0o": 8, "0b": 2}
_INFINITIES: Final = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


def is_same(left: Json, right: Json) -> bool:
    """`===`: 1 is 1.0 and neither "1" nor true; a list or map is the same only as itself."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float):
        return isinstance(right, int | float) and left == right
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    return left is right


Key = str | tuple[int, float]
"""A value as it is looked up: 1 is 1.0 there, and neither "1" nor true."""

_NULL: Final = (2, 0)
_TRUE: Final = (1, 1)
_FALSE: Final = (1, 0)


def key_of(value: Json) -> Key | None:
    """A value as it is looked up: equal exactly for what is the same; None for what is never a literal's equal."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int or kind is float:
        return (0, value)
    if value is None:
        return _NULL
    if kind is bool:
        return _TRUE if value else _FALSE
    return str(value) if isinstance(value, str) else None


def position_of(wanted: Json, values: list[Json]) -> int:
    """Where a list holds the very value, or -1."""
    for position, value in enumerate(values):
        if is_same(value, wanted):
            return position
    return -1


def reads_as_number(value: Json) -> bool:
    """Whether `parseFloat` makes a number of it: a number, text that begins as one, a list that begins with one."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int):
        return True
    if isinstance(value, float):
        return not math.isnan(value)
    if isinstance(value, list):
        value = text_of(value)
    return isinstance(value, str) and _STARTS_AS_NUMBER.match(value.lstrip(_BLANKS)) is not None


def compare(left: Json, right: Json) -> int | None:
    """-1, 0 or 1 as `<`, `==` and `>` order two values; None where none of them holds."""
    if isinstance(left, dict | list):
        left = text_of(left)
    if isinstance(right, dict | list):
        right = text_of(right)
    if isinstance(left, str) and isinstance(right, str):
        if not (left.isascii() or right.isascii()):
            # Only here can the order of UTF-16 units differ from that of code points.
            return _order(left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass"))
        return _order(left, right)
    first, second = number_of(left), number_of(right)
    if first != first or second != second:  # NaN; math.isnan fails on great whole numbers
        return None
    return _order(first, second)


def number_of(value: Json) -> int | float:
    """The number that a comparison takes a value for; NaN where it is none. Whole numbers stay exact."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    return _number_of_text(value.strip(_BLANKS)) if isinstance(value, str) else math.nan


def order_number(value: Json) -> int | float:
    """The number that `<` and its kin compare with a number on their right; NaN where none of them holds."""
    if not reads_as_number(value):
        return math.nan
    return number_of(text_of(value) if isinstance(value, list) else value)


def text_of(value: Json) -> str:
    """`String(value)`: lists are joined with commas, maps are [object Object], a missing value is undefined."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(_joined(value))
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _text_of_number(value)
    return "null" if value is None else "undefined"


def fold_case(value: Json) -> Json:
    """Text without the difference between upper and lower case, also inside one list."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, list):
        return [part.casefold() if isinstance(part, str) else part for part in value]
    return value


def utf16_length(text: str) -> int:
    """How many UTF-16 units a text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_at(text: str, index: int) -> str | None:
    """One UTF-16 unit of a text, or None behind its end."""
    if text.isascii():
        return text[index] if index < len(text) else None
    units = text.encode("utf-16-le", "surrogatepass")
    unit = units[2 * index : 2 * index + 2]
    return unit.decode("utf-16-le", "surrogatepass") if unit else None


def _order(left: str | bytes | float, right: str | bytes | float) -> int:
    return (left > right) - (left < right)  # type: ignore[operator]  # both are of one kind, see compare


def _number_of_text(text: str) -> int | float:
    if not text:
        return 0
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if text in _INFINITIES:
        return _INFINITIES[text]
    base = _OTHER_BASES.get(text[:2].lower())
    digits = text[2:300]
    if base and digits.isascii() and digits.isalnum() and len(text) < 300:
        try:
            return int(digits, base)
        except ValueError:
            return math.nan
    return math.nan


def _joined(values: list[Json]) -> list[str]:
    """The parts that `join` puts commas between. Not recursive: lists in events can be deep."""
    parts: list[str] = []
    stack = list(reversed(values))
    while stack:
        value = stack.pop()
        if isinstance(value, list) and value:
            stack.extend(reversed(value))
        else:
            empty = value is None or isinstance(value, list)
            parts.append("" if empty else text_of(value))
    return parts


def _text_of_number(value: float) -> str:
    if isinstance(value, int):
        if abs(value) < 10**21:
            return str(value)
        try:
            value = float(value)
        except OverflowError:
            return "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    return _write_digits(bool(sign), "".join(map(str, digits)), int(exponent))


def _write_digits(negative: bool, digits: str, exponent: int) -> str:
    """JavaScript's layout: an exponent from 1e21 up and below 1e-6."""
    sign = "-" if negative else ""
    point = len(digits) + exponent
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
