-- raise_epoch --
-- A new owner: claims of older ones no longer count.
UPDATE owner SET epoch = epoch + 1 RETURNING epoch;

-- turn_epoch --
-- Twice in a transaction it changes nothing, and is written all the same: whether the disk takes a commit.
UPDATE owner SET epoch = -epoch;

-- free_claims --
-- What an older owner had claimed is due again at once. It was under way when that owner ended: whether it was to
-- blame is told apart only where it was tried alone.
UPDATE pending_triggers
SET claim = 0, alone = 0, lost = CASE WHEN alone = 1 THEN lost + 1 ELSE min(lost + 1, :suspect) END
WHERE claim <> 0;

-- last_event_seq --
-- Where the next event's number starts.
SELECT max(coalesce((SELECT max(seq) FROM events), 0), (SELECT last FROM numbers WHERE name = 'events')) AS seq;

-- keep_numbers --
-- The last numbers that were given to rows.
UPDATE numbers SET last = CASE name WHEN 'events' THEN :events ELSE :pending_triggers END;

-- insert_event --
-- Stores an event with the generation that judged it.
INSERT INTO events (seq, id, source, account, type, subject, time, received_at, depth, data, extensions,
                    generation, matched, parent_run)
VALUES (:seq, :id, :source, :account, :type, :subject, :time, :received_at, :depth, :data, :extensions,
        :generation, :matched, :parent_run);

-- insert_event_keys --
-- Takes the senders' ids of the events with these numbers, the first of equal ones; what was seen before changes nothing.
INSERT INTO event_keys (id, source, account, seq, received_at)
SELECT id, source, account, seq, received_at FROM events WHERE seq >= :first AND seq < :after ORDER BY seq
ON CONFLICT DO NOTHING;

-- event_key --
-- The number of the event that has this id, and its body where it is another event than this one.
SELECT k.seq, e.data FROM event_keys k LEFT JOIN events e ON e.seq = k.seq AND k.seq <> :seq
WHERE k.id = :id AND k.source = :source AND k.account = :account;

-- events_by_id --
-- All events of an id, whatever their source and account.
SELECT e.* FROM event_keys k JOIN events e ON e.seq = k.seq WHERE k.id = :id ORDER BY e.seq;

-- keys_by_id --
-- Every event that was seen under an id, and whether it is still kept.
SELECT k.source, k.account, k.seq, k.received_at, e.seq IS NOT NULL AS kept
FROM event_keys k LEFT JOIN events e ON e.seq = k.seq WHERE k.id = :id ORDER BY k.seq;

-- ids_between --
-- Some senders' ids of events that are kept, in order.
SELECT DISTINCT k.id FROM event_keys k JOIN events e ON e.seq = k.seq
WHERE k.id >= :first AND k.id < :after ORDER BY k.id LIMIT :limit;

-- count_repeats --
-- What came again under the ids of these events: [id, source, account, times, how many of them with another body] each.
UPDATE event_keys
SET repeats = repeats + json_extract(v.value, '$[3]'), other_bodies = other_bodies + json_extract(v.value, '$[4]'),
    repeated_at = :now
FROM json_each(:rows) AS v
WHERE event_keys.id = json_extract(v.value, '$[0]') AND event_keys.source = json_extract(v.value, '$[1]')
  AND event_keys.account = json_extract(v.value, '$[2]');

-- repeats_of --
-- How often an event came again, and when last.
SELECT repeats, other_bodies, repeated_at FROM event_keys
WHERE id = :id AND source = :source AND account = :account AND seq = :seq;

-- event_by_seq --
-- One event by its number.
SELECT * FROM events WHERE seq = :seq;

-- event_range --
-- When the first event arrived that is kept, and the last number that was given to one.
SELECT (SELECT received_at FROM events ORDER BY seq LIMIT 1) AS since,
       max(coalesce((SELECT max(seq) FROM events), 0), (SELECT last FROM numbers WHERE name = 'events')) AS last;

-- list_events --
-- A page of events, newest first.
SELECT * FROM events
WHERE seq < :before
  AND (:type IS NULL OR type = :type)
  AND (:account IS NULL OR account = :account)
ORDER BY seq DESC LIMIT :limit;

-- events_after --
-- What has arrived since, oldest first.
SELECT * FROM events
WHERE seq > :after
  AND (:type IS NULL OR type = :type)
  AND (:account IS NULL OR account = :account)
ORDER BY seq LIMIT :limit;

-- insert_judgement_error --
-- A condition that could not be judged on an event.
INSERT INTO judgement_errors (event_seq, version, message) VALUES (:event_seq, :version, :message);

-- judgement_errors_of --
-- The conditions that could not be judged on an event.
SELECT j.message, j.version, v.account, v.rule_id FROM judgement_errors j JOIN rule_versions v ON v.id = j.version
WHERE j.event_seq = :event_seq ORDER BY v.rule_id;

