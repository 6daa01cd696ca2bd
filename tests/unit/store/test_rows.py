"""Many rows in few statements hold what they hold one by one."""

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.store.sqlite.rows import statements_for

INSERT = "INSERT INTO things (a, b, c) VALUES (:a, :b, :c) ON CONFLICT DO NOTHING"
VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=5), st.just("a\0b"))


def write(rows: list[tuple[Any, ...]], same: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What a table holds after an insert of these."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE things (a, b, c)")
    for statement, values in statements_for(INSERT, rows, same):
        connection.execute(statement, values)
    found = connection.execute("SELECT a, b, c FROM things ORDER BY rowid").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("number", [0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 511, 512, 513, 1300])
def test_every_number_of_rows_is_written_in_order(number: int) -> None:
    """Whatever the sizes of the statements."""
    rows = [(one, f"t{one}", None) for one in range(number)]
    assert write(rows, {}) == rows


@given(rows=st.lists(st.tuples(VALUES, VALUES), max_size=40), shared=VALUES)
def test_a_value_that_all_rows_have_is_in_each_of_them(rows: list[tuple[Any, Any]], shared: Any) -> None:
    """At its own place, whichever that is."""
    assert write(rows, {"a": shared}) == [(shared, *row) for row in rows]
    assert write(rows, {"b": shared}) == [(first, shared, second) for first, second in rows]
    assert write([row[:1] for row in rows], {"c": shared, "a": 7}) == [(7, row[0], shared) for row in rows]


def test_only_what_inserts_one_row_of_values_is_written_for_many() -> None:
    """Another statement is a mistake of ours."""
    with pytest.raises(ValueError, match="does not insert one row"):
        list(statements_for("DELETE FROM things", [(1,)], {}))
