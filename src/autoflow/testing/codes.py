"""The codes of problems in scenario files, and of what a test found. Stable, as all codes are."""

from __future__ import annotations

NO_TESTS = "AF601"
UNKNOWN_KEY = "AF602"
MISSING_KEY = "AF603"
WRONG_SHAPE = "AF604"
WRONG_VALUE = "AF605"
WRONG_FILE = "AF606"
UNKNOWN_NAME = "AF607"
NAME_TWICE = "AF608"
STEP_KIND = "AF609"
NO_SUCH_TIME = "AF610"

NOT_MET = "AF620"
UNEXPECTED = "AF621"
NOT_PLAYED = "AF622"
