"""Makes peer_cases.json: random conditions and facts with the answer of json-rules-engine 7.3.1.

    npm install json-rules-engine@7.3.1          # in some folder
    python peer_cases.py FOLDER > peer_cases.json

An answer is true, false, or null where the peer raises. Numbers are those both languages hold; maps have one key."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

JUDGE = """
const { Engine } = require('json-rules-engine');
let text = '';
process.stdin.on('data', part => { text += part; });
process.stdin.on('end', async () => {
  const answers = [];
  for (const [condition, facts] of JSON.parse(text)) {
    const engine = new Engine([], { allowUndefinedFacts: true });
    engine.addRule({ conditions: { all: [condition] }, event: { type: 'x' } });
    try { answers.push((await engine.run(facts)).events.length > 0); } catch (error) { answers.push(null); }
  }
  process.stdout.write(JSON.stringify(answers));
});
"""

TEXTS = ["", "a", "ab", "5", "05", "10", "9", " 7 ", "12abc", "0x10", "1e3", ".5", "-3", "Infinity", "true", "null",
         "undefined", "\U0001f600", "\uffee", "é", "2024-01-01", "2024-02-01", "1_0", "５"]  # fmt: skip
SCALARS = [None, True, False, 0, 1, -1, 5, 10, 1.0, 1.5, 0.5, 2000, 1e21, 1e-7, *TEXTS]
PATHS = ["$.a", "$.b", "a", "$.a.b", "$.a[0]", "$[0]", "$[*]", "$.a[*]", "$..a", "$..b", "$.a..b", "$.*", "$.a.*",
         "$..[0]",
         "$.a.length", "$.length", "$['a']", '$["a"]', "$.a[1]", "$[1].a", "$", "$..*", "$.a[*].b", "$[0][0]",
         "$.a['x y']", "$.0"]  # fmt: skip
ORDERS = ["lessThan", "lessThanInclusive", "greaterThan", "greaterThanInclusive"]
OPERATORS = ["equal", "equal", "notEqual", "in", "notIn", "contains", "doesNotContain", *ORDERS]
DECORATORS = ["someFact", "everyFact", "someValue", "everyValue", "swap", "not"]


def make_value(source: random.Random, depth: int = 2) -> Any:
    """A random JSON value."""
    shape = source.random()
    if depth == 0 or shape < 0.6:
        return source.choice(SCALARS)
    if shape < 0.85:
        return [make_value(source, depth - 1) for _ in range(source.randint(0, 3))]
    return {source.choice(["a", "b", "x y"]): make_value(source, depth - 1)}


def make_facts(source: random.Random) -> dict[str, Any]:
    """Some of the facts f, g and h."""
    return {name: make_value(source, 3) for name in "fgh" if source.random() < 0.85}


def make_leaf(source: random.Random) -> dict[str, Any]:
    """One comparison, now and then with decorators, a path, a priority or a reference on the right."""
    chosen = source.choice(OPERATORS)
    decorators = source.choices(DECORATORS, k=source.choice([0, 0, 0, 1, 1, 2]))
    leaf: dict[str, Any] = {"fact": source.choice("fgh"), "operator": ":".join([*decorators, chosen])}
    if source.random() < 0.6:
        leaf["path"] = source.choice(PATHS)
    if source.random() < 0.2:
        leaf["priority"] = source.choice([1, 2, 10])
    leaf["value"] = make_value(source, 1)
    if source.random() < 0.2:
        leaf["value"] = {"fact": source.choice("fgh")}
        if source.random() < 0.5:
            leaf["value"]["path"] = source.choice(PATHS)
    elif chosen in {"in", "notIn"} or {"someValue", "everyValue"} & set(decorators):
        leaf["value"] = [make_value(source, 1) for _ in range(source.randint(0, 3))]
    return leaf


def make_condition(source: random.Random, depth: int = 3) -> dict[str, Any]:
    """A tree of comparisons."""
    shape = source.random()
    if depth == 0 or shape < 0.5:
        return make_leaf(source)
    if shape < 0.6:
        return {"not": make_condition(source, depth - 1)}
    group: dict[str, Any] = {
        source.choice(["all", "any"]): [make_condition(source, depth - 1) for _ in range(source.randint(0, 3))]
    }
    if source.random() < 0.2:
        group["priority"] = source.choice([1, 2, 10])
    return group


def make_cases(count: int, seed: int) -> list[tuple[Any, Any]]:
    """Pairs of condition and facts."""
    source = random.Random(seed)
    return [(make_condition(source, source.choice([0, 0, 1, 2, 3])), make_facts(source)) for _ in range(count)]


def main() -> None:
    """Ask the peer and print the cases with its answers."""
    folder, *rest = sys.argv[1:]
    cases = make_cases(int(rest[0]) if rest else 3_000, int(rest[1]) if rest[1:] else 1)
    answered = subprocess.run(
        ["node", "-e", JUDGE], input=json.dumps(cases), capture_output=True, text=True, cwd=folder, check=True
    )
    lines = [json.dumps([*case, answer]) for case, answer in zip(cases, json.loads(answered.stdout), strict=True)]
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
