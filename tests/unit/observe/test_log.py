"""What a log line is: stable names, masked and escaped fields, and a size that cannot be exceeded."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from autoflow.observe.log import FIELD_BYTES, configure_logging, get_log
from autoflow.security.secrets import Secrets


class Colour(StrEnum):
    """A value as the engine logs it."""

    #: the only one
    RED = "red"


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root, own = logging.getLogger(), logging.getLogger("autoflow")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """The stream's lines as objects."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_name_sentence_and_fields() -> None:
    """A JSON line carries time, level, logger, sentence, name and fields; what is None is left out."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    get_log("autoflow.runs").warning("dispatch.swept", count=3, colour=Colour.RED, rule_id=None, spans=[1, 2.5])
    (line,) = lines(stream)
    assert line["ts"].endswith("Z")
    assert len(line["ts"]) == len("2026-03-29T00:50:00.000Z")
    assert line["level"] == "warning"
    assert line["logger"] == "autoflow.runs"
    assert line["msg"] == "Waiting work of which nobody had woken the daemon was found."
    assert line["event"] == "dispatch.swept"
    assert line["count"] == 3
    assert line["colour"] == "red"
    assert line["spans"] == [1, 2.5]
    assert "rule_id" not in line


def test_levels_below_the_asked_one_are_silent() -> None:
    """At warning, info says nothing; foreign libraries are heard from warning on even at debug."""
    stream = io.StringIO()
    configure_logging("json", "warning", stream=stream)
    get_log("autoflow.x").info("rules.loaded")
    assert stream.getvalue() == ""
    configure_logging("json", "debug", stream=stream)
    get_log("autoflow.x").debug("rules.loaded")
    logging.getLogger("somebody.else").info("chatter")
    logging.getLogger("somebody.else").warning("trouble with %s", "x")
    assert [line["msg"] for line in lines(stream)] == ["Rules were loaded.", "trouble with x"]


def test_configuring_twice_says_nothing_twice() -> None:
    """A second configuration takes the place of the first."""
    first, second = io.StringIO(), io.StringIO()
    configure_logging("json", "info", stream=first)
    configure_logging("json", "info", stream=second)
    get_log("autoflow.x").info("rules.loaded")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_secrets_are_hidden_by_key() -> None:
    """Fields named after secrets are hidden at any depth; fields that only sound alike are not."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    get_log("autoflow.x").info(
        "rules.loaded",
        auth_token="hunter2",
        headers={"Authorization": "Bearer hunter2", "Set-Cookie": "hunter2", "Accept": "text/plain"},
        api_key="hunter2",
        tokenizer="visible",
    )
    assert "hunter2" not in stream.getvalue()
    (line,) = lines(stream)
    assert line["headers"]["Accept"] == "text/plain"
    assert line["tokenizer"] == "visible"


def test_secrets_are_masked_by_value_in_fields_messages_and_tracebacks() -> None:
    """A value that was once resolved from a reference is never written, nor the half of it that a cut leaves."""
    secrets = Secrets({"KEY": "s3cr3t-value"})
    secrets.resolve("secret://env/KEY")
    stream = io.StringIO()
    configure_logging("json", "info", secrets.mask, stream=stream)
    log = get_log("autoflow.x")
    log.info("rules.loaded", error="refused s3cr3t-value", deep={"a": ["s3cr3t-value"]})
    log.info("rules.loaded", error="x" * (FIELD_BYTES - 6) + "s3cr3t-value")
    logging.getLogger("foreign").warning("sent %s", "s3cr3t-value")
    try:
        raise RuntimeError("with s3cr3t-value inside")
    except RuntimeError as error:
        log.error("run.defect", exception=error)
    assert "s3cr3t" not in stream.getvalue()
    assert lines(stream)[3]["error_type"] == "RuntimeError"


@pytest.mark.parametrize("form", ["json", "text"])
def test_control_characters_cannot_forge_lines_or_colours(form: Any) -> None:
    """Line ends, escapes, direction marks and half characters of an event arrive as visible escapes."""
    stream = io.StringIO()
    configure_logging(form, "info", stream=stream)
    hostile = 'a\nb\r\x1b[31mred\x9b\u202eevil\u2028\ud800"'
    get_log("autoflow.x").info("rules.loaded", subject=hostile)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in text[:-1])
    assert not {"\u202e", "\u2028", "\ud800"} & set(text)
    if form == "json":
        assert lines(stream)[0]["subject"] == hostile


def test_a_field_is_at_most_two_kibibytes() -> None:
    """A long field is cut on a character's edge and says so; nesting too deep becomes text."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    deep: Any = "bottom"
    for _ in range(50):
        deep = [deep]
    get_log("autoflow.x").info("rules.loaded", long="é" * 5000, deep=deep)
    (line,) = lines(stream)
    assert len(line["long"].encode()) <= FIELD_BYTES + len("…".encode())
    assert line["long"].endswith("é…")
    assert len(stream.getvalue()) < 3 * FIELD_BYTES


def test_numbers_that_json_cannot_hold_are_text() -> None:
    """A line stays JSON when a figure is not a number."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    get_log("autoflow.x").info("rules.loaded", ratio=float("nan"))
    assert json.loads(stream.getvalue(), parse_constant=pytest.fail)["ratio"] == "nan"


def test_a_terminal_gets_text_and_a_pipe_gets_json() -> None:
    """`auto` looks at the stream; text lines quote what has spaces and indent a traceback."""
    terminal, pipe = Terminal(), io.StringIO()
    configure_logging("auto", "info", stream=terminal)
    log = get_log("autoflow.x")
    log.info("rules.loaded", rules=3, path="my rules/a.yaml")
    try:
        raise ValueError("no")
    except ValueError as error:
        log.error("run.defect", exception=error)
    first, second, *rest = terminal.getvalue().splitlines()
    assert first.endswith('info    Rules were loaded. event=rules.loaded rules=3 path="my rules/a.yaml"')
    assert second.endswith("event=run.defect error_type=ValueError error=no")
    assert rest
    assert all(line.startswith("    ") for line in rest)
    configure_logging("auto", "info", stream=pipe)
    log.info("rules.loaded")
    assert lines(pipe)[0]["event"] == "rules.loaded"


def test_a_percent_sign_is_only_a_percent_sign() -> None:
    """Nothing in a field or a name is taken for a format."""
    stream = io.StringIO()
    configure_logging("json", "info", stream=stream)
    get_log("autoflow.x").info("100%s", path="%d")
    (line,) = lines(stream)
    assert (line["msg"], line["path"]) == ("100%s", "%d")


def test_an_unknown_level_is_refused() -> None:
    """A mistyped level is told, not taken for another."""
    with pytest.raises(ValueError, match="known are debug"):
        configure_logging("json", "loud")
