"""The invariants of the crash loop: I1 to I9, each a function of the evidence that says what breaks it.

Nothing here asks the daemon or its code. All but the drained part of I3 and I9 hold at every moment, so they are
asked between two lives of the daemon too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from crash.evidence import Call, Evidence, Row
from crash.expected import DEAD_LETTERED, RULES, rules_for

Findings = Iterator[str]

CLOCK_GRAIN = 2
"""Milliseconds: the daemon's clock has whole ones, the logs have finer ones."""


POISON = 5
"""So often the daemon has to end while something is under way, before that is given up."""


def check_i1(evidence: Evidence) -> Findings:
    """An answered event is stored once, as it was offered, and accepted once."""
    stored: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in evidence.table("events"):
        stored[row["id"], row["source"]].append(row)
    told: set[tuple[str, str]] = set()
    for answer in evidence.answers:
        name = answer.id, answer.source
        rows = stored.get(name, [])
        if len(rows) != 1:
            yield f"{answer.id} was answered {answer.status} and is stored {len(rows)} times"
        elif name in evidence.offers and rows[0]["data"] != evidence.offers[name].data:
            yield f"{answer.id} is stored as {rows[0]['data']}, and was offered as {evidence.offers[name].data}"
        if answer.status == "accepted" and name in told:
            yield f"{answer.id} was answered before, and was accepted again"
        told.add(name)
    for name, rows in stored.items():
        if len(rows) > 1:
            yield f"{name[0]} from {name[1]} is stored {len(rows)} times"


def check_i2(evidence: Evidence) -> Findings:
    """Each event has one run of each rule it meets, planned with it, and of no other."""
    runs = _runs_by_event(evidence)
    for event in evidence.table("events"):
        found = sorted(rule for _, rule in runs.get(event["seq"], set()))
        wanted = rules_for(event["type"], event["data"])
        if found != wanted:
            yield f"{event['id']} ({event['type']}) has the runs {found}, and should have {wanted}"
    versions = Counter(row["rule_id"] for row in evidence.table("rule_versions"))
    for rule, number in versions.items():
        if number != 1:
            yield f"{rule} has {number} versions, and was never edited"


def check_i3(evidence: Evidence) -> Findings:
    """Nothing vanishes: every run ends done, given up with a dead letter that is told, or cancelled by its event."""
    if not evidence.drained:
        return
    for row in evidence.table("pending_triggers"):
        yield f"{row['run_id']} ({row['rule_id']}, {row['kind']}) still waits"
    waiting = {row["run_id"] for row in evidence.table("pending_triggers")}
    letters = Counter(row["run_id"] for row in evidence.table("dead_letters"))
    made = Counter((row["parent_run"], row["type"]) for row in evidence.table("events"))
    carts = {_cart_of(row) for row in evidence.table("events") if row["type"] == "cart.bought"}
    events = {row["seq"]: row for row in evidence.table("events")}
    steps, calls = _steps_by_run(evidence), evidence.calls_by_key()
    for run in evidence.table("runs"):
        if run["id"] in waiting:
            continue
        what = f"{run['id']} ({run['rule_id']}) is {run['status']}"
        match run["status"]:
            case "done":
                yield from _check_done(run, steps.get(run["id"], []), calls, made)
            case "failed":
                if letters[run["id"]] != 1 or made[run["id"], DEAD_LETTERED] != 1:
                    told = made[run["id"], DEAD_LETTERED]
                    yield f"{what} with {letters[run['id']]} dead letters, told by {told} events"
            case "cancelled":
                if RULES[run["rule_id"]].ended_by is None or _cart_of(events.get(run["event_seq"])) not in carts:
                    yield f"{what}, and no event ends it"
            case _:
                yield f"{what}, and nothing of it waits"


def _check_done(run: Row, steps: list[Row], calls: dict[str, list[Call]], made: Counter[tuple[str, str]]) -> Findings:
    """A run that is done has done all its steps, and the sink took each."""
    expected = RULES[run["rule_id"]]
    found = [step["type"] for step in steps]
    if found != list(expected.steps) or any(step["status"] != "done" for step in steps):
        yield f"{run['id']} ({run['rule_id']}) is done with the steps {[(s['type'], s['status']) for s in steps]}"
    for step in steps:
        taken = any(call.is_taken for call in calls.get(step["key"], ()))
        if step["type"] == "webhook" and not taken:
            yield f"{run['id']} ({run['rule_id']}) is done, and the sink did not take {step['key']}"
        if step["type"] == "emit" and made[run["id"], "relay.made"] != 1:
            yield f"{run['id']} ({run['rule_id']}) made {made[run['id'], 'relay.made']} events, not one"


