"""When: what an event plans, and what wakes the dispatcher."""
