-- What finds the generations and versions that nothing refers to any more, and lets them go without a look at every row.

CREATE INDEX events_by_generation ON events (generation);

CREATE INDEX judgement_errors_by_version ON judgement_errors (version);
