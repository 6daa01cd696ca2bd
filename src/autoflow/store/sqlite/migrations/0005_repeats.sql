-- How often an event came again, how often with another body, and when last: told nowhere else.

ALTER TABLE event_keys ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;

ALTER TABLE event_keys ADD COLUMN other_bodies INTEGER NOT NULL DEFAULT 0;

ALTER TABLE event_keys ADD COLUMN repeated_at INTEGER;
