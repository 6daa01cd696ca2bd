"""Rule versions and generations in the store: what ran, so that waiting work and answers can refer to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoflow.model.json import JsonObject, plain_json
from autoflow.model.rule import Provenance, Rule
from autoflow.store.base import Reading, Row, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A rule version as it is kept."""

    id: int
    document: JsonObject
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A set of rule versions that ran together."""

    id: int
    version_ids: tuple[int, ...]


def store_generation(tx: Transaction, rules: Sequence[Rule]) -> Generation:
    """Keep the versions of a set of rules; a new generation only when the set differs from the last one."""
    ids = tuple(store_version(tx, rule) for rule in rules)
    last = last_generation(tx)
    if last is not None and last.version_ids == ids:
        return last
    row = tx.row("insert_generation", versions=json.dumps(ids), created_at=tx.now)
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return Generation(id=row["id"], version_ids=ids)


def last_generation(view: Reading) -> Generation | None:
    """The set of rules that ran last, or None where none ever did."""
    row = view.row("last_generation")
    if row is None:
        return None
    return Generation(id=row["id"], version_ids=tuple(json.loads(row["versions"])))


def load_versions(view: Reading, ids: Iterable[int]) -> dict[int, StoredVersion]:
    """Rule versions by id."""
    rows = view.rows("versions_by_ids", ids=json.dumps(list(ids)))
    return {row["id"]: _version_of(row) for row in rows}


def waiting_versions(view: Reading) -> tuple[int, ...]:
    """The versions that something waits under."""
    return tuple(row["version"] for row in view.rows("waiting_versions"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """What nothing refers to any more, as it was when somebody looked."""

    generations: tuple[int, ...]
    versions: tuple[int, ...]
    #: the newest generation at that time
    since: int


def find_unused(view: Reading) -> Unused:
    """The generations and versions that nothing refers to. A version is used where a set that holds it is.

    Whatever else refers to a version came from an event that such a set has judged.
    """
    generations = view.rows("generations_in_use")
    used: set[int] = set()
    for row in generations:
        if row["used"]:
            used.update(json.loads(row["versions"]))
    return Unused(
        generations=tuple(row["id"] for row in generations if not row["used"]),
        versions=tuple(row["id"] for row in view.rows("version_ids") if row["id"] not in used),
        since=generations[-1]["id"] if generations else 0,
    )


def remove_unused(tx: Transaction, unused: Unused) -> int:
    """Remove them, but for what was taken up again meanwhile; how many rows went."""
    removed = tx.run("purge_generations", ids=json.dumps(unused.generations))
    return removed + tx.run("purge_versions", ids=json.dumps(unused.versions), since=unused.since)


def provenance_of(row: Row) -> Provenance:
    """Where a version came from."""
    return Provenance(
        path=row["path"],
        line=row["line"],
        commit=row["git_commit"],
        author=row["author"],
        dirty=None if row["dirty"] is None else bool(row["dirty"]),
    )


def store_version(tx: Transaction, rule: Rule) -> int:
    """Keep a rule version under its number; the same meaning keeps its number wherever it stands."""
    values = {
        "document": plain_json(rule.document),
        "path": rule.provenance.path,
        "line": rule.provenance.line,
        "git_commit": rule.provenance.commit,
        "author": rule.provenance.author,
        "dirty": None if rule.provenance.dirty is None else int(rule.provenance.dirty),
    }
    known = tx.row("version_by_hash", account=rule.account, rule_id=rule.id, hash=rule.hash)
    if known is not None:
        tx.run("update_version", id=known["id"], **values)
        return int(known["id"])
    row = tx.row(
        "insert_version",
        account=rule.account,
        rule_id=rule.id,
        hash=rule.hash,
        created_at=tx.now,
        **values,
    )
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return int(row["id"])


def _version_of(row: Row) -> StoredVersion:
    return StoredVersion(id=row["id"], document=json.loads(row["document"]), provenance=provenance_of(row))
