"""A condition in one line: `job.total >= 2000 and job.client.type == "Commercial"`. After it: the same as a tree.

condition := and_part { "or" and_part }            and_part := not_part { "and" not_part }
not_part  := "not" not_part | "(" condition ")" | leaf
leaf      := REF sign value | REF ["not"] word value | REF ["not"] "exists" | REF "is" ["not"] "empty"
"""

from __future__ import annotations

from typing import Final

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.chains import resolve_operator
from autoflow.matching.literals import check_value
from autoflow.matching.mistakes import left_over, no_fact, no_operator, no_value, not_closed, times
from autoflow.matching.tokens import (
    CONSTANTS,
    JOINING,
    OPERATOR_SIGNS,
    WORD_OPERATORS,
    Kind,
    Token,
    is_arithmetic,
    mistake,
    read_tokens,
)
from autoflow.model.condition import All, Any, Condition, Leaf, Not
from autoflow.model.json import Json

LONGEST: Final = 4_000
MAX_DEPTH: Final = 32
"""How deeply parentheses, `not` and lists may nest inside one line."""

_AGGREGATES: Final = frozenset({"count", "sum", "avg", "min", "max", "distinct"})


def parse_line(line: str) -> Condition:
    """The tree that a line means; ConditionError with column and width where it means none."""
    if len(line) > LONGEST:
        message = f"a line has at most {LONGEST} characters, this one has {len(line)}"
        raise ConditionError(message, code=codes.TOO_LARGE, column=0, width=1, hint="use a list of lines, or a tree")
    return _Reader(read_tokens(line)).read()


def spans_in(line: str) -> tuple[tuple[int, int], ...]:
    """Where each comparison of a line stands: its first column, from 0, and how many characters it takes."""
    reader = _Reader(read_tokens(line))
    reader.read()
    return tuple(reader.spans)


