"""Events and the facts that they give."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.model.event import Event, arrival_facts, facts_of

NAMES = st.sampled_from(["job", "client", "event", "trigger"])
DATA = st.dictionaries(NAMES, st.integers() | st.dictionaries(NAMES, st.integers(), max_size=2), max_size=3)


def make_event(data: Any) -> Event:
    """An event with that data."""
    return Event(id="e", type="job.done", time=1, received_at=2, raw=b"", data=data, extensions={"trace": "t"})


@given(
    data=DATA | st.lists(st.integers()) | st.none() | st.text(), asked=st.permutations(["event", "trigger", "job"])
)
def test_facts_on_arrival_are_the_facts_whichever_is_asked_for_first(data: Any, asked: list[str]) -> None:
    """The roots win over the data's own keys; what nobody asks for is not made."""
    event = make_event(data)
    expected, facts = facts_of(event), arrival_facts(event)
    for name in asked:
        assert facts[name] == expected[name] if name in expected else name not in facts
    for name in {"client", "job"} - set(expected):
        with pytest.raises(KeyError):
            facts[name]


def test_the_roots_are_not_made_for_conditions_that_read_only_the_data() -> None:
    """Most rules do: the envelope is written out for those that ask."""
    facts = arrival_facts(make_event({"job": 1}))
    assert facts["job"] == 1
    assert dict(facts) == {"job": 1}
    assert facts["trigger"]["event"] is facts["event"]
    assert set(facts) == {"job", "event", "trigger"}


def test_making_facts_leaves_the_event_as_it_is() -> None:
    """Events never change."""
    data = {"job": 1}
    facts = arrival_facts(make_event(data))
    assert facts["trigger"]["job"] == 1
    assert data == {"job": 1}
