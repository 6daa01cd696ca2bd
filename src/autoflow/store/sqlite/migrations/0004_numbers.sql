-- The last number that was given to a row, so that none is given twice though the row has gone.

CREATE TABLE numbers (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO numbers (name, last)
VALUES ('events', (SELECT coalesce(max(seq), 0) FROM events)),
       ('pending_triggers', (SELECT coalesce(max(id), 0) FROM pending_triggers));
