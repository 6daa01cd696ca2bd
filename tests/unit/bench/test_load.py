"""What the bundled sender counts."""

from dataclasses import replace

from benchmarks import load
from benchmarks.load import LoadOrder, Sender, Senders

ORDER = LoadOrder(
    host="127.0.0.1",
    port=1,
    path="/",
    content_type="application/json",
    token="t",
    body="{}",
    connections=1,
    seconds=0.01,
    pace=100.0,
)


class Unanswered(Sender):
    """A connection whose one request is under way when the last tick has passed."""

    def send(self) -> None:
        """As if it had been sent."""
        self._senders.sent += 1
        self._senders.under_way += 1


async def test_a_late_last_request_is_waited_for() -> None:
    """The planned end passed and nothing was under way before the last tick came: its answer counts all the same."""
    senders = Senders(replace(ORDER, warm_up=0.0))
    senders.done.set()
    connection = Unanswered(senders)
    await load._send_paced(senders, [connection])
    assert not senders.done.is_set()
    senders.answered(connection, b"202", senders.begin)
    assert senders.done.is_set()
    assert len(senders.latencies) == senders.sent == 1