class _Reader:
    """Reads the tokens of one line from the left."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        #: of the comparisons, in their order
        self.spans: list[tuple[int, int]] = []

    def read(self) -> Condition:
        condition = self._read_or()
        token = self._next
        if token.kind is Kind.END:
            return condition
        raise left_over(token)

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        if token.kind is not Kind.END:
            self._place += 1
        return token

    def _takes(self, *words: str) -> bool:
        """Whether these words come next; if so they are taken."""
        for place, word in enumerate(words, self._place):
            # The last token is the end, whose text no word equals.
            if self._tokens[place].text != word:
                return False
        self._place += len(words)
        return True

    def _descend(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise mistake(f"a line nests at most {MAX_DEPTH} deep", code=codes.TOO_DEEP, column=token.column)

    def _read_or(self) -> Condition:
        parts = [self._read_and()]
        while self._takes("or"):
            parts.append(self._read_and())
        return parts[0] if len(parts) == 1 else Any(conditions=tuple(parts))

    def _read_and(self) -> Condition:
        parts = [self._read_not()]
        while self._takes("and"):
            parts.append(self._read_not())
        return parts[0] if len(parts) == 1 else All(conditions=tuple(parts))

    def _read_not(self) -> Condition:
        token = self._next
        if self._takes("not"):
            self._descend(token)
            condition: Condition = Not(condition=self._read_not())
            self._depth -= 1
            return condition
        if self._takes("("):
            self._descend(token)
            condition = self._read_or()
            if not self._takes(")"):
                raise not_closed(token) if self._next.kind is Kind.END else left_over(self._next)
            self._depth -= 1
            return condition
        return self._read_leaf()

    def _read_leaf(self) -> Condition:
        left = self._read_left()
        token = self._next
        if token.kind is Kind.SIGN and token.text in OPERATOR_SIGNS:
            self._take()
            return self._make_leaf(left, OPERATOR_SIGNS[token.text], self._next, self._read_value(token))
        self._refuse_time(token)
        if token.kind is Kind.END or token.text in {")", "and", "or"}:
            raise mistake(
                f"{left.text} is compared with nothing",
                code=codes.UNKNOWN_WORD,
                column=left.column,
                width=left.width,
                hint=f"write {left.text} == true, or {left.text} exists",
            )
        if self._takes("is"):
            return self._read_is(left, token)
        return self._read_words(left)

    def _read_left(self) -> Token:
        token = self._take()
        if token.kind is not Kind.REFERENCE or token.text in JOINING or token.text in CONSTANTS:
            raise no_fact(token)
        if token.text in _AGGREGATES and self._next.text == "(":
            raise mistake(
                f"{token.text}(...) looks at other events, which this release does not do yet",
                code=codes.NOT_YET,
                column=token.column,
                width=token.width,
            )
        if token.text == "now":
            raise times(token)
        return token

    def _read_is(self, left: Token, token: Token) -> Condition:
        negated = self._takes("not")
        if self._takes("empty"):
            return self._make_leaf(left, "isNotEmpty" if negated else "isEmpty", token, value=True)
        after = self._next
        hint = "write is empty, is not empty, or == and !="
        if after.text == "null":
            hint = f"write {left.text} {'exists' if negated else 'not exists'}"
        raise mistake(
            "`is` goes with empty only", code=codes.UNKNOWN_WORD, column=token.column, width=token.width, hint=hint
        )

    def _read_words(self, left: Token) -> Condition:
        token = self._next
        negated = self._takes("not")
        for words, names in WORD_OPERATORS.items():
            start = self._next
            if not self._takes(*words):
                continue
            name = names[1] if negated else names[0]
            if words == ("exists",):
                return self._make_leaf(left, name, start, value=True)
            at = self._next
            value = self._read_bounds(start) if words == ("between",) else self._read_value(start)
            return self._make_leaf(left, name, at, value)
        raise no_operator(left, self._next if negated and self._next.kind is not Kind.END else token)

    def _read_bounds(self, start: Token) -> Json:
        low = self._read_value(start)
        if not self._takes("and"):
            token = self._next
            raise mistake(
                "between needs two values",
                code=codes.NO_VALUE,
                column=token.column,
                width=token.width,
                hint="write between 1 and 5",
            )
        return [low, self._read_value(start)]

    def _read_value(self, before: Token) -> Json:
        token = self._take()
        if token.kind is Kind.LITERAL:
            self._refuse_time(self._next)
            return token.value
        if token.text == "[" and token.kind is Kind.SIGN:
            return self._read_list(token)
        if token.text in CONSTANTS:
            return CONSTANTS[token.text]
        raise no_value(before, token)

    def _read_list(self, opened: Token) -> list[Json]:
        self._descend(opened)
        values: list[Json] = []
        while not self._takes("]"):
            if values and not self._takes(","):
                token = self._next
                if token.kind is Kind.END:
                    raise not_closed(opened)
                raise mistake(
                    "between the values of a list stand commas",
                    code=codes.PARENTHESES,
                    column=token.column,
                    width=token.width,
                )
            if self._next.kind is Kind.END:
                raise not_closed(opened)
            values.append(self._read_value(opened))
        self._depth -= 1
        return values

    def _refuse_time(self, token: Token) -> None:
        """`+ 5m`, `- 5m` and `at 09:00` belong to times."""
        if is_arithmetic(token):
            if self._tokens[min(self._place + 1, len(self._tokens) - 1)].kind is Kind.SPAN:
                raise times(token)
            raise mistake(
                f"a condition does not compute: {token.text} has no meaning here",
                code=codes.UNKNOWN_SIGN,
                column=token.column,
                width=token.width,
                hint='a name with a sign in it stands in brackets: job["a-b"]',
            )
        if token.text == "at" and self._tokens[self._place + 1].kind is Kind.TIME_OF_DAY:
            raise times(token)

    def _make_leaf(self, left: Token, operator: str, at: Token, value: Json) -> Leaf:
        chain = resolve_operator(operator)
        last = self._tokens[self._place - 1]
        self.spans.append((left.column, last.column + len(last.text) - left.column))
        try:
            check_value(chain, value)
        except ConditionError as error:
            width = max(last.column + len(last.text) - at.column, at.width)
            raise ConditionError(
                error.message, hint=error.hint, code=error.code, column=at.column, width=width
            ) from error
        assert left.reference is not None  # noqa: S101  # _read_left takes nothing else
        return Leaf(left=left.reference, operator=chain.name, value=value)
