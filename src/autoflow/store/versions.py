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
    account: str
    rule_id: str
    hash: str
    document: JsonObject
    provenance: Provenance

    @property
    def key(self) -> tuple[str, str]:
        """What the rule is known by: (account, id)."""
        return (self.account, self.rule_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A set of rule versions that ran together."""

    id: int
    version_ids: tuple[int, ...]


def store_generation(tx: Transaction, ids: Sequence[int]) -> Generation | None:
    """Keep a set of rule versions, a new generation only when it differs from the last one.

    None where one of them is not kept any more.
    """
    numbers = json.dumps(ids)
    found = tx.row("count_versions", ids=numbers)
    if found is None or found["number"] != len(ids):
        return None
    last = last_generation(tx)
    if last is not None and last.version_ids == tuple(ids):
        return last
    row = tx.row("insert_generation", versions=numbers, created_at=tx.now)
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return Generation(id=row["id"], version_ids=tuple(ids))


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


def store_versions(tx: Transaction, rules: Sequence[Rule]) -> list[int]:
    """Keep rule versions; their numbers. The same meaning keeps its number wherever it stands."""
    keys = json.dumps([[rule.account, rule.id, rule.hash] for rule in rules])
    known = {(row["account"], row["rule_id"], row["hash"]): row for row in tx.rows("versions_by_hashes", keys=keys)}
    return [_store_version(tx, rule, known.get((rule.account, rule.id, rule.hash))) for rule in rules]


def _store_version(tx: Transaction, rule: Rule, known: Row | None) -> int:
    values = {
        "document": plain_json(rule.document),
        "path": rule.provenance.path,
        "line": rule.provenance.line,
        "git_commit": rule.provenance.commit,
        "author": rule.provenance.author,
        "dirty": None if rule.provenance.dirty is None else int(rule.provenance.dirty),
    }
    if known is not None:
        if any(known[name] != value for name, value in values.items()):
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
    return StoredVersion(
        id=row["id"],
        account=row["account"],
        rule_id=row["rule_id"],
        hash=row["hash"],
        document=json.loads(row["document"]),
        provenance=provenance_of(row),
    )
