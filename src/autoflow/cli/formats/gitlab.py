"""GitLab's Code Quality report: one list, each entry with a fingerprint that no other one has."""

from __future__ import annotations

import hashlib
import json

from autoflow.cli.formats.report import Report
from autoflow.model.problem import Severity

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def write_gitlab(report: Report) -> str:
    """The whole document."""
    items = [
        {
            "description": f"{problem.message} ({problem.hint})" if problem.hint else problem.message,
            "check_name": problem.code,
            "fingerprint": hashlib.sha256(f"{mark} {number}".encode()).hexdigest(),
            "severity": _SEVERITIES[problem.severity],
            "location": {"path": problem.path, "lines": {"begin": problem.line, "end": problem.end_line}},
        }
        for problem, mark, number in report.fingerprints()
    ]
    return json.dumps(items, indent=2) + "\n"
