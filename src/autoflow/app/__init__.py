"""Wiring and life cycle: the only place that knows all parts, and the only one that names a database."""
