"""Every mistake a condition can hold, one code each. The words for a particular mistake stand where it is found."""

from __future__ import annotations

from typing import Final

SHAPE: Final = "AF201"
TWO_KINDS: Final = "AF202"
UNKNOWN_KEY: Final = "AF203"
MISSING_KEY: Final = "AF204"
UNKNOWN_OPERATOR: Final = "AF205"
UNKNOWN_DECORATOR: Final = "AF206"
WRONG_VALUE: Final = "AF207"
BAD_REFERENCE: Final = "AF208"
BAD_PATH: Final = "AF209"
REFUSED_PATH: Final = "AF210"
BAD_REGEX: Final = "AF211"
UNKNOWN_CONDITION: Final = "AF212"
CYCLE: Final = "AF213"
TOO_DEEP: Final = "AF214"
TOO_LARGE: Final = "AF215"
REFUSED_KEY: Final = "AF216"
NOT_YET: Final = "AF217"
NO_FACT_FIRST: Final = "AF221"
UNKNOWN_SIGN: Final = "AF222"
NO_VALUE: Final = "AF223"
BARE_WORD: Final = "AF224"
REFERENCE_AS_VALUE: Final = "AF225"
BAD_QUOTES: Final = "AF226"
HYPHEN: Final = "AF227"
UNKNOWN_WORD: Final = "AF228"
LEFT_OVER: Final = "AF229"
PARENTHESES: Final = "AF230"
NUMBER_LOST: Final = "AF151"
NOT_EQUAL_NULL: Final = "AF241"
HOLDS_ALWAYS: Final = "AF242"
NEVER_EQUAL: Final = "AF243"
ODD_ORDER: Final = "AF244"
HOLDS_NEVER: Final = "AF251"
HOLDS_ANYHOW: Final = "AF252"
UNKNOWN_REFERENCE: Final = "AF253"
UNKNOWN_VALUE: Final = "AF254"

CODES: Final[dict[str, str]] = {
    SHAPE: "A part of a condition is neither a line, nor a list, nor a map that says what it is.",
    TWO_KINDS: "A map says more than one of all, any, not, condition and fact.",
    UNKNOWN_KEY: "A key is not known in a condition.",
    MISSING_KEY: "A comparison lacks its fact, operator or value.",
    UNKNOWN_OPERATOR: "An operator is not known.",
    UNKNOWN_DECORATOR: "A decorator before an operator is not known, or does not go with it.",
    WRONG_VALUE: "The value does not suit the operator.",
    BAD_REFERENCE: "A reference such as `job.client.id` is written wrongly.",
    BAD_PATH: "A path such as `$.client.id` is written wrongly.",
    REFUSED_PATH: "A path uses a slice, a union, a filter, a script or another form that is not supported.",
    BAD_REGEX: "A regular expression cannot be used by RE2.",
    UNKNOWN_CONDITION: "A shared condition of that name does not exist.",
    CYCLE: "Shared conditions refer to each other in a circle.",
    TOO_DEEP: "A condition is nested too deeply.",
    TOO_LARGE: "A condition has too many parts, or a line is too long.",
    REFUSED_KEY: "A key of json-rules-engine is refused here, by name.",
    NOT_YET: "The language knows this form, but this release does not have it yet.",
    NO_FACT_FIRST: "A line does not start with a fact.",
    UNKNOWN_SIGN: "A sign is not an operator: for example `=` or `=>`.",
    NO_VALUE: "A line ends, or goes on with something else, where a value is expected.",
    BARE_WORD: "A word stands where a value is expected: text needs double quotes.",
    REFERENCE_AS_VALUE: "A reference stands on the right of a line; only the tree form can compare two facts.",
    BAD_QUOTES: "A text is in the wrong quotes, is not closed, or holds an unknown escape.",
    HYPHEN: "A hyphen stands inside a name.",
    UNKNOWN_WORD: "A word is not an operator, or is not in lower case.",
    LEFT_OVER: "A line goes on after its end.",
    PARENTHESES: "A parenthesis or bracket is not closed, or closes nothing.",
    NUMBER_LOST: "Warning: a number such as 1.10 is to be equal to something, and loses a character.",
    NOT_EQUAL_NULL: "Warning: `notEqual null` holds for a missing value too; `exists` is what is mostly meant.",
    HOLDS_ALWAYS: "Warning: an empty `all` or `any` holds always.",
    NEVER_EQUAL: "Warning: a list or a map is never equal to one that is written in a condition.",
    ODD_ORDER: "Warning: `<` and its kin compare with null, true, false, a list, a map, or a text that is no number.",
    HOLDS_NEVER: "Warning: a part of a condition, or a pattern's condition, never holds.",
    HOLDS_ANYHOW: "Warning: a part of a condition holds for every value.",
    UNKNOWN_REFERENCE: "Warning or note: a reference to what the examples and the schema of the event do not have.",
    UNKNOWN_VALUE: "Warning: a comparison with what never stands there, by the schema or the examples of the event.",
}
"""Code -> what kind of mistake it is, in one sentence."""
