-- make_tape --
-- Recorded events, to be read again in order by several: `at` is when each counts as received.
CREATE TABLE tape (
    n           INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    account     TEXT NOT NULL,
    type        TEXT NOT NULL,
    subject     TEXT,
    time        INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    depth       INTEGER NOT NULL,
    data        TEXT NOT NULL,
    extensions  TEXT,
    UNIQUE (id, source, account)
) STRICT;

-- write_tape --
-- One event; one that is on the tape already is left out.
INSERT INTO tape (id, source, account, type, subject, time, received_at, depth, data, extensions)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- order_tape --
-- For events that were not written in order of their times.
CREATE INDEX tape_by_time ON tape (received_at, n);

-- measure_tape --
-- How many events there are, and from when to when.
SELECT count(*) AS count, min(received_at) AS first, max(received_at) AS last FROM tape;

-- read_tape --
-- All events, in the order in which they were written.
SELECT * FROM tape ORDER BY n;

-- read_tape_by_time --
-- All events, in the order of their times.
SELECT * FROM tape ORDER BY received_at, n;

-- make_outcomes --
-- What came of the events of a tape, in an order of its own that two replays have in common.
CREATE TABLE outcomes (
    account     TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    source      TEXT NOT NULL,
    rule_id     TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    origin      TEXT,
    body        TEXT NOT NULL,
    PRIMARY KEY (account, event_id, source, rule_id)
) STRICT, WITHOUT ROWID;

-- write_outcome --
-- One outcome.
INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- read_outcomes --
-- All outcomes, in their order.
SELECT * FROM outcomes ORDER BY account, event_id, source, rule_id;
