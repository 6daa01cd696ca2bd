"""The end of a daemon's life at a failpoint, inside a scenario: what is on the disk then is all that is left of it.

The process goes on: what follows in that life is neither kept nor heard, and is dropped as soon as it comes to rest.
"""

from __future__ import annotations

from collections.abc import Callable

from autoflow import failpoints
from autoflow.testing.scenario import Restart


class Death:
    """Waits at a failpoint for the passing at which a life ends."""

    def __init__(self, restart: Restart, *, freeze: Callable[[], None]) -> None:
        assert restart.at is not None  # noqa: S101 - a restart without a place is done at once
        self.point = restart.at
        self.down = restart.down
        self.struck = False
        self._freeze = freeze
        failpoints.arm_call(self.point, self._strike, at=restart.passing)

    def disarm(self) -> None:
        """Nothing more happens at that place."""
        failpoints.disarm()

    def _strike(self) -> None:
        self._freeze()
        self.struck = True