-- last_pending_id --
-- Where the next pending trigger's number starts.
SELECT max(coalesce((SELECT max(id) FROM pending_triggers), 0),
           (SELECT last FROM numbers WHERE name = 'pending_triggers')) AS id;

-- insert_pending --
-- Something begins to wait.
INSERT INTO pending_triggers (id, kind, account, rule_id, version, event_seq, run_id, due_at, step, target, shadow,
                              claim, created_at)
VALUES (:id, :kind, :account, :rule_id, :version, :event_seq, :run_id, :due_at, :step, :target, :shadow,
        :claim, :created_at);

-- insert_wait --
-- An event of this pattern and key ends that pending trigger.
INSERT INTO waits (pattern, account, key, pending) VALUES (:pattern, :account, :key, :pending);

-- waiting_for --
-- The pending triggers that an event of this pattern and key ends.
SELECT w.pending AS id FROM waits w WHERE w.pattern = :pattern AND w.account = :account AND w.key = :key;

-- waiting_versions --
-- The rule versions that something waits under: from each to the next higher one, however much waits.
WITH RECURSIVE versions (version) AS (
    SELECT min(version) FROM pending_triggers
    UNION ALL
    SELECT (SELECT min(version) FROM pending_triggers p WHERE p.version > v.version) FROM versions v
    WHERE v.version IS NOT NULL
)
SELECT version FROM versions WHERE version IS NOT NULL;

-- next_due --
-- When the earliest unclaimed pending trigger is due, of those that are due after a moment.
SELECT min(due_at) AS due_at FROM pending_triggers WHERE claim = 0 AND due_at > :after;

-- next_due_shadow --
-- When the earliest unclaimed pending trigger that sends nothing is due, of those that are due after a moment.
SELECT min(due_at) AS due_at FROM pending_triggers WHERE claim = 0 AND due_at > :after AND shadow = 1;

-- due_now --
-- What is due, oldest first: [id, target] each.
SELECT json_group_array(json_array(id, target)) AS due FROM (
    SELECT id, target FROM pending_triggers
    WHERE claim = 0 AND due_at <= :now AND lost < :suspect
    ORDER BY due_at, id LIMIT :limit
);

-- due_now_shadow --
-- The same, of what sends nothing.
SELECT json_group_array(json_array(id, target)) AS due FROM (
    SELECT id, target FROM pending_triggers
    WHERE claim = 0 AND due_at <= :now AND shadow = 1 AND lost < :suspect
    ORDER BY due_at, id LIMIT :limit
);

-- due_elsewhere --
-- What is due, oldest first, but for targets that have their share of the slots already; it looks at all that is due.
SELECT id, target FROM pending_triggers
WHERE claim = 0 AND due_at <= :now AND shadow >= :shadow AND lost < :suspect
  AND (target IS NULL OR target NOT IN (SELECT value FROM json_each(:full)))
ORDER BY due_at, id LIMIT :limit;

-- claim_rows --
-- Takes these, as far as they still wait.
UPDATE pending_triggers SET claim = :epoch WHERE claim = 0 AND id IN (SELECT value FROM json_each(:ids));

-- claimable_rows --
-- What of these still waits, each with the event that started it and whether its run has begun before; and the
-- events' data beside it, a line each in the same order. Large ones by their numbers alone: one text has to hold all.
SELECT json_group_array(json_array(p.id, p.kind, p.account, p.run_id, p.version, p.rule_id, p.event_seq, p.due_at,
                                   p.step, p.target, p.shadow, p.cancelled, p.created_at, p.lost,
                                   e.id, e.type, e.time, e.received_at, e.source, e.account, e.subject, e.depth,
                                   e.extensions,
                                   EXISTS (SELECT 1 FROM runs r WHERE r.id = p.run_id))) FILTER (WHERE e.fits) AS heads,
       group_concat(e.data, char(10)) FILTER (WHERE e.fits) AS data,
       json_group_array(p.id) FILTER (WHERE NOT e.fits) AS large
FROM pending_triggers p JOIN (
    SELECT *, length(CAST(data AS BLOB)) + 6 * coalesce(length(CAST(extensions AS BLOB)), 0)
            + 6 * coalesce(length(CAST(subject AS BLOB)), 0) <= :most AS fits
    FROM events
) e ON e.seq = p.event_seq
WHERE p.claim = 0 AND p.id IN (SELECT value FROM json_each(:ids));

-- claim_suspect --
-- Takes one that was under way too often when the daemon ended: any, so that one that hangs is not always before the
-- one that is to blame.
UPDATE pending_triggers SET claim = :epoch, alone = :alone
WHERE id = (
    SELECT id FROM pending_triggers WHERE claim = 0 AND lost >= 3 AND due_at <= :now AND shadow >= :shadow
    ORDER BY random() LIMIT 1
)
RETURNING id;

-- join_others --
-- From here on others are under way beside it.
UPDATE pending_triggers SET alone = 0 WHERE claim <> 0 AND claim = :epoch AND alone = 1;

