"""The events that come out of runs are told apart by their ids, and a repetition is told by the same one."""

from autoflow.model.event import Event
from autoflow.model.run import EmittedEvent
from autoflow.runs.own_events import emitted_events

CAUSE = Event(id="e1", type="x", account="acme", time=1, received_at=1, raw=b"{}", data={}, depth=2)
MADE = (EmittedEvent(type="y", data={"n": 1}), EmittedEvent(type="y", data={"n": 1}))


def ids_of(key: str, *, now: int = 5) -> list[str]:
    """The ids of what an action with this key makes at this moment."""
    return [event.id for event in emitted_events(CAUSE, key, MADE, now=now)]


def test_a_repeated_attempt_makes_the_same_ids() -> None:
    """Whenever it is made: what came of the first one is a duplicate of itself."""
    assert ids_of("act_1") == ids_of("act_1", now=99)


def test_no_two_events_have_one_id() -> None:
    """Neither of one action, nor of two."""
    assert len({*ids_of("act_1"), *ids_of("act_2")}) == 4


def test_an_event_is_one_further_from_outside_than_its_cause() -> None:
    """In the same account; that is how a chain without end is noticed."""
    assert {(event.account, event.depth) for event in emitted_events(CAUSE, "act_1", MADE, now=5)} == {("acme", 3)}
