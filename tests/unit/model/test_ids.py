"""Ids that sort by time."""

import functools
import operator
import re
import uuid

from autoflow.model.ids import IdSource

NOW = 1_800_000_000_000


def test_ids_are_uuid_version_7() -> None:
    """The library reads them, with version, variant and time in their places."""
    made = IdSource().make(NOW)
    read = uuid.UUID(made)
    assert read.version == 7
    assert read.variant == uuid.RFC_4122
    assert read.int >> 80 == NOW
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)


def test_every_id_has_random_bits_of_its_own() -> None:
    """Also where they are drawn for many ids at once: 62 of them, behind the variant."""
    source = IdSource()
    read = [uuid.UUID(source.make(NOW)) for _ in range(1_000)]
    assert {(one.version, one.variant) for one in read} == {(7, uuid.RFC_4122)}
    random = [one.int & ((1 << 62) - 1) for one in read]
    assert len(set(random)) == len(random)
    assert functools.reduce(operator.or_, random) == (1 << 62) - 1
    assert functools.reduce(operator.and_, random) == 0


def test_ids_never_go_backwards() -> None:
    """Not within a millisecond, not past 4,096 of them, not when the clock is set back."""
    source = IdSource()
    made = [source.make(NOW) for _ in range(10_000)] + [source.make(NOW - 5_000) for _ in range(10)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_many_ids_at_once_stand_in_the_same_line() -> None:
    """Behind those made before and before those made after; also where they are more than a millisecond has."""
    source = IdSource()
    made = [source.make(NOW), *source.make_many(NOW, 5_000), source.make(NOW), *source.make_many(NOW, 0)]
    assert len(made) == 5_002
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made} == {(7, uuid.RFC_4122)}
    assert made == sorted(set(made))