-- claimed_rows --
-- What was just claimed, with the event that started it, and whether its run has begun before.
SELECT p.*, e.id AS event_id, e.source, e.type, e.subject, e.time, e.received_at, e.depth, e.data, e.extensions,
       EXISTS (SELECT 1 FROM runs r WHERE r.id = p.run_id) AS begun
FROM pending_triggers p JOIN events e ON e.seq = p.event_seq
WHERE p.id IN (SELECT value FROM json_each(:ids))
ORDER BY p.due_at, p.id;

-- count_standing --
-- How many of these claims still stand, and are not to end.
SELECT count(*) AS number FROM pending_triggers
WHERE claim = :epoch AND cancelled IS NULL AND id IN (SELECT value FROM json_each(:ids));

-- claimed_states --
-- Which claims still stand, and which of that work was cancelled meanwhile.
SELECT id, cancelled FROM pending_triggers WHERE claim = :epoch AND id IN (SELECT value FROM json_each(:ids));

-- move_pending --
-- The same work waits again, or goes on with another step; only its owner may say so.
UPDATE pending_triggers
SET kind = v.column3, due_at = v.column4, step = v.column5, target = v.column6, claim = v.column7, lost = 0, alone = 0
FROM (VALUES (:id, :epoch, :kind, :due_at, :step, :target, :claim)) AS v
WHERE pending_triggers.id = v.column1 AND pending_triggers.claim = v.column2;

-- claims_of --
-- What this owner has claimed; that it is not 0 leads to the index.
SELECT id, run_id FROM pending_triggers WHERE claim <> 0 AND claim = :epoch;

-- release_claim --
-- Claimed work is due again.
UPDATE pending_triggers SET claim = 0, alone = 0 WHERE id = :id AND claim = :epoch;

-- delete_pending --
-- Nothing waits any more.
DELETE FROM pending_triggers WHERE id IN (SELECT value FROM json_each(:ids));

-- flag_cancelled --
-- Work in progress ends at its next step, for this reason.
UPDATE pending_triggers SET cancelled = :reason WHERE id = :id;

-- pending_by_id --
-- One pending trigger.
SELECT * FROM pending_triggers WHERE id = :id;

-- pending_by_run --
-- The pending trigger of a run.
SELECT * FROM pending_triggers WHERE run_id = :run_id;

-- pending_of_rule --
-- Everything that waits under a rule, whatever its version.
SELECT * FROM pending_triggers WHERE account = :account AND rule_id = :rule_id ORDER BY id;

-- count_work_of_rule --
-- How much waits under a rule, by version: what has not begun, and what has.
SELECT version, count(*) FILTER (WHERE kind = 'start' AND claim = 0) AS waiting,
       count(*) FILTER (WHERE kind <> 'start' OR claim <> 0) AS running
FROM pending_triggers WHERE account = :account AND rule_id = :rule_id GROUP BY version;

-- run_now --
-- Makes waiting work due.
UPDATE pending_triggers SET due_at = :now WHERE id = :id AND claim = 0;

-- list_pending --
-- A page of what waits, soonest first.
SELECT p.*, e.id AS event_id, e.type AS event_type, v.hash, json_extract(v.document, '$.name') AS name
FROM pending_triggers p
JOIN events e ON e.seq = p.event_seq
JOIN rule_versions v ON v.id = p.version
WHERE (p.due_at, p.id) > (:after_due, :after_id)
  AND (:rule IS NULL OR p.rule_id = :rule)
  AND (:account IS NULL OR p.account = :account)
ORDER BY p.due_at, p.id LIMIT :limit;

-- show_pending --
-- One pending trigger, with its event and rule version.
SELECT p.*, e.id AS event_id, e.type AS event_type, v.hash, json_extract(v.document, '$.name') AS name
FROM pending_triggers p
JOIN events e ON e.seq = p.event_seq
JOIN rule_versions v ON v.id = p.version
WHERE p.id = :id;

-- count_pending --
-- How much waits, and since when the oldest of it is due: asked often, and two indices know it without a look at each row.
SELECT (SELECT count(*) FROM pending_triggers) AS number, min(due_at) AS oldest FROM (
    SELECT min(due_at) AS due_at FROM pending_triggers WHERE claim = 0
    UNION ALL SELECT min(due_at) FROM pending_triggers WHERE claim <> 0
);

-- open_runs --
-- Runs begin, or have begun before a crash: all but their status stands in what waits of them.
INSERT INTO runs (id, account, rule_id, version, event_seq, status, due_at, started_at)
SELECT run_id, account, rule_id, version, event_seq, :status, due_at, :now FROM pending_triggers
WHERE id IN (SELECT value FROM json_each(:ids))
ON CONFLICT DO NOTHING;

-- begin_run --
-- A run begins with its event.
INSERT INTO runs (id, account, rule_id, version, event_seq, status, due_at, started_at)
VALUES (:id, :account, :rule_id, :version, :event_seq, :status, :due_at, :started_at);

