"""An action as its receiver gets it: to whom, about what, and the text with its own line breaks."""

from typing import Any

import pytest

from autoflow.cli.messages import message_lines


@pytest.mark.parametrize(
    ("type_", "params", "lines"),
    [
        ("sms", {"recipient": "+1555", "message": "Hi\n\nBob"}, ["sms to +1555", "   │ Hi", "   │", "   │ Bob"]),
        (
            "email",
            {"recipient": ["a@x.example", "b@x.example"], "message": "Hi", "subject": "S", "reply_to": "c@x.example"},
            [
                "email to a@x.example, b@x.example",
                "   subject   S",
                "   reply_to  c@x.example",
                "   │ Hi",
            ],
        ),
        (
            "email",
            {"recipient": "a@x.example", "template": {"name": "t", "subject": "S", "text": "Hi", "html": "<p>"}},
            ["email to a@x.example", "   subject   S", "   template  t", "   │ Hi", "   and as HTML, 3 characters"],
        ),
        (
            "email",
            {"recipient": "a@x.example", "template": {"name": "t", "subject": None, "text": None, "html": "<p>"}},
            ["email to a@x.example", "   template  t", "   │ <p>"],
        ),
        (
            "webhook",
            {"url": "https://x.example/", "payload": {"a": 1}},
            ["webhook to https://x.example/", '   payload  {"a": 1}'],
        ),
        (
            "http",
            {"url": "https://x.example/", "method": "PATCH", "payload": {"text": "x" * 60}},
            [
                "http PATCH https://x.example/",
                "   payload",
                "     {",
                f'       "text": "{"x" * 60}"',
                "     }",
            ],
        ),
        ("http", {"url": "https://x.example/"}, ["http GET https://x.example/"]),
        ("emit", {"type": "a.b", "data": {"n": 1}}, ["emit a.b", '   data  {"n": 1}']),
        ("log", {"message": "\x1b[2Jgone"}, ["log", "   │ �[2Jgone"]),
    ],
)
def test_a_message_reads_as_it_is_received(type_: str, params: dict[str, Any], lines: list[str]) -> None:
    """Recipient and address first, short parameters in a row, then what is long."""
    assert message_lines(type_, params) == lines
