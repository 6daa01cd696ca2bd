"""Findings as autoflow's own JSON."""

from __future__ import annotations

import json

from autoflow.cli.formats.report import Report
from autoflow.model.problem import Severity
from autoflow.rules.report import problem_to_json


def write_json(report: Report, *, indent: int | None = None) -> str:
    """The document of `--json`."""
    document = {
        "schema_version": 1,
        "items": [problem_to_json(problem) for problem in report.problems],
        "rules": report.rules,
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
    }
    return json.dumps(document, ensure_ascii=False, indent=indent) + "\n"
