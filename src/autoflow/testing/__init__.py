"""Rehearsals of the line: scenarios, coverage and backtests on a virtual clock, with the daemon's own engine."""
