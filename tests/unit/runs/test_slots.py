"""How sends are shared out among targets."""

from autoflow.runs.slots import Slots


def test_a_target_has_its_share_and_no_more() -> None:
    """A quarter of eight is two."""
    slots = Slots(8, share=0.25)
    first = slots.take("a")
    assert slots.room("a") == 1
    slots.take("a")
    assert slots.room("a") == 0
    assert slots.free == 6
    first.leave()
    assert (slots.room("a"), slots.free) == (1, 7)


def test_a_slot_moves_only_where_there_is_room() -> None:
    """The slot stays what it was where the next target has its share."""
    slots = Slots(4, share=0.25)
    slots.take("full")
    slot = slots.take("mine")
    assert not slot.move("full")
    assert slot.target == "mine"
    assert slot.move("free")
    assert (slots.room("mine"), slots.room("free"), slots.free) == (1, 0, 2)


def test_a_slot_may_stay_with_its_target() -> None:
    """The next step to the same target needs no further room."""
    slots = Slots(4, share=0.25)
    slot = slots.take("a")
    assert slot.move("a")
    assert slots.free == 3


def test_what_sends_nothing_out_has_no_share() -> None:
    """Only the total counts for it."""
    slots = Slots(2, share=0.5)
    assert slots.take(None).move(None)
    assert slots.free == 1


def test_even_a_small_share_is_one() -> None:
    """Everybody may send something."""
    assert Slots(2, share=0.01).room("a") == 1