def check_i4(evidence: Evidence) -> Findings:
    """One action has one key and one body, and every send of it was counted before it was made."""
    keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for call in evidence.calls:
        keys[call.run, call.path].add(call.key)
    for (run, path), several in keys.items():
        if len(several) > 1:
            yield f"{run} {path} was sent with {len(several)} keys: {sorted(several)}"
    steps = {row["key"]: row for row in evidence.table("run_steps")}
    numbers = {(row["run_id"], row["step"], row["number"]) for row in evidence.table("attempts")}
    for key, calls in evidence.calls_by_key().items():
        if len({(call.run, call.path, call.body) for call in calls}) > 1:
            yield f"{key} was sent with several bodies, runs or paths"
        for number, times in Counter(call.attempt for call in calls).items():
            if times > 1:
                yield f"{key}: attempt {number} was sent {times} times"
        step = steps.get(key)
        if step is None or step["run_id"] != calls[0].run:
            yield f"{key} was sent, and no step of {calls[0].run} has that key"
            continue
        for call in calls:
            if (step["run_id"], step["step"], call.attempt) not in numbers:
                yield f"{key}: attempt {call.attempt} was sent and is not written down"


def check_i5(evidence: Evidence) -> Findings:
    """What the sink took is sent again only where a kill, or a timeout, hid its answer."""
    steps = {row["key"]: row for row in evidence.table("run_steps")}
    attempts = evidence.attempts()
    for key, calls in evidence.calls_by_key().items():
        if key not in steps:
            continue  # I4 says so
        rows = {row["number"]: row for row in attempts[steps[key]["run_id"], steps[key]["step"]]}
        last = max(call.attempt for call in calls)
        hidden = 0
        for call in calls:
            row = rows.get(call.attempt)
            if not call.is_taken or row is None:
                continue
            if row["result"] in ("retry", "rejected") and row["code"] != "timeout":
                yield f"{key}: attempt {call.attempt} was taken, and counts as {row['result']} ({row['code']})"
            if call.attempt == last:
                continue
            hidden += 1
            following = rows.get(call.attempt + 1)
            if row["result"] == "delivered":
                yield f"{key}: attempt {call.attempt} was taken and written down, and it was sent again"
            elif _is_unexplained(evidence, row, following):
                yield f"{key}: attempt {call.attempt} was taken, no kill hid that, and it was sent again"
        timeouts = sum(row["code"] == "timeout" for row in rows.values())
        if hidden > len(evidence.kills) + timeouts:
            yield f"{key} was sent {hidden} times after it was taken, with {len(evidence.kills)} kills"


def _is_unexplained(evidence: Evidence, row: Row, following: Row | None) -> bool:
    """Whether an attempt has no result though no kill came between it and the next one."""
    if row["result"] != "unknown" or following is None:
        return False
    return not evidence.is_killed_between(row["started_at"], following["started_at"])


