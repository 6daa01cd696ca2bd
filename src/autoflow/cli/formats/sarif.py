"""SARIF 2.1.0, which code scanning and editors read. Without findings it has an empty list: old alerts are closed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from autoflow import __version__
from autoflow.cli.explain import read_page, render_page
from autoflow.cli.formats.report import Report
from autoflow.model.problem import Problem

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"


def write_sarif(report: Report, *, home: str | None = None) -> str:
    """The whole document; `home` is where the pages of the codes can be read, where there is such a place."""
    codes = sorted({problem.code for problem in report.problems})
    driver: dict[str, Any] = {"name": "autoflow", "version": __version__}
    if home:
        driver["informationUri"] = home
    driver["rules"] = [_rule(code, report, home) for code in codes]
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the checkout."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(*found, codes) for found in report.fingerprints()],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, report: Report, home: str | None) -> dict[str, Any]:
    page = read_page(code)
    if page is None:
        worst = next(problem for problem in report.problems if problem.code == code)
        return {"id": code, "defaultConfiguration": {"level": worst.severity.value}}
    rule: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.meaning},
        "help": {"text": "\n".join(line for line, _ in render_page(page)), "markdown": page.body},
        "defaultConfiguration": {"level": page.level},
    }
    if home:
        rule["helpUri"] = address_of(code, home)
    return rule


def address_of(code: str, home: str) -> str:
    """Where a code's page can be read."""
    return f"{home.rstrip('/')}/{code}.md"


def _result(problem: Problem, mark: str, number: int, codes: Sequence[str]) -> dict[str, Any]:
    message = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
    region = {
        "startLine": problem.line,
        "startColumn": problem.column,
        "endLine": problem.end_line,
        "endColumn": problem.end_column,
    }
    return {
        "ruleId": problem.code,
        "ruleIndex": codes.index(problem.code),
        "level": problem.severity.value,
        "message": {"text": message},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(problem.path), "region": region}}],
        "partialFingerprints": {"primaryLocationLineHash": f"{mark[:16]}:{number}"},
        **({"properties": {"rule": problem.rule}} if problem.rule is not None else {}),
    }


def _artifact(path: str) -> dict[str, str]:
    name = quote(path.encode("utf-8", "surrogateescape"))
    return {"uri": f"file://{name}"} if path.startswith("/") else {"uri": name, "uriBaseId": ROOT}
