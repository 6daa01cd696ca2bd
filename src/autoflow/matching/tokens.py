"""The words and signs of a one-line condition, each with its column. After it: lines."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Final, NamedTuple

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.paths import scan_reference, steps_of
from autoflow.matching.steps import DOTTED_NAME, Wild, refuse_path
from autoflow.model.condition import Reference
from autoflow.model.json import Json


class Kind(StrEnum):
    """What a token is."""

    #: a word or a dotted reference; which of the two, its place decides
    REFERENCE = "reference"
    #: a number or a text
    LITERAL = "literal"
    #: 5m, 1h30m
    SPAN = "span"
    #: 09:00
    TIME_OF_DAY = "time of day"
    #: == ( ) [ ] ,
    SIGN = "sign"
    #: behind the last one
    END = "end"


class Token(NamedTuple):
    """One word or sign. Columns count from 0."""

    kind: Kind
    text: str
    column: int
    reference: Reference | None = None
    value: Json = None

    @property
    def width(self) -> int:
        """How many characters it takes; the end counts as one."""
        return max(len(self.text), 1)

    @property
    def word(self) -> str | None:
        """Its text, where it is a single word."""
        plain = self.reference is not None and self.reference.path is None and self.text[0] not in "$["
        return self.text if plain else None


OPERATOR_SIGNS: Final = {
    "==": "equal",
    "!=": "notEqual",
    "<": "lessThan",
    "<=": "lessThanInclusive",
    ">": "greaterThan",
    ">=": "greaterThanInclusive",
}

WORD_OPERATORS: Final = {
    ("in",): ("in", "notIn"),
    ("contains",): ("includes", "doesNotInclude"),
    ("starts", "with"): ("startsWith", "not:startsWith"),
    ("ends", "with"): ("endsWith", "not:endsWith"),
    ("matches",): ("matches", "notMatches"),
    ("between",): ("between", "not:between"),
    ("exists",): ("exists", "notExists"),
}
"""The words -> the operator, and the operator behind `not`."""

JOINING: Final = frozenset({"and", "or", "not"})
CONSTANTS: Final = {"true": True, "false": False, "null": None}

_SPACE = re.compile(r"\s*")
_PLAIN = re.compile(
    r"""(?P<name>(?P<fact>[^\W\d]\w*)(?P<path>(?:\.[^\W\d]\w*){0,16}))(?=[\s),\]]|\Z)"""
    r"""|"(?P<text>[^"\\]*)"|(?P<number>0|[1-9][0-9]{0,17})(?=[\s),\]]|\Z)|(?P<sign>(?:[=!<>]=|[<>])(?=\s)|[(),\]])"""
)
"""What nearly all lines are made of; what looks otherwise is looked at closely, to say what is wrong with it."""
_SIGN = re.compile(r"===|!==|<=>|==|!=|<=|>=|=>|=<|=~|!~|<>|&&|\|\||[=<>()\[\],!+&|*/%-]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.:-])")
_SPAN = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d|w))+(?!\w)")
_TIME_OF_DAY = re.compile(r"[0-9]{1,2}:[0-9]{2}(?!\w)")
_NUMBER_LIKE = re.compile(r"[-+]?\.?[0-9][\w.:-]*")
_THOUSANDS = re.compile(r"(?<![\w.,])[0-9]{1,3}(?:,[0-9]{3})+(?![\w,])")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTED_OTHERWISE = r"'[^']*'|“[^”]*”|„[^“”]*[“”]|‘[^’]*’|«[^»]*»|`[^`]*`"
_OTHER_QUOTES: Final = "'“”„‘’«»`"

_INSTEAD: Final = {
    "=": "use ==",
    "===": "use ==",
    "!==": "use !=",
    "<>": "use !=",
    "=>": "use >=",
    "=<": "use <=",
    "<=>": "use ==, < or >",
    "=~": "use matches",
    "!~": "use not matches",
    "&&": "use and",
    "&": "use and",
    "||": "use or",
    "|": "use or",
    "!": "use not",
}
_ARITHMETIC: Final = frozenset("+*/%-")


def read_tokens(line: str) -> list[Token]:
    """Every token of a line, the end as the last one."""
    tokens: list[Token] = []
    pos = _skip_space(line, 0)
    while pos < len(line):
        token = _read_plain(line, pos)
        if token is None:
            in_value = bool(tokens) and tokens[-1].text in {"[", ","}
            token = _read_token(line, pos, in_value=in_value)
            _check_hyphen(line, tokens, token)
        tokens.append(token)
        pos = _skip_space(line, pos + len(token.text))
    return [*tokens, Token(kind=Kind.END, text="", column=len(line.rstrip()))]


def _skip_space(line: str, pos: int) -> int:
    space = _SPACE.match(line, pos)
    return space.end() if space else pos


def _read_plain(line: str, pos: int) -> Token | None:
    """The token that stands here, where it is one of the plain ones."""
    found = _PLAIN.match(line, pos)
    if found is None:
        return None
    match found.lastgroup:
        case "name":
            reference = Reference(fact=found["fact"], path=f"${found['path']}" if found["path"] else None)
            return Token(kind=Kind.REFERENCE, text=found["name"], column=pos, reference=reference)
        case "sign":
            return Token(kind=Kind.SIGN, text=found["sign"], column=pos)
        case "text":
            return Token(kind=Kind.LITERAL, text=found[0], column=pos, value=found["text"])
        case _:
            return Token(kind=Kind.LITERAL, text=found[0], column=pos, value=int(found[0]))


