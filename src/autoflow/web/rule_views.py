"""The rules in force as JSON: what the API answers and the commands print."""

from __future__ import annotations

import base64
import binascii
import json

from autoflow.model.json import Json
from autoflow.store.base import Reading, Row
from autoflow.web.paging import Asked, cut_page, refuse_cursor
from autoflow.web.views import Page, json_of

Key = tuple[str, str]


def rule_page(view: Reading, asked: Asked) -> Page:
    """The rules of the generation that ran last, by account and id."""
    account, label = asked.filters.get("account"), asked.filters.get("label")
    after = _read_cursor(asked.cursor)
    items = [
        item
        for item in map(rule_view, rule_rows(view))
        if (account is None or item["account"] == account)
        and (label is None or label in item["labels"])
        and (after is None or _key_of(item) > after)
    ]
    page, following = cut_page(sorted(items, key=_key_of), asked.limit, _write_cursor)
    return list(page), following


def rule_detail(view: Reading, rule_id: str) -> list[dict[str, Json]]:
    """The rules of this id, in every account, with their documents."""
    return [
        {**rule_view(row), "document": json_of(row["document"])}
        for row in rule_rows(view)
        if row["rule_id"] == rule_id
    ]


def rule_view(row: Row) -> dict[str, Json]:
    """One rule version, without its document."""
    document = json_of(row["document"])
    return {
        "id": row["rule_id"],
        "account": row["account"],
        "name": document.get("name", row["rule_id"]),
        "enabled": document.get("enabled", True),
        "labels": document.get("labels", []),
        "trigger": document["trigger"],
        "delay": document.get("delay", "0s"),
        "version": row["hash"],
        "path": row["path"],
        "line": row["line"],
        "commit": row["git_commit"],
        "author": row["author"],
        "dirty": None if row["dirty"] is None else bool(row["dirty"]),
    }


def rule_rows(view: Reading) -> list[Row]:
    """The versions of the generation that ran last."""
    generation = view.row("last_generation")
    return [] if generation is None else list(view.rows("versions_by_ids", ids=generation["versions"]))


def _key_of(item: dict[str, Json]) -> Key:
    return item["account"], item["id"]


def _write_cursor(item: dict[str, Json]) -> str:
    return base64.urlsafe_b64encode(json.dumps(_key_of(item)).encode()).decode()


def _read_cursor(text: str | None) -> Key | None:
    if text is None:
        return None
    try:
        account, rule_id = json.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError, TypeError):
        raise refuse_cursor() from None
    return str(account), str(rule_id)
