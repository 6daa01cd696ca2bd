"""One-line conditions: the tree that each means, and what is said about those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.matching.tree import parse_condition, write_condition

TOTAL = {"fact": "job", "path": "$.total"}
A, B = {"fact": "a", "operator": "equal", "value": 1}, {"fact": "b", "operator": "equal", "value": 2}
C = {"fact": "c", "operator": "equal", "value": 3}

READ: list[tuple[str, Any]] = [
    ("job.total == 5", {**TOTAL, "operator": "equal", "value": 5}),
    ("job.total != 5", {**TOTAL, "operator": "notEqual", "value": 5}),
    ("job.total < -1.5e3", {**TOTAL, "operator": "lessThan", "value": -1500.0}),
    ("job.total<=5", {**TOTAL, "operator": "lessThanInclusive", "value": 5}),
    ("job.total > 5", {**TOTAL, "operator": "greaterThan", "value": 5}),
    ("  $.job.total >= 5 ", {**TOTAL, "operator": "greaterThanInclusive", "value": 5}),
    ('a == "é \\"x\\" \\u0041"', {"fact": "a", "operator": "equal", "value": 'é "x" A'}),
    ("a == true", {"fact": "a", "operator": "equal", "value": True}),
    ("a == null", {"fact": "a", "operator": "equal", "value": None}),
    ('a in [1, "x", null, [2]]', {"fact": "a", "operator": "in", "value": [1, "x", None, [2]]}),
    ("a not in []", {"fact": "a", "operator": "notIn", "value": []}),
    ('a contains "x"', {"fact": "a", "operator": "includes", "value": "x"}),
    ("a not contains 5", {"fact": "a", "operator": "doesNotInclude", "value": 5}),
    ('a starts with "x"', {"fact": "a", "operator": "startsWith", "value": "x"}),
    ('a not starts with "x"', {"fact": "a", "operator": "not:startsWith", "value": "x"}),
    ('a ends with "x"', {"fact": "a", "operator": "endsWith", "value": "x"}),
    ('a not ends with "x"', {"fact": "a", "operator": "not:endsWith", "value": "x"}),
    ('a matches "^\\\\d+$"', {"fact": "a", "operator": "matches", "value": "^\\d+$"}),
    ('a not matches "x"', {"fact": "a", "operator": "notMatches", "value": "x"}),
    ("a between 1 and 5", {"fact": "a", "operator": "between", "value": [1, 5]}),
    ("a not between 1 and 5", {"fact": "a", "operator": "not:between", "value": [1, 5]}),
    ("a exists", {"fact": "a", "operator": "exists", "value": True}),
    ("a not exists", {"fact": "a", "operator": "notExists", "value": True}),
    ("a is empty", {"fact": "a", "operator": "isEmpty", "value": True}),
    ("a is not empty", {"fact": "a", "operator": "isNotEmpty", "value": True}),
    ("a == 1 and b == 2 and c == 3", {"all": [A, B, C]}),
    ("a == 1 or b == 2 or c == 3", {"any": [A, B, C]}),
    ("a == 1 or b == 2 and c == 3", {"any": [A, {"all": [B, C]}]}),
    ("(a == 1 or b == 2) and c == 3", {"all": [{"any": [A, B]}, C]}),
    ("not a == 1", {"not": A}),
    ("not not (a == 1)", {"not": {"not": A}}),
    ("not (a == 1 and b == 2) or c == 3", {"any": [{"not": {"all": [A, B]}}, C]}),
    ("a between 1 and 5 and b == 2", {"all": [{"fact": "a", "operator": "between", "value": [1, 5]}, B]}),
    ("items[0].id == 1", {"fact": "items", "path": "$[0].id", "operator": "equal", "value": 1}),
    ("items[*].id contains 1", {"fact": "items", "path": "$[*].id", "operator": "includes", "value": 1}),
    ('job["a-b"]["c"] == 1', {"fact": "job", "path": '$["a-b"].c', "operator": "equal", "value": 1}),
    ('["a-b"].c == 1', {"fact": "a-b", "path": "$.c", "operator": "equal", "value": 1}),
    ("event.data.now == 1", {"fact": "event", "path": "$.data.now", "operator": "equal", "value": 1}),
    ("count == 1", {"fact": "count", "operator": "equal", "value": 1}),
]


@pytest.mark.parametrize(("line", "tree"), READ)
def test_a_line_means_a_tree(line: str, tree: Any) -> None:
    """A line is read as the tree that stands beside it."""
    parsed = parse_condition(line)
    assert parsed.errors == ()
    assert parsed.condition is not None
    assert write_condition(parsed.condition) == tree
    assert parse_condition(tree).condition == parsed.condition


# line, code, column, width, words of the message or the hint
REFUSED = [
    ("job.total = 5", "AF222", 10, 1, "use =="),
    ("job.total === 5", "AF222", 10, 3, "use =="),
    ("job.total => 5", "AF222", 10, 2, "use >="),
    ("job.total =< 5", "AF222", 10, 2, "use <="),
    ("job.total <> 5", "AF222", 10, 2, "use !="),
    ("a == 1 && b == 2", "AF222", 7, 2, "use and"),
    ("a == 1 || b == 2", "AF222", 7, 2, "use or"),
    ("!a", "AF222", 0, 1, "use not"),
    ("a * 2 > 5", "AF222", 2, 1, "does not compute"),
    ("job#a == 1", "AF222", 3, 1, "no meaning"),
    ("job-total > 5", "AF227", 0, 9, 'event.data["job-total"]'),
    ("x == 1 and job.client-name > 5", "AF227", 11, 15, 'job["client-name"]'),
    ("job.name == Done", "AF224", 12, 4, 'text needs quotes: "Done"'),
    ("job.name == True", "AF224", 12, 4, "write true"),
    ("job.name == None", "AF224", 12, 4, "write null"),
    ("a in [1, Done]", "AF224", 9, 4, "text needs quotes"),
    ("job.total > job.limit", "AF225", 12, 9, "value: { fact: job, path: $.limit }"),
    ('"x" in job.tags', "AF221", 0, 3, "starts with a fact, not with text"),
    (">5", "AF221", 0, 1, "a condition starts with a fact"),
    ("5 < a", "AF221", 0, 1, "a condition starts with a fact"),
    ("", "AF221", 0, 1, "a condition is missing"),
    ("   ", "AF221", 0, 1, "a condition is missing"),
    ("a == 1 and", "AF221", 10, 1, "a condition is missing"),
    ("and a == 1", "AF221", 0, 3, "not with and"),
    ("not", "AF221", 3, 1, "a condition is missing"),
    ("job.number ==", "AF223", 13, 1, "begins a comment in YAML"),
    ("a == == 5", "AF223", 5, 2, "a value is expected"),
    ("a == 2026-01-01", "AF223", 5, 10, '"2026-01-01"'),
    ("a == +5", "AF223", 5, 2, "is not a number"),
    ("a == .5", "AF223", 5, 2, "is not a number"),
    ("a == 007", "AF223", 5, 3, "is not a number"),
    ("a between 1", "AF223", 11, 1, "between 1 and 5"),
    ("a == 'x'", "AF226", 5, 3, 'write "x"'),
    ("a == “x”", "AF226", 5, 3, 'write "x"'),
    ('a == "x', "AF226", 5, 2, "not closed"),
    ('a == "\\q"', "AF226", 5, 4, "escape"),
    ("a == {{ x }}", "AF226", 5, 2, "no templates"),
    ("a == 5m", "AF217", 5, 2, "times"),
    ("a == 12:30", "AF217", 5, 5, "times"),
    ("a + 5m > now", "AF217", 2, 1, "times"),
    ("a > now", "AF217", 4, 3, "times"),
    ("now > 5", "AF217", 0, 3, "times"),
    ("a at 09:00 > 5", "AF217", 2, 2, "times"),
    ("count(payment.failed within 24h by customer.id) >= 3", "AF217", 0, 5, "other events"),
    ("sum(order.total from order.created within 30d) > 5", "AF217", 0, 3, "other events"),
    ("a == 1 AND b == 2", "AF229", 7, 3, "in small letters"),
    ("a == 1 b == 2", "AF229", 7, 1, "stands and, or or"),
    ("a > 5 > 3", "AF229", 6, 1, "compare twice"),
    ("a exists == true", "AF229", 9, 2, "the condition ends"),
    ("a == 1,5", "AF229", 6, 1, "a number has no commas"),
    ("(a == 1", "AF230", 0, 1, "not closed"),
    ("a == 1)", "AF230", 6, 1, "closes nothing"),
    ("()", "AF230", 1, 1, "before this )"),
    ("a in [1, 2", "AF230", 5, 1, "not closed"),
    ("a in [1 2]", "AF230", 8, 1, "commas"),
    ("a", "AF228", 0, 1, "a exists"),
    ("a is null", "AF228", 2, 2, "a not exists"),
    ("a is not null", "AF228", 2, 2, "a exists"),
    ('a startsWith "x"', "AF228", 2, 10, "write starts with"),
    ('a starts "x"', "AF228", 2, 6, "write starts with"),
    ('a like "x"', "AF228", 2, 4, "contains, starts with"),
    ("a contians 5", "AF228", 2, 8, "did you mean contains?"),
    ("a IN [5]", "AF228", 2, 2, "in small letters"),
    ('a in "abc"', "AF207", 5, 5, "needs a list"),
    ("a in 5", "AF207", 5, 1, "use equal"),
    ("a starts with 5", "AF207", 14, 1, "needs a text"),
    ("a between 5 and 1", "AF207", 10, 7, "never true"),
    ("a between true and 5", "AF207", 10, 10, "two numbers or two texts"),
    ("a > 1e999", "AF207", 4, 5, "NaN and infinity"),
    ('a matches "(?=x)"', "AF211", 10, 7, "a lookahead"),
    ('a matches "(?<!x)"', "AF211", 10, 8, "a lookbehind"),
    ('a matches "("', "AF211", 10, 3, "RE2 cannot"),
    ('a matches "(.)\\\\1"', "AF211", 10, 8, "no backreferences"),
    ("job..a > 5", "AF208", 3, 2, "two dots"),
    ("job. a > 5", "AF209", 3, 1, "behind the dot"),
    ("job.a[-1] > 5", "AF210", 5, 4, "an index from the end"),
    ("job.a[1:2] > 5", "AF210", 5, 5, "a slice"),
    ("job.a[b] > 5", "AF208", 5, 1, "in brackets stand"),
    ("(" * 33 + "a == 1" + ")" * 33, "AF214", 32, 1, "32 deep"),
    ("a == " + "1" * 4000, "AF215", 0, 1, "at most 4000"),
]


@pytest.mark.parametrize(("line", "code", "column", "width", "words"), REFUSED)
def test_a_mistake_in_a_line_has_its_code_and_its_place(
    line: str, code: str, column: int, width: int, words: str
) -> None:
    """Every mistake is found on load, with a code, the column where it stands, and what to do about it."""
    parsed = parse_condition({"all": ["a == 1", {"not": line}]})
    assert parsed.condition is None
    (error,) = parsed.errors
    assert error.pointer == ("all", 1, "not")
    assert (error.code, error.column) == (code, column)
    assert words in str(error)
    assert error.width == width


@pytest.mark.parametrize("line", ["a.b != null", "not a.b != null", "x == 1 and a.b != null"])
def test_not_equal_null_is_warned_of(line: str) -> None:
    """`!= null` loads, with the warning that it holds for a missing value."""
    parsed = parse_condition([line])
    assert parsed.condition is not None
    (warning,) = parsed.warnings
    assert (warning.code, warning.pointer) == ("AF241", (0,))
    assert "write a.b exists" in str(warning)