def _read_token(line: str, pos: int, *, in_value: bool) -> Token:
    char = line[pos]
    if char == '"':
        return _read_text(line, pos)
    if char in _OTHER_QUOTES:
        raise _quotes_mistake(line, pos)
    if line.startswith("{", pos):
        raise mistake(
            "a condition has no templates and no maps",
            code=codes.BAD_QUOTES,
            column=pos,
            width=2 if line.startswith("{{", pos) else 1,
            hint="write the reference itself: job.total > 5",
        )
    for kind, form in ((Kind.TIME_OF_DAY, _TIME_OF_DAY), (Kind.SPAN, _SPAN), (Kind.LITERAL, _NUMBER)):
        if found := form.match(line, pos):
            value = json.loads(found[0]) if kind is Kind.LITERAL else None
            return Token(kind=kind, text=found[0], column=pos, value=value)
    if found := _NUMBER_LIKE.match(line, pos):
        raise _find_thousands(line, pos) or _number_mistake(found[0], pos)
    if DOTTED_NAME.match(line, pos) or char == "$" or (line.startswith('["', pos) and not in_value and pos == 0):
        return _read_reference(line, pos)
    if sign := _SIGN.match(line, pos):
        return _read_sign(sign[0], pos)
    raise mistake(f"{char!r} has no meaning in a condition", code=codes.UNKNOWN_SIGN, column=pos)


def _read_reference(line: str, pos: int) -> Token:
    reference, end = scan_reference(line, pos)
    if line.startswith("[", end):
        refuse_path(line, end, codes.BAD_REFERENCE)
    token = Token(kind=Kind.REFERENCE, text=line[pos:end], column=pos, reference=reference)
    if Wild.DESCEND in steps_of(reference.path):
        raise mistake("two dots stand together", code=codes.BAD_REFERENCE, column=line.index("..", pos), width=2)
    return token


def _read_sign(sign: str, pos: int) -> Token:
    if sign in _INSTEAD:
        raise mistake(
            f"{sign} is not an operator", code=codes.UNKNOWN_SIGN, column=pos, width=len(sign), hint=_INSTEAD[sign]
        )
    return Token(kind=Kind.SIGN, text=sign, column=pos)


def _read_text(line: str, pos: int) -> Token:
    found = _TEXT.match(line, pos)
    if found is None:
        raise mistake(
            "a text is not closed", code=codes.BAD_QUOTES, column=pos, width=len(line) - pos, hint='add a "'
        )
    try:
        value = json.loads(found[0], strict=False)
    except ValueError as error:
        raise mistake(
            "a text has an escape that is not known",
            code=codes.BAD_QUOTES,
            column=pos,
            width=len(found[0]),
            hint=r"a backslash is written \\; known are \" \\ \/ \b \f \n \r \t and \u with four digits",
        ) from error
    return Token(kind=Kind.LITERAL, text=found[0], column=pos, value=value)


def _quotes_mistake(line: str, pos: int) -> ConditionError:
    found = re.compile(_QUOTED_OTHERWISE).match(line, pos)
    text = found[0] if found else line[pos]
    hint = f'write "{text[1:-1]}"' if found else 'write "text"'
    return mistake("text stands in double quotes", code=codes.BAD_QUOTES, column=pos, width=len(text), hint=hint)


def _number_mistake(text: str, pos: int) -> ConditionError:
    hint = 'numbers look like 5, -2.5 or 1e6; text needs quotes: "' + text + '"'
    return mistake(f"{text} is not a number", code=codes.NO_VALUE, column=pos, width=len(text), hint=hint)


def _find_thousands(line: str, pos: int) -> ConditionError | None:
    """`2,000`, of which the last group is no number by itself."""
    found = _THOUSANDS.search(line)
    if found is None or not found.start() < pos < found.end():
        return None
    message, hint = f"{found[0]} is not a number", f"a number has no commas: {found[0].replace(',', '')}"
    return mistake(message, code=codes.NO_VALUE, column=found.start(), width=len(found[0]), hint=hint)


def _check_hyphen(line: str, tokens: list[Token], token: Token) -> None:
    """`job-total`: a hyphen directly behind a name."""
    if not tokens or tokens[-1].kind is not Kind.REFERENCE:
        return
    before = tokens[-1]
    touches = before.column + len(before.text) == token.column
    if touches and token.text.startswith("-"):
        tail = re.compile(r"[-\w]*").match(line, token.column)
        name = before.text + (tail[0] if tail else "")
        raise mistake(
            f"a name has no hyphen: {name}",
            code=codes.HYPHEN,
            column=before.column,
            width=len(name),
            hint=_hyphen_hint(name),
        )


def _hyphen_hint(name: str) -> str:
    root, dot, last = name.rpartition(".")
    spelled = f'{root}["{last}"]' if dot else f'event.data["{name}"]'
    return f"write {spelled}; a time has spaces around its -"


def is_arithmetic(token: Token) -> bool:
    """Whether a token is a sign to compute with."""
    return token.kind is Kind.SIGN and token.text in _ARITHMETIC


def mistake(message: str, *, code: str, column: int, width: int = 1, hint: str | None = None) -> ConditionError:
    """A mistake with its place in the line."""
    return ConditionError(message, code=code, column=column, width=width, hint=hint)