-- keep_runs --
-- Whole runs, as far as they are claimed.
INSERT INTO runs (id, account, rule_id, version, event_seq, status, due_at, started_at, finished_at)
SELECT run_id, account, rule_id, version, event_seq, :status, due_at, :now, :now FROM pending_triggers
WHERE claim = :epoch AND id IN (SELECT value FROM json_each(:ids));

-- finish_runs --
-- Runs have come to the same end.
UPDATE runs SET status = :status, error = NULL, finished_at = :now WHERE id IN (SELECT value FROM json_each(:ids));

-- finish_run --
-- A run has come to its end.
UPDATE runs SET status = v.column2, error = v.column3, finished_at = v.column4
FROM (VALUES (:id, :status, :error, :finished_at)) AS v
WHERE runs.id = v.column1;

-- reopen_run --
-- A person asked for a failed run to go on.
UPDATE runs SET status = 'running', error = NULL, finished_at = NULL WHERE id = :id;

-- run_by_id --
-- One run with its event.
SELECT r.*, e.id AS event_id, e.type AS event_type, e.source AS event_source, v.hash, v.path, v.line, v.git_commit,
       v.author, v.dirty, json_extract(v.document, '$.name') AS name
FROM runs r JOIN events e ON e.seq = r.event_seq JOIN rule_versions v ON v.id = r.version
WHERE r.id = :id;

-- list_runs --
-- A page of runs, newest first.
SELECT r.*, e.id AS event_id, e.type AS event_type, v.hash, json_extract(v.document, '$.name') AS name
FROM runs r JOIN events e ON e.seq = r.event_seq JOIN rule_versions v ON v.id = r.version
WHERE r.id < :before
  AND (:status IS NULL OR r.status = :status)
  AND (:rule IS NULL OR r.rule_id = :rule)
  AND (:account IS NULL OR r.account = :account)
ORDER BY r.id DESC LIMIT :limit;

-- runs_of_event --
-- What an event led to.
SELECT id, account, rule_id, version, status, due_at, started_at, finished_at, error FROM runs
WHERE event_seq = :event_seq ORDER BY id;

-- runs_ended_by --
-- The runs that were cancelled for this reason in this time.
SELECT id, rule_id FROM runs
WHERE finished_at >= :since AND finished_at <= :until AND status = 'cancelled' AND error = :reason
ORDER BY finished_at, id LIMIT :limit;

-- pending_of_event --
-- What still waits because of an event.
SELECT id, account, rule_id, version, run_id, kind, due_at, claim, shadow, cancelled FROM pending_triggers
WHERE event_seq = :event_seq ORDER BY id;

-- events_of_run --
-- The events a run made.
SELECT id, type, seq FROM events WHERE parent_run = :run_id AND seq > :event_seq ORDER BY seq;

-- run_step --
-- One step of a run.
SELECT * FROM run_steps WHERE run_id = :run_id AND step = :step;

-- steps_of_run --
-- The steps of a run, in order of their start.
SELECT * FROM run_steps WHERE run_id = :run_id ORDER BY started_at, step;

-- begin_step --
-- The first step of a run that begins, with its first attempt.
INSERT INTO run_steps (run_id, step, type, key, target, params, status, attempts, started_at)
VALUES (:run_id, :step, :type, :key, :target, :params, :status, :attempts, :started_at);

-- keep_steps --
-- Steps that were done at once: [run, step, type, key, target, params, output] each.
INSERT INTO run_steps (run_id, step, type, key, target, params, output, status, attempts, started_at, finished_at)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
       json_extract(value, '$[6]'), 'done', 1, :now, :now
FROM json_each(:rows);

-- fix_step --
-- What a step sends is fixed here, unless it was sent before: one that never was is rendered anew.
INSERT INTO run_steps (run_id, step, type, key, target, params, status, attempts, output, started_at, finished_at)
VALUES (:run_id, :step, :type, :key, :target, :params, :status, :attempts, :output, :started_at, :finished_at)
ON CONFLICT (run_id, step) DO UPDATE SET type = excluded.type, target = excluded.target, params = excluded.params
WHERE attempts = 0;

-- count_attempt --
-- One more attempt begins.
UPDATE run_steps SET attempts = attempts + 1, status = 'running', finished_at = NULL
FROM (VALUES (:run_id, :step)) AS v
WHERE run_steps.run_id = v.column1 AND run_steps.step = v.column2;

-- finish_steps --
-- Steps have come to their end: [run, step, status, output] each.
UPDATE run_steps
SET status = json_extract(v.value, '$[2]'), output = json_extract(v.value, '$[3]'), finished_at = :now
FROM json_each(:rows) AS v
WHERE run_steps.run_id = json_extract(v.value, '$[0]') AND run_steps.step = json_extract(v.value, '$[1]');

-- finish_alike_steps --
-- Steps of these runs have come to the same end, and gave the same.
UPDATE run_steps SET status = :status, output = :output, finished_at = :now
WHERE run_id IN (SELECT value FROM json_each(:runs)) AND step = :step;

