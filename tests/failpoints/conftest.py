"""Daemons that end with their test."""

from acceptance.conftest import make_daemon

__all__ = ["make_daemon"]
