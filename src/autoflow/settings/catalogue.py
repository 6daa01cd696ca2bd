"""The catalogue of events as the config writes it: what stands beside the name of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from autoflow.model.json import Json
from autoflow.settings.kinds import PATH, Kind


class EventKey(NamedTuple):
    """One key of an event in the catalogue."""

    kind: Kind
    doc: str
    #: as it would be written
    example: str


def _read_paths(value: Json, folder: Path) -> tuple[Path, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(PATH.read(part, folder) for part in values)


_PATHS = Kind(read=_read_paths, schema={"anyOf": [PATH.schema, {"type": "array", "items": PATH.schema}]})

EVENT_KEYS: Mapping[str, EventKey] = MappingProxyType(
    {
        "example": EventKey(
            kind=_PATHS,
            doc="A file with the data of such an event, as JSON or YAML, or a list of them.",
            example="examples/job-created.json",
        ),
        "schema": EventKey(
            kind=PATH, doc="A file with the JSON Schema of its data (draft 7 or 2020-12).", example="schemas/job.json"
        ),
    }
)