-- restart_series --
-- A replay counts its attempts anew, under the same key.
UPDATE run_steps SET series_base = attempts, status = 'running', finished_at = NULL
WHERE run_id = :run_id AND step = :step;

-- forget_results --
-- Attempts that were under way when the daemon ended or failed: their result is not known.
UPDATE attempts
SET result = 'unknown', finished_at = v.column3, detail = 'the daemon ended before the answer was kept'
FROM (VALUES (:run_id, :step, :finished_at)) AS v
WHERE attempts.run_id = v.column1 AND attempts.step = v.column2 AND attempts.finished_at IS NULL;

-- forget_results_of_runs --
-- The same, of all steps of a run that ends here.
UPDATE attempts
SET result = 'unknown', finished_at = v.column2, detail = 'the daemon ended before the answer was kept'
FROM (VALUES (:run_id, :finished_at)) AS v
WHERE attempts.run_id = v.column1 AND attempts.finished_at IS NULL;

-- counted_attempts --
-- How often steps were attempted, by [run, step].
SELECT s.run_id, s.step, s.attempts, s.series_base
FROM json_each(:keys) k
JOIN run_steps s ON s.run_id = json_extract(k.value, '$[0]') AND s.step = json_extract(k.value, '$[1]');

-- insert_attempt --
-- An attempt is counted before it is made.
INSERT INTO attempts (run_id, step, number, started_at) VALUES (:run_id, :step, :number, :started_at);

-- keep_attempts --
-- First attempts that did what they were made for at once: [run, step] each.
INSERT INTO attempts (run_id, step, number, started_at, finished_at, result)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 1, :now, :now, 'delivered' FROM json_each(:rows);

-- finish_attempts --
-- What attempts came to, where there is nothing to tell of it: [run, step, number, result] each.
UPDATE attempts SET finished_at = :now, result = json_extract(v.value, '$[3]')
FROM json_each(:rows) AS v
WHERE attempts.run_id = json_extract(v.value, '$[0]') AND attempts.step = json_extract(v.value, '$[1]')
  AND attempts.number = json_extract(v.value, '$[2]');

-- finish_alike_attempts --
-- Attempts of these runs came to the same, and there is nothing to tell of it.
UPDATE attempts SET finished_at = :now, result = :result
WHERE run_id IN (SELECT value FROM json_each(:runs)) AND step = :step AND number = :number;

-- finish_attempt --
-- What an attempt came to.
UPDATE attempts SET finished_at = v.column4, result = v.column5, code = v.column6, detail = v.column7
FROM (VALUES (:run_id, :step, :number, :finished_at, :result, :code, :detail)) AS v
WHERE attempts.run_id = v.column1 AND attempts.step = v.column2 AND attempts.number = v.column3;

-- attempts_of_run --
-- The attempts of a run, in order.
SELECT * FROM attempts WHERE run_id = :run_id ORDER BY started_at, step, number;

-- insert_dead_letter --
-- An action is given up; a person can send it again.
INSERT INTO dead_letters (run_id, step, step_index, account, rule_id, version, event_seq, type, target, key, params,
                          reason, code, detail, attempts, created_at)
VALUES (:run_id, :step, :step_index, :account, :rule_id, :version, :event_seq, :type, :target, :key, :params,
        :reason, :code, :detail, :attempts, :created_at)
RETURNING id;

-- dead_letter_by_id --
-- One dead letter with its event.
SELECT d.*, e.id AS event_id, e.type AS event_type FROM dead_letters d JOIN events e ON e.seq = d.event_seq
WHERE d.id = :id;

-- dead_letters_of_event --
-- What was given up of an event's runs.
SELECT id, run_id, step, type, target, status, reason, code, detail, attempts FROM dead_letters
WHERE event_seq = :event_seq ORDER BY id;

-- last_attempt --
-- The newest attempt of a run.
SELECT step, number, code, detail FROM attempts WHERE run_id = :run_id ORDER BY started_at DESC, number DESC LIMIT 1;

-- open_dead_letter_of_run --
-- The newest dead letter of a run that nobody decided on.
SELECT id FROM dead_letters WHERE run_id = :run_id AND status = 'dead' ORDER BY id DESC LIMIT 1;

-- list_dead_letters --
-- A page of dead letters, newest first.
SELECT d.*, e.id AS event_id, e.type AS event_type FROM dead_letters d JOIN events e ON e.seq = d.event_seq
WHERE d.id < :before
  AND (:status IS NULL OR d.status = :status)
  AND (:rule IS NULL OR d.rule_id = :rule)
  AND (:account IS NULL OR d.account = :account)
ORDER BY d.id DESC LIMIT :limit;

-- settle_dead_letter --
-- A person decided on a dead letter; only one decision counts.
UPDATE dead_letters SET status = :status, settled_at = :settled_at WHERE id = :id AND status = 'dead';

-- count_dead_letters --
-- How many actions were given up and not decided on.
SELECT count(*) AS number FROM dead_letters WHERE status = 'dead';