def check_i6(evidence: Evidence) -> Findings:
    """Attempts are no more than the policy has, but for those that a kill cut short, and never too early."""
    steps = evidence.steps()
    rules = {row["id"]: row["rule_id"] for row in evidence.table("runs")}
    due = {row["id"]: row["due_at"] for row in evidence.table("runs")}
    seen = {(call.key, call.attempt): call.at for call in evidence.calls}
    letters = {(row["run_id"], row["step"]): row for row in evidence.table("dead_letters")}
    for (run, path), rows in evidence.attempts().items():
        if run not in rules or (run, path) not in steps:
            continue  # I9 says so
        expected, step = RULES[rules[run]], steps[run, path]
        what = f"{run} ({rules[run]}) {path}"
        if [row["number"] for row in rows] != list(range(1, step["attempts"] + 1)):
            yield f"{what} has the attempts {[row['number'] for row in rows]}, and counts {step['attempts']}"
        cut = sum(row["result"] in (None, "unknown") for row in rows)
        if len(rows) > len(expected.schedule) + cut:
            yield f"{what} had {len(rows)} attempts, {cut} of them cut short; {len(expected.schedule)} are allowed"
        letter = letters.get((run, path))
        if letter is not None and letter["reason"] == "max_attempts" and len(rows) < len(expected.schedule):
            yield f"{what} was given up after {len(rows)} attempts; {len(expected.schedule)} are due to it"
        if letter is not None and letter["reason"] == "poison":
            # What was claimed and not begun yet was under way too.
            kills = evidence.count_kills(due[run], letter["created_at"])
            if kills < POISON or rows[-1]["result"] != "unknown":
                yield f"{what} was given up as poison after {kills} kills; {POISON} are due to it"
        for before, after in pairwise(rows):
            yield from _check_wait(evidence, what, before, after, expected.schedule)
            times = [seen.get((step["key"], row["number"])) for row in (before, after)]
            wait = _wait_after(before, expected.schedule)
            if times[0] and times[1] and times[1] - times[0] < wait - CLOCK_GRAIN:
                yield f"{what}: the sink had attempt {after['number']} after {times[1] - times[0]:.0f} ms, not {wait}"


def _check_wait(evidence: Evidence, what: str, before: Row, after: Row, schedule: tuple[int, ...]) -> Findings:
    """The time between two attempts, as the tables tell it."""
    if before["result"] == "unknown":
        if not evidence.is_killed_between(before["started_at"], after["started_at"]):
            yield f"{what}: attempt {before['number']} has no result, and no kill cut it short"
    elif before["result"] != "retry":
        yield f"{what}: attempt {before['number']} was {before['result']}, and another one followed"
    # The wait counts from the answer; the row has only the moments before it (begun) and after it (written down).
    elif (waited := after["started_at"] - before["started_at"]) < _wait_after(before, schedule):
        yield f"{what}: attempt {after['number']} began after {waited} ms, not {_wait_after(before, schedule)}"


def _wait_after(attempt: Row, schedule: tuple[int, ...]) -> int:
    """Milliseconds that the policy puts after a failed attempt; none after one that a kill cut short."""
    if attempt["result"] != "retry" or attempt["number"] >= len(schedule):
        return 0
    return schedule[attempt["number"]]


def check_i7(evidence: Evidence) -> Findings:
    """Nothing is sent before it is due or out of order, and nothing begins after its cancellation was answered."""
    yield from _check_order(evidence)
    events = {row["seq"]: row for row in evidence.table("events")}
    bought = _answers_by_cart(evidence)
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        calls[call.run].append(call)
    begun: defaultdict[str, list[int]] = defaultdict(list)
    for row in evidence.table("attempts"):
        begun[row["run_id"]].append(row["started_at"])
    for run in evidence.table("runs"):
        event, expected = events.get(run["event_seq"]), RULES[run["rule_id"]]
        if event is None:
            continue  # I8 says so
        what, due = f"{run['id']} ({run['rule_id']})", event["received_at"] + expected.delay
        if begun[run["id"]] and min(begun[run["id"]]) < due:
            yield f"{what} began {due - min(begun[run['id']])} ms before it was due"
        offer = evidence.offers.get((event["id"], event["source"]))
        first = min((call.at for call in calls[run["id"]]), default=None)
        if offer is not None and first is not None and first < offer.at + expected.delay - CLOCK_GRAIN:
            yield f"{what} was sent {first - offer.at:.0f} ms after its event was offered, not {expected.delay}"
        told = bought.get(_cart_of(event)) if expected.ended_by else None
        if told is None:
            continue
        late = [moment for moment in begun[run["id"]] if moment > told]
        if late:
            yield f"{what}: an attempt began {late[0] - told:.0f} ms after its cancellation was answered"
        if told < due and (calls[run["id"]] or run["status"] != "cancelled"):
            yield f"{what} was cancelled in time, is {run['status']} and was sent {len(calls[run['id']])} times"


