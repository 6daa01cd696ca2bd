"""Events as a scenario writes them: maps, lists, and files beside it (`$file`). After it: the doors' decoder."""

from __future__ import annotations

import json
from pathlib import Path

from autoflow.model.json import Json, plain_json
from autoflow.model.json_schema import describe
from autoflow.strict_yaml import MAX_BYTES, Pointer, read_yaml
from autoflow.testing import codes
from autoflow.testing.fields import Kind, Notes, note_shape
from autoflow.testing.scenario import Emit

FILE = "$file"
JSON = "application/json"
LINES = "application/x-ndjson"
LINE_ENDINGS = (".jsonl", ".ndjson")


def _read_emit(value: Json, at: Pointer, notes: Notes) -> Emit | None:
    if isinstance(value, dict) and set(value) == {FILE} and str(value[FILE]).endswith(LINE_ENDINGS):
        body = _read_bytes(value[FILE], (*at, FILE), notes)
        return None if body is None else Emit(body=body, content_type=LINES, several=True)
    if not isinstance(value, dict | list):
        hint = f"write emit: {{ type: {value} }}" if isinstance(value, str) else None
        note_shape(value, at, "a map or a list of maps", notes, hint)
        return None
    before = len(notes.findings.items)
    filled = fill_files(value, at, notes)
    if len(notes.findings.items) > before:
        return None
    return Emit(body=plain_json(filled).encode(), content_type=JSON, several=isinstance(filled, list))


def fill_files(value: Json, at: Pointer, notes: Notes) -> Json:
    """The value with what files hold in the places of their names; what stands beside `$file` is laid over it."""
    if isinstance(value, list):
        return [fill_files(part, (*at, index), notes) for index, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    filled = {key: fill_files(part, (*at, key), notes) for key, part in value.items() if key != FILE}
    if FILE not in value:
        return filled
    held = _read_json(value[FILE], (*at, FILE), notes)
    if filled and not isinstance(held, dict):
        notes.add(at, f"{value[FILE]} holds no map, and nothing can be laid over it", code=codes.WRONG_FILE)
        return held
    return _lay_over(held, filled) if filled else held


def _lay_over(below: Json, above: Json) -> Json:
    """Maps are joined key by key; anything else is replaced."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    joined = {key: _lay_over(below[key], above[key]) if key in below else above[key] for key in above}
    return {**below, **joined}


def _read_json(name: Json, at: Pointer, notes: Notes) -> Json:
    body = _read_bytes(name, at, notes)
    if body is None:
        return None
    try:
        text = body.decode("utf-8-sig")
        if str(name).endswith(".json"):
            return json.loads(text)
    except (ValueError, RecursionError) as error:
        notes.add(at, f"{name} holds no JSON: {error}", code=codes.WRONG_FILE)
        return None
    read = read_yaml(text, path=str(name))
    if read.all_problems:
        notes.add(at, f"{name} cannot be read: {read.all_problems[0]}", code=codes.WRONG_FILE)
        return None
    if len(read.documents) != 1:
        notes.add(at, f"{name} holds {len(read.documents)} documents, not one", code=codes.WRONG_FILE)
        return None
    return read.documents[0].value


def _read_bytes(name: Json, at: Pointer, notes: Notes) -> bytes | None:
    if not isinstance(name, str) or not name:
        note_shape(name, at, "the path of a file", notes)
        return None
    try:
        path = notes.folder / Path(name)
        if path.exists() and not path.is_file():  # a pipe or a device would be read for ever
            notes.add(at, f"{name} is no file", code=codes.WRONG_FILE)
            return None
        with path.open("rb") as stream:
            body = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = f"paths start from {notes.folder}"
        notes.add(at, f"{name} cannot be read: {reason}", hint, code=codes.WRONG_FILE)
        return None
    if len(body) > MAX_BYTES:
        notes.add(at, f"{name} is larger than 1 MiB", code=codes.WRONG_FILE)
        return None
    return body


_EVENT_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "What happened, for example job.created."},
        "id": {"type": "string", "description": "The sender's id: the same again is a duplicate."},
        "source": {"type": "string"},
        "account": {"type": "string"},
        "subject": {"type": "string"},
        "time": {"type": "string", "description": "When it happened, as RFC 3339."},
        "data": describe({}, "data", "The facts; `{ $file: PATH }` takes them from a file beside the scenario."),
        FILE: {
            "type": "string",
            "description": "A JSON, JSON lines or YAML file; what stands beside is laid over it.",
        },
    },
}
EMIT = Kind(_read_emit, {"anyOf": [_EVENT_SCHEMA, {"type": "array", "items": _EVENT_SCHEMA}]})