-- versions_by_hashes --
-- Rule versions by their meaning: (account, rule, hash) of each.
SELECT v.* FROM json_each(:keys) k
JOIN rule_versions v ON v.account = json_extract(k.value, '$[0]') AND v.rule_id = json_extract(k.value, '$[1]')
                    AND v.hash = json_extract(k.value, '$[2]');

-- count_versions --
-- How many of these rule versions there are.
SELECT count(*) AS number FROM rule_versions WHERE id IN (SELECT value FROM json_each(:ids));

-- insert_version --
-- A meaning seen for the first time.
INSERT INTO rule_versions (account, rule_id, hash, document, path, line, git_commit, author, dirty, created_at)
VALUES (:account, :rule_id, :hash, :document, :path, :line, :git_commit, :author, :dirty, :created_at)
RETURNING id;

-- update_version --
-- The same meaning, found at another place or now committed; texts for people may differ.
UPDATE rule_versions SET document = :document, path = :path, line = :line, git_commit = :git_commit, author = :author,
                         dirty = :dirty
WHERE id = :id;

-- version_by_id --
-- One rule version.
SELECT * FROM rule_versions WHERE id = :id;

-- versions_by_ids --
-- Several rule versions.
SELECT * FROM rule_versions WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- last_generation --
-- The set of rules that ran last.
SELECT * FROM generations ORDER BY id DESC LIMIT 1;

-- generation_by_id --
-- One set of rules that ran.
SELECT * FROM generations WHERE id = :id;

-- insert_generation --
-- A new set of rules begins to run.
INSERT INTO generations (versions, created_at) VALUES (:versions, :created_at) RETURNING id;

-- generations_in_use --
-- Every set of rules that ran, and whether an event or the present refers to it.
SELECT g.id, g.versions,
       g.id = (SELECT max(id) FROM generations) OR EXISTS (SELECT 1 FROM events e WHERE e.generation = g.id) AS used
FROM generations g ORDER BY g.id;

-- version_ids --
-- Every rule version but the newest: the next number is counted from that one.
SELECT id FROM rule_versions WHERE id < (SELECT max(id) FROM rule_versions);

-- purge_generations --
-- Sets of rules that nothing refers to, if that is still so.
DELETE FROM generations
WHERE id IN (SELECT value FROM json_each(:ids))
  AND id < (SELECT max(id) FROM generations)
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.generation = generations.id);

-- purge_versions --
-- Rule versions that nothing refers to, if that is still so; a set that ran since then may have taken one up again.
DELETE FROM rule_versions
WHERE id IN (SELECT value FROM json_each(:ids))
  AND id NOT IN (SELECT one.value FROM generations g, json_each(g.versions) one WHERE g.id >= :since)
  AND NOT EXISTS (SELECT 1 FROM pending_triggers p WHERE p.version = rule_versions.id)
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.version = rule_versions.id)
  AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.version = rule_versions.id)
  AND NOT EXISTS (SELECT 1 FROM judgement_errors j WHERE j.version = rule_versions.id);

-- add_rule_counts --
-- How many more events were looked at for rule versions, where those are still kept: [version, since, judged, woken] each.
INSERT INTO rule_counts (version, since, judged, woken)
SELECT v.id, json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]')
FROM json_each(:rows) JOIN rule_versions v ON v.id = json_extract(value, '$[0]') WHERE true
ON CONFLICT (version) DO UPDATE SET judged = judged + excluded.judged, woken = woken + excluded.woken;

-- add_leaf_counts --
-- What they have shown of the versions' comparisons: [version, leaf, true, false, failed] each.
INSERT INTO leaf_counts (version, leaf, seen_true, seen_false, failed)
SELECT v.id, json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),
       json_extract(value, '$[4]')
FROM json_each(:rows) JOIN rule_versions v ON v.id = json_extract(value, '$[0]') WHERE true
ON CONFLICT (version, leaf) DO UPDATE
SET seen_true = seen_true + excluded.seen_true, seen_false = seen_false + excluded.seen_false,
    failed = failed + excluded.failed;

-- rule_counts_of --
-- How many events were looked at for these versions.
SELECT * FROM rule_counts WHERE version IN (SELECT value FROM json_each(:ids)) ORDER BY version;

-- leaf_counts_of --
-- What they have shown of the comparisons.
SELECT * FROM leaf_counts WHERE version IN (SELECT value FROM json_each(:ids)) ORDER BY version, leaf;

-- event_from --
-- The first event with this number or a higher one.
SELECT seq, received_at FROM events WHERE seq >= :seq ORDER BY seq LIMIT 1;

-- count_events_from --
-- How many events there are from a number on; an index knows it without a look at what they hold.
SELECT count(*) AS number FROM events INDEXED BY events_by_generation WHERE seq >= :seq;

-- ended_runs --
-- How the runs of each rule came to their ends since a moment.
SELECT account, rule_id, status, count(*) AS number FROM runs
WHERE finished_at >= :since AND (:rule IS NULL OR rule_id = :rule) AND (:account IS NULL OR account = :account)
GROUP BY account, rule_id, status;

