"""The codes of problems in rule files. Stable: a code is never given another meaning, only retired.

AF101 to AF106 come from the YAML reader, AF2xx from conditions and references, AF300 from templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UNREADABLE = "AF107"
NOT_A_RULE = "AF108"
UNKNOWN_KEY = "AF110"
NOT_YET = "AF111"
MISSING_KEY = "AF112"
WRONG_SHAPE = "AF113"
NO_VALUE = "AF114"
WRONG_VALUE = "AF115"
WRONG_ID = "AF116"
RULE_TWICE = "AF117"
TWO_SPELLINGS = "AF118"
EVENT_NAME = "AF120"
WRONG_BY = "AF121"
WRONG_SPAN = "AF122"
WRONG_RETRY = "AF123"
SHARED_TWICE = "AF124"
STEP_KIND = "AF130"
UNKNOWN_ACTION = "AF131"
MISSING_PARAM = "AF132"
WRONG_URL = "AF133"
SECRET_PLACE = "AF134"  # noqa: S105 - a code, not a secret
UNKNOWN_TEMPLATE = "AF135"
UNKNOWN_NOTIFIER = "AF136"
TEMPLATE_PLACE = "AF137"
STEP_ID = "AF138"
ENDLESS_WAIT = "AF150"
NUMBER_LOST = "AF151"
NOTHING_INSIDE = "AF152"
CUT_BY_COMMENT = "AF153"
NO_ADDRESS = "AF154"
OTHER_TEMPLATE = "AF155"
REFUSED_TARGET = "AF156"
SILENCES_NOTHING = "AF157"
WRONG_IGNORE = "AF158"
NOT_FORMATTED = "AF160"
NEVER_FIRES = "AF161"
SAME_RULE = "AF162"
RING = "AF163"
ODD_ACCOUNT = "AF164"
COVERED = "AF165"
SAME_STEP = "AF166"
EMPTY_MESSAGE = "AF167"
NEAR_EVENT = "AF168"
KEY_MISSING = "AF169"
TYPE_LOST = "AF170"

CATALOGUED = frozenset({NEAR_EVENT, KEY_MISSING, TYPE_LOST, "AF253", "AF254"})
"""What is found only where the config has a catalogue of events."""
REVIEWED = CATALOGUED | {
    NEVER_FIRES,
    SAME_RULE,
    RING,
    ODD_ACCOUNT,
    COVERED,
    SAME_STEP,
    EMPTY_MESSAGE,
    "AF251",
    "AF252",
}
"""What only the review of rules that load looks for, which the daemon does not ask for."""

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "AF101": "The file is not YAML.",
        "AF102": "A key is given twice in one map.",
        "AF103": "A key is not text.",
        "AF104": "The file is too large, too deep, or repeats too much by aliases.",
        "AF105": "A YAML tag, which means nothing here.",
        "AF106": "A number that JSON cannot hold.",
        UNREADABLE: "The file cannot be read.",
        NOT_A_RULE: "A document that holds no rule.",
        UNKNOWN_KEY: "A key that the language does not have.",
        NOT_YET: "A word of the language that this release does not have yet.",
        MISSING_KEY: "A key that is required is not there.",
        WRONG_SHAPE: "A value of another shape than the key needs: text, list, map, number.",
        NO_VALUE: "A key without a value; often the rest of the line became a comment.",
        WRONG_VALUE: "A value that the key does not know.",
        WRONG_ID: "An id that cannot name a rule.",
        RULE_TWICE: "Two rules of one account have the same id.",
        TWO_SPELLINGS: "One thing is written twice, in two spellings.",
        EVENT_NAME: "An event pattern that names no event.",
        WRONG_BY: "A `by` that is no reference, list of references or pairs.",
        WRONG_SPAN: "A span of time that cannot be read.",
        WRONG_RETRY: "A retry policy that cannot be read.",
        SHARED_TWICE: "Two shared conditions of one account have the same name.",
        STEP_KIND: "A step that says not exactly one thing to do.",
        UNKNOWN_ACTION: "An action that is not there.",
        MISSING_PARAM: "An action lacks a parameter, or has two of which one is meant.",
        WRONG_URL: "A URL that cannot be used.",
        SECRET_PLACE: "A secret reference in a place where it would be sent or shown.",
        UNKNOWN_TEMPLATE: "A named template that is not in the templates directory.",
        UNKNOWN_NOTIFIER: "A notifier that the config does not have.",
        TEMPLATE_PLACE: "A template where none is rendered.",
        STEP_ID: "A step id that cannot be used, or is used twice.",
        ENDLESS_WAIT: "The rule waits long and nothing can stop it.",
        NUMBER_LOST: "An unquoted number that loses a character, or is read as text.",
        NOTHING_INSIDE: "A file without any rule.",
        CUT_BY_COMMENT: "A text was cut off by what YAML takes for a comment.",
        NO_ADDRESS: "A recipient that is written out and is no address.",
        OTHER_TEMPLATE: "A text with another tool's template in it, which is sent as it stands.",
        NOT_FORMATTED: "A file that `fmt` cannot write in another way so that it means the same.",
        REFUSED_TARGET: "A URL that autoflow refuses to connect to, as the config stands.",
        SILENCES_NOTHING: "A comment that silences nothing.",
        WRONG_IGNORE: "A comment that looks like one that silences findings, and cannot be read.",
        NEVER_FIRES: "A rule that never fires: what it asks for contradicts itself.",
        SAME_RULE: "Two rules of one account do the same.",
        RING: "Rules set each other off by the events they emit, round and round.",
        ODD_ACCOUNT: "An account that is nearly called like one with many more rules.",
        COVERED: "A trigger that another trigger of the rule covers.",
        SAME_STEP: "A step that does the same as the one before it.",
        EMPTY_MESSAGE: "A message with nothing in it.",
        NEAR_EVENT: "An event that the config's catalogue does not have, nearly called like one that it has.",
        KEY_MISSING: "A key of cancel_on that the event does not have: nothing would be cancelled.",
        TYPE_LOST: "A template alone makes text of what is a number, true or false, a list or a map.",
    }
)
"""One sentence a code."""