def _check_order(evidence: Evidence) -> Findings:
    """A step begins only after the one before it is done."""
    attempts = evidence.attempts()
    for run, steps in _steps_by_run(evidence).items():
        for before, after in pairwise(steps):
            done, begun = before["finished_at"], attempts[run, after["step"]]
            if begun and (before["status"] != "done" or begun[0]["started_at"] < done):
                yield f"{run}: step {after['step']} began before step {before['step']} was done"


def _cart_of(event: Row | None) -> str | None:
    """What a run that can be cancelled is known by."""
    cart: str | None = event["data"].get("cart", {}).get("id") if event else None
    return cart


def _answers_by_cart(evidence: Evidence) -> dict[str | None, float]:
    """By cart: when the event that ends its run was first answered."""
    found: dict[str | None, float] = {}
    for name, at in evidence.first_answers().items():
        offer = evidence.offers.get(name)
        if offer is not None and offer.type == "cart.bought":
            found[offer.data["cart"]["id"]] = at
    return found


def check_i8(evidence: Evidence) -> Findings:
    """What was refused left nothing behind, and what was not answered is there whole or not at all (with I2)."""
    stored = {(row["id"], row["source"]): row for row in evidence.table("events")}
    for name in sorted(evidence.refused & stored.keys()):
        yield f"{name[0]} was refused and is stored"
    for name, offer in evidence.offers.items():
        if offer.bad and name in stored and name not in evidence.refused:
            yield f"{offer.id} stood in a bad request and is stored"
    known = {row["seq"] for row in evidence.table("events")}
    for table in ("runs", "pending_triggers"):
        for row in evidence.table(table):
            if row["event_seq"] not in known:
                yield f"a row of {table} ({row['rule_id']}) has no event"
    keyed = {(row["id"], row["source"]): row["seq"] for row in evidence.table("event_keys")}
    for name, row in stored.items():
        if keyed.get(name) != row["seq"]:
            yield f"{name[0]} is stored, and its id is not known"
        if row["depth"] == 0 and name not in evidence.offers:
            yield f"{name[0]} from {name[1]} is stored, and nobody offered it"
    for name in sorted(keyed.keys() - stored.keys()):
        yield f"the id {name[0]} is known, and its event is not stored"
    for line in evidence.odd:
        yield f"{line['sender']} had an answer that it cannot have: {line['status']} {line['answer']}"


def check_i9(evidence: Evidence) -> Findings:
    """The file is whole, nothing refers to nothing, no claim outlives its owner, and each start owned it anew."""
    if evidence.integrity != ["ok"]:
        yield f"integrity_check: {'; '.join(evidence.integrity[:5])}"
    for row in evidence.broken_keys[:5]:
        yield f"foreign_key_check: {row}"
    for row in evidence.table("pending_triggers"):
        if row["claim"] and (evidence.drained or row["claim"] != evidence.epoch):
            yield f"{row['run_id']} is claimed by owner {row['claim']}; the last one is {evidence.epoch}"
    if not evidence.readies <= evidence.epoch <= evidence.spawns:
        yield f"the file had {evidence.epoch} owners with {evidence.spawns} starts, {evidence.readies} of them ready"


Check = Callable[[Evidence], Findings]

INVARIANTS: dict[str, Check] = {
    "I1": check_i1,
    "I2": check_i2,
    "I3": check_i3,
    "I4": check_i4,
    "I5": check_i5,
    "I6": check_i6,
    "I7": check_i7,
    "I8": check_i8,
    "I9": check_i9,
}


def check_all(evidence: Evidence) -> dict[str, list[str]]:
    """By invariant: everything that breaks it."""
    return {name: list(check(evidence)) for name, check in INVARIANTS.items()}


def _runs_by_event(evidence: Evidence) -> dict[int, set[tuple[str, str]]]:
    """By event: (run, rule) of what waits or has begun."""
    found: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for row in evidence.table("pending_triggers"):
        found[row["event_seq"]].add((row["run_id"], row["rule_id"]))
    for row in evidence.table("runs"):
        found[row["event_seq"]].add((row["id"], row["rule_id"]))
    return found


def _steps_by_run(evidence: Evidence) -> dict[str, list[Row]]:
    """The steps of each run, by their path."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(evidence.table("run_steps"), key=lambda one: one["step"]):
        found[row["run_id"]].append(row)
    return found