-- run_times --
-- How late the newest runs that were performed began and how long they took, by rule: medians and high percentiles.
SELECT account, rule_id,
       min(CASE WHEN by_late * 100 >= number * 50 THEN late END) AS late_p50,
       min(CASE WHEN by_late * 100 >= number * 95 THEN late END) AS late_p95,
       min(CASE WHEN by_late * 100 >= number * 99 THEN late END) AS late_p99,
       min(CASE WHEN by_took * 100 >= number * 50 THEN took END) AS took_p50,
       min(CASE WHEN by_took * 100 >= number * 95 THEN took END) AS took_p95,
       min(CASE WHEN by_took * 100 >= number * 99 THEN took END) AS took_p99
FROM (
    SELECT account, rule_id, late, took,
           row_number() OVER (PARTITION BY account, rule_id ORDER BY late) AS by_late,
           row_number() OVER (PARTITION BY account, rule_id ORDER BY took) AS by_took,
           count(*) OVER (PARTITION BY account, rule_id) AS number
    FROM (
        SELECT account, rule_id, max(0, started_at - due_at) AS late, max(0, finished_at - started_at) AS took
        FROM runs
        WHERE finished_at >= :since AND status <> 'cancelled'
          AND (:rule IS NULL OR rule_id = :rule) AND (:account IS NULL OR account = :account)
        ORDER BY finished_at DESC LIMIT :limit
    )
)
GROUP BY account, rule_id;

-- step_figures --
-- What became of the actions of runs that ended since a moment, by type.
SELECT s.type, count(*) AS number, sum(s.status = 'done') AS done, sum(s.status = 'failed') AS failed,
       sum(s.status = 'shadow') AS shadow, sum(s.attempts) AS attempts
FROM runs r JOIN run_steps s ON s.run_id = r.id
WHERE r.finished_at >= :since AND (:rule IS NULL OR r.rule_id = :rule) AND (:account IS NULL OR r.account = :account)
GROUP BY s.type ORDER BY s.type;

-- rule_activity --
-- When each of these rules began its newest run, and how much waits: [account, rule] each.
SELECT json_extract(value, '$[0]') AS account, json_extract(value, '$[1]') AS rule_id,
       (SELECT r.started_at FROM runs r WHERE r.account = json_extract(value, '$[0]')
           AND r.rule_id = json_extract(value, '$[1]') ORDER BY r.id DESC LIMIT 1) AS last_run,
       (SELECT count(*) FROM pending_triggers p WHERE p.account = json_extract(value, '$[0]')
           AND p.rule_id = json_extract(value, '$[1]')) AS waiting
FROM json_each(:rules);

-- old_event_keys --
-- Senders' ids that are old enough to come again, unless their event is still kept under them; in their order.
SELECT k.id, k.source, k.account FROM event_keys k
WHERE (k.id, k.source, k.account) > (:id, :source, :account)
  AND k.received_at < :before AND NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = k.seq)
ORDER BY k.id, k.source, k.account LIMIT :limit;

-- purge_event_keys --
-- Lets these ids come again, unless one just did.
DELETE FROM event_keys
WHERE (id, source, account) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:keys)
) AND received_at < :before;

-- purge_runs --
-- Finished runs that are old enough, unless a dead letter still refers to them.
DELETE FROM runs WHERE id IN (
    SELECT r.id FROM runs r
    WHERE r.finished_at < :before AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.run_id = r.id)
    ORDER BY r.finished_at LIMIT :limit
);

-- purge_dead_letters --
-- Dead letters that are old enough, whether or not somebody decided on them.
DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters WHERE created_at < :before ORDER BY id LIMIT :limit
);

-- old_events --
-- Old events that nothing refers to, from the oldest on. The newest stays: the next number is counted from it.
SELECT e.seq FROM events e
WHERE e.seq > :after AND e.seq < (SELECT max(seq) FROM events)
  AND e.received_at < CASE WHEN e.matched = 0 THEN :unmatched_before ELSE :before END
  AND NOT EXISTS (SELECT 1 FROM pending_triggers p WHERE p.event_seq = e.seq)
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_seq = e.seq)
  AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.event_seq = e.seq)
ORDER BY e.seq LIMIT :limit;

-- purge_keys_of_events --
-- The senders' ids of events that go, where they are old enough to come again.
DELETE FROM event_keys
WHERE (id, source, account) IN (
    SELECT e.id, e.source, e.account FROM events e WHERE e.seq IN (SELECT value FROM json_each(:seqs))
) AND received_at < :before;

-- purge_events --
-- Removes events that nothing refers to. Nothing ever begins to: what refers to an event was stored with it.
DELETE FROM events WHERE seq IN (SELECT value FROM json_each(:seqs));

-- free_page --
-- Gives an unused page back to the file system. One: a driver that expects no rows takes one step, whatever is asked.
PRAGMA incremental_vacuum(1);

