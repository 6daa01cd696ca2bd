"""Which questions a collection understands, and where its pages end."""

import pytest

from autoflow.errors import UsageError
from autoflow.web.paging import cut_page, number_of, place_of, read_question

KNOWN = {"status": ("done", "failed"), "rule": ()}


def test_a_question_without_words_is_the_first_fifty() -> None:
    """Nothing has to be said."""
    asked = read_question({}, KNOWN)
    assert (asked.limit, asked.cursor, asked.filters) == (50, None, {})


def test_filters_limit_and_cursor_are_kept_apart() -> None:
    """Only filters narrow."""
    asked = read_question({"rule": "a", "limit": "7", "cursor": "3"}, KNOWN)
    assert (asked.limit, asked.cursor, asked.filters) == (7, "3", {"rule": "a"})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"rul": "a"}, "did you mean rule?"),
        ({"xyz": "a"}, "known are status, rule, limit, cursor"),
        ({"status": "dne"}, "status is one of done, failed; not dne"),
        ({"limit": "0"}, "limit is a number from 1 to 200"),
        ({"limit": "201"}, "limit is a number from 1 to 200"),
        ({"limit": "-1"}, "limit is a number from 1 to 200"),
        ({"limit": "²"}, "limit is a number from 1 to 200"),
        ({"limit": ""}, "limit is a number from 1 to 200"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, str], said: str) -> None:
    """An answer to another question would be worse than none."""
    with pytest.raises(UsageError) as refused:
        read_question(query, KNOWN)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "page", "following"),
    [([], [], None), ([1, 2], [1, 2], None), ([1, 2, 3], [1, 2, 3], None), ([1, 2, 3, 4], [1, 2, 3], "after 3")],
)
def test_only_a_page_that_something_follows_has_a_cursor(
    rows: list[int], page: list[int], following: str | None
) -> None:
    """A full last page does not promise another one."""
    assert cut_page(rows, 3, lambda row: f"after {row}") == (page, following)


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("0", 0), ("-7", -1), ("x", -1), ("", -1), ("٣", -1), ("9" * 18, 10**18 - 1), ("9" * 19, -1)],
)
def test_what_is_no_number_is_no_id(text: str, number: int) -> None:
    """Nothing that the store could not hold comes near it."""
    assert number_of(text) == number


def test_a_cursor_of_somebody_else_is_refused() -> None:
    """It would lead anywhere."""
    assert place_of(None, 5) == 5
    assert place_of("3", 5) == 3
    with pytest.raises(UsageError, match="not one of ours"):
        place_of("three", 5)
