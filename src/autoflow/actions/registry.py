"""Which actions there are: the table for rules, and the ones the config makes ready to send.

A new action is one file of its own, one entry in `kinds.py` and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from autoflow.actions.base import ActionType
from autoflow.actions.kinds import ALL_TYPES

ACTION_TYPES: Mapping[str, ActionType] = MappingProxyType(
    {name: kind for kind in ALL_TYPES for name in (kind.name, *kind.aliases)}
)
"""Every action by its name and by each accepted spelling of it; `.name` is the one to write."""