-- page_counts --
-- How many pages the file has, and how many of them hold nothing.
SELECT (SELECT page_count FROM pragma_page_count()) AS pages,
       (SELECT freelist_count FROM pragma_freelist_count()) AS free;

-- used_bytes --
-- How much of the database is in use, whatever the size of its file.
SELECT ((SELECT page_count FROM pragma_page_count()) - (SELECT freelist_count FROM pragma_freelist_count()))
     * (SELECT page_size FROM pragma_page_size()) AS bytes;

-- event_ids_between --
-- Event ids that begin with a text, for a shell to complete.
SELECT DISTINCT id FROM event_keys WHERE id >= :since AND id < :until ORDER BY id LIMIT :limit;

-- newest_event_ids --
-- The ids of the newest events, for a shell to complete.
SELECT id FROM events ORDER BY seq DESC LIMIT :limit;

-- run_ids_between --
-- Run ids that begin with a text, the newest first, for a shell to complete.
SELECT id FROM runs WHERE id >= :since AND id < :until ORDER BY id DESC LIMIT :limit;

-- soonest_pending_ids --
-- What waits, the soonest first, by the beginning of its id, for a shell to complete.
SELECT id FROM pending_triggers WHERE id LIKE :like ORDER BY due_at, id LIMIT :limit;

-- newest_dead_letter_ids --
-- Dead letters on which nobody has decided, by the beginning of their id, for a shell to complete.
SELECT id FROM dead_letters WHERE status = 'dead' AND id LIKE :like ORDER BY id DESC LIMIT :limit;

-- rule_ids_in_force --
-- The ids of the rules in force that begin with a text, for a shell to complete.
SELECT DISTINCT v.rule_id
FROM (SELECT versions FROM generations ORDER BY id DESC LIMIT 1) g, json_each(g.versions) one
JOIN rule_versions v ON v.id = one.value
WHERE v.rule_id >= :since AND v.rule_id < :until
ORDER BY v.rule_id LIMIT :limit;

-- recorded_events --
-- What came from outside since a moment, oldest first, up to so many and so many characters: what runs made is left out.
SELECT * FROM (
    SELECT *, sum(length(data)) OVER (ORDER BY seq) - length(data) AS lead FROM (
        SELECT * FROM events
        WHERE seq > :after AND received_at >= :since AND parent_run IS NULL
          AND (:account IS NULL OR account = :account)
        ORDER BY seq LIMIT :limit
    )
) WHERE lead < :most ORDER BY seq;

-- event_near --
-- The first event from a number on, and when it arrived.
SELECT seq, received_at FROM events WHERE seq >= :seq ORDER BY seq LIMIT 1;

-- due_waiting_for --
-- Whether anything that an event of this pattern and key ends is due by then.
SELECT p.id FROM waits w JOIN pending_triggers p ON p.id = w.pending
WHERE w.pattern = :pattern AND w.account = :account AND w.key = :key AND p.due_at <= :until LIMIT 1;

-- dues_of_versions --
-- The moments until then at which something of these rule versions is due.
SELECT DISTINCT due_at FROM pending_triggers
WHERE claim = 0 AND due_at <= :until AND version IN (SELECT value FROM json_each(:versions)) ORDER BY due_at;

-- due_of_run --
-- When a run was due, whether or not it has begun.
SELECT coalesce((SELECT due_at FROM runs WHERE id = :run_id),
                (SELECT due_at FROM pending_triggers WHERE run_id = :run_id)) AS due_at;

-- outcomes_between --
-- The runs of events with these numbers, each with what its steps sent and the run that made the event.
SELECT r.account, r.rule_id, r.status, r.error, r.due_at, e.id AS event_id, e.source, e.type, e.received_at,
       (SELECT json_group_array(json_array(s.step, s.type, json(s.params)))
        FROM (SELECT step, type, params FROM run_steps WHERE run_id = r.id ORDER BY started_at, step) s) AS steps,
       o.rule_id AS origin_rule, oe.id AS origin_event
FROM events e JOIN runs r ON r.event_seq = e.seq
LEFT JOIN runs o ON o.id = e.parent_run LEFT JOIN events oe ON oe.seq = o.event_seq
WHERE e.seq >= :first AND e.seq < :after ORDER BY e.seq, r.rule_id;

-- misjudged_between --
-- The rules whose conditions could not be judged on the events with these numbers, and that did not run on them.
SELECT v.account, v.rule_id, j.message, e.id AS event_id, e.source, e.type, e.received_at,
       o.rule_id AS origin_rule, oe.id AS origin_event
FROM events e JOIN judgement_errors j ON j.event_seq = e.seq JOIN rule_versions v ON v.id = j.version
LEFT JOIN runs o ON o.id = e.parent_run LEFT JOIN events oe ON oe.seq = o.event_seq
WHERE e.seq >= :first AND e.seq < :after
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_seq = e.seq AND r.rule_id = v.rule_id)
ORDER BY e.seq, v.rule_id;
