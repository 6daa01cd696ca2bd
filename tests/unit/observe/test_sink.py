"""The short way of a log line: the same line as the long way, and no line lost."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.observe import log as log_module
from autoflow.observe.log import configure_logging, gather_lines, get_log, write_lines_at_once


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("autoflow")
    before = list(root.handlers), root.level, own.level
    yield
    log_module._sinks.clear()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def hide(text: str) -> str:
    """A mask that knows one secret."""
    return text.replace("hunter22", "***")


def say_both_ways(fields: dict[str, Any]) -> tuple[str, str]:
    """The line of the short way, and of the long way."""
    lines = []
    for short in (True, False):
        stream = io.StringIO()
        configure_logging("json", "info", mask=hide, stream=stream)
        if not short:
            log_module._sinks.clear()
        get_log("autoflow.test").info("daemon.started", **fields)
        lines.append(stream.getvalue())
    return lines[0], lines[1]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("my hunter22"),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z_]{3,12}", fullmatch=True), VALUES, max_size=5))
def test_both_ways_say_the_same(fields: dict[str, Any]) -> None:
    """Whatever the fields are called and hold: secrets hidden, controls escaped, long texts cut."""
    fields = {key: value for key, value in fields.items() if key not in ("event", "exception")}
    short, long = (json.loads(line) for line in say_both_ways(fields))
    short.pop("ts")
    long.pop("ts")
    assert short == long
    assert list(short) == list(long)


@pytest.mark.parametrize("key", ["token", "api_key", "access_token", "webhook_secret"])
def test_a_field_named_like_a_secret_is_hidden(key: str) -> None:
    """Also on the short way."""
    short, _ = say_both_ways({key: "abcdef"})
    assert json.loads(short)[key] == "***"


def test_lines_of_one_turn_go_out_together_and_in_order() -> None:
    """Nothing is written before the turn ends, and everything then."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    later: list[Callable[[], None]] = []
    gather_lines(later.append)
    for number in range(3):
        get_log("autoflow.test").info("daemon.started", number=number)
    assert stream.getvalue() == ""
    assert len(later) == 1
    later[0]()
    assert [json.loads(line)["number"] for line in stream.getvalue().splitlines()] == [0, 1, 2]


def test_another_threads_line_is_written_at_once() -> None:
    """It has no turn to wait for."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    gather_lines(lambda _flush: None)
    thread = threading.Thread(target=lambda: get_log("autoflow.test").info("daemon.started"))
    thread.start()
    thread.join()
    assert json.loads(stream.getvalue())["event"] == "daemon.started"


def test_the_end_writes_what_has_gathered() -> None:
    """And every later line as it comes."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    gather_lines(lambda _flush: None)
    get_log("autoflow.test").info("daemon.draining")
    write_lines_at_once()
    get_log("autoflow.test").info("daemon.stopped")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "daemon.draining",
        "daemon.stopped",
    ]
