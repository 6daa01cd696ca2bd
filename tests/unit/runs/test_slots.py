"""How sends are shared out among targets."""

import asyncio

from autoflow.runs.slots import EXPRESS, MOST_INNER, Slot, Slots
from support.turns import turn


async def begun(slots: Slots, target: str | None) -> Slot:
    """A slot of a send that is under way."""
    slot = slots.claim(target)
    assert await slot.begin()
    return slot


async def test_a_target_has_its_share_and_as_much_again_is_claimed_ahead() -> None:
    """A quarter of eight is two: two are sent, two are ready."""
    slots = Slots(8, share=0.25)
    first = await begun(slots, "a")
    assert slots.may_send("a")
    await begun(slots, "a")
    assert not slots.may_send("a")
    assert (slots.room("a"), slots.free) == (2, 14)
    third, fourth = slots.claim("a"), slots.claim("a")
    assert (slots.room("a"), slots.full(), slots.free) == (0, {"a"}, 12)
    waiting = [asyncio.ensure_future(slot.begin()) for slot in (third, fourth)]
    await turn()
    assert not any(one.done() for one in waiting)
    first.leave()
    await turn()
    assert [one.done() for one in waiting] == [True, False], "the one that was ready for longest"
    assert (slots.room("a"), slots.free) == (1, 13)
    third.leave()
    assert await waiting[1]


async def test_all_together_are_no_more_than_there_are_slots() -> None:
    """Whatever their targets."""
    slots = Slots(2, share=1.0)
    first = await begun(slots, "a")
    await begun(slots, None)
    third = asyncio.ensure_future(slots.claim("c").begin())
    await turn()
    assert not third.done()
    first.leave()
    assert await third


async def test_what_waits_for_a_full_target_keeps_nobody_else_waiting() -> None:
    """Though it was there first."""
    slots = Slots(4, share=0.25)
    await begun(slots, "dead")
    other = [await begun(slots, target) for target in "abc"]
    held_up = asyncio.ensure_future(slots.claim("dead").begin())
    await turn()
    ready = asyncio.ensure_future(slots.claim("d").begin())
    await turn()
    other[0].leave()
    assert await ready
    assert not held_up.done()
    held_up.cancel()


async def test_one_that_is_cut_off_holds_no_slot() -> None:
    """Neither while it waits nor at the moment it is let in."""
    slots = Slots(1, share=1.0)
    first = await begun(slots, "a")
    waits, let_in = slots.claim("a"), slots.claim("a")
    one, two = asyncio.ensure_future(waits.begin()), asyncio.ensure_future(let_in.begin())
    await turn()
    one.cancel()
    await turn()
    first.leave()
    two.cancel()
    await turn()
    for slot in (waits, let_in):
        slot.leave()
    assert (slots.may_send("a"), slots.free) == (True, 2)


async def test_nothing_begins_once_it_is_closed() -> None:
    """A stop begins nothing it will not finish."""
    slots = Slots(1, share=1.0)
    await begun(slots, "a")
    waiting = asyncio.ensure_future(slots.claim("a").begin())
    await turn()
    slots.close()
    assert not await waiting
    assert not await slots.claim("b").begin()


async def test_what_is_counted_begins_though_it_is_closed() -> None:
    """In its turn: a stop finishes what it has begun, with no more at once than before."""
    slots = Slots(1, share=1.0)
    first, counted = await begun(slots, "a"), slots.reserve("a")
    assert counted is not None
    waiting = asyncio.ensure_future(counted.begin())
    await turn()
    slots.close()
    await turn()
    assert not waiting.done()
    first.leave()
    assert await waiting
    assert slots.reserve("a") is None


async def test_what_begins_with_its_event_leaves_room_to_others() -> None:
    """Four times a target's share, and four times all of them."""
    slots = Slots(4, share=0.5)
    held = [slots.reserve("a") for _ in range(EXPRESS * 2)]
    assert all(held)
    assert slots.reserve("a") is None
    held += [slots.reserve("b") for _ in range(EXPRESS * 2)]
    assert slots.reserve("c") is None
    assert (slots.room("a"), slots.room("c"), slots.free) == (-4, 4, 8), "what is claimed for others has its own room"
    slots.claim("c").leave()
    for slot in held:
        slot.leave()
    assert (slots.reserve("c") is not None, slots.free) == (True, 8)


async def test_a_slot_moves_only_where_there_is_room() -> None:
    """The slot stays what it was where the next target has its share."""
    slots = Slots(4, share=0.25)
    await begun(slots, "full")
    slot = await begun(slots, "mine")
    assert not slot.move("full")
    assert slot.target == "mine"
    assert slot.move("free")
    assert (slots.may_send("mine"), slots.may_send("free"), slots.free) == (True, False, 6)
    slot.leave()
    assert slots.may_send("free")


async def test_a_slot_may_stay_with_its_target() -> None:
    """The next step to the same target needs no further room."""
    slots = Slots(4, share=0.25)
    slot = await begun(slots, "a")
    assert slot.move("a")
    assert slots.free == 7


async def test_what_sends_nothing_out_has_no_share() -> None:
    """Only the total counts for it."""
    slots = Slots(2, share=0.5)
    slot = await begun(slots, None)
    assert slot.move(None)
    assert slots.free == 3


async def test_leaving_twice_gives_back_once() -> None:
    """Once the send has ended, and once the run has."""
    slots = Slots(2, share=1.0)
    slot = await begun(slots, "a")
    slot.leave()
    slot.leave()
    assert slots.free == 4


def test_even_a_small_share_is_one() -> None:
    """Everybody may send something."""
    assert Slots(2, share=0.01).may_send("a")


async def test_a_slot_that_moves_tells_that_its_target_has_room() -> None:
    """What is due for the target it left may be claimed at once, not only when the run has ended."""
    slots = Slots(8, share=0.25)
    slot = await begun(slots, "a")
    told: list[int] = []
    slots.freed = lambda: told.append(slots.room("a"))
    assert slot.move("b")
    assert told == [4]


async def test_nothing_goes_on_with_another_send_once_it_is_closed() -> None:
    """Neither to the next target nor to the same one: the step after waits for the next start."""
    slots = Slots(8, share=0.25)
    slot = await begun(slots, "a")
    slots.close()
    assert not slot.move("b")
    assert not slot.move("a")
    slot.leave()
    assert slots.free == 16


def test_what_sends_nothing_takes_no_room_from_what_does() -> None:
    """It has room of its own, half of it for one claim; what ends of it lets more be claimed."""
    slots, rung = Slots(8, share=0.25), []
    slots.freed = lambda: rung.append(slots.inner_room)
    assert (slots.free, slots.inner_room) == (16, 64)
    slots.hold(64)
    assert (slots.free, slots.inner_room) == (16, 64)
    slots.hold(40)
    assert (slots.free, slots.inner_room) == (16, 24)
    slots.claim("a")
    slots.release(64)
    slots.release(40)
    assert rung == [64, 64]
    assert (slots.free, slots.inner_room) == (15, 64)


def test_what_sends_nothing_is_bounded_however_many_slots_there_are() -> None:
    """All that is claimed at once is in memory."""
    assert Slots(10_000, share=1).inner_room == MOST_INNER
