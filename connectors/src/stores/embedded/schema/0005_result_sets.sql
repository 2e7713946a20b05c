-- Results of an operator whose definition has changed stand beside those of the definition before: the version is part of
-- their key, and this says which count.
CREATE TABLE result_set (
    kind     TEXT NOT NULL, -- the table of the results: rollup or score
    operator TEXT NOT NULL,
    version  TEXT NOT NULL, -- the operator's definition as a hash
    state    TEXT NOT NULL, -- current: what people see; rebuilding: not complete yet; replaced: another one counts now
    since_us INTEGER NOT NULL, -- log time of the entry by which it came into this state
    through  TEXT NOT NULL, -- of one that is rebuilt: a JSON list of the jobs that are through
    PRIMARY KEY (kind, operator, version)
) STRICT, WITHOUT ROWID;

-- Until now results replaced others one by one: those of the newest definition count.
INSERT INTO result_set
SELECT 'rollup', operator, version, iif(place = 1, 'current', 'replaced'), 0, '[]' FROM (
    SELECT operator, version, row_number() OVER (PARTITION BY operator ORDER BY max(window_end_us) DESC, count(*) DESC, version) AS place
    FROM rollup GROUP BY operator, version);
INSERT INTO result_set
SELECT 'score', operator, version, iif(place = 1, 'current', 'replaced'), 0, '[]' FROM (
    SELECT operator, version, row_number() OVER (PARTITION BY operator ORDER BY max(time_us) DESC, count(*) DESC, version) AS place
    FROM score GROUP BY operator, version);

DROP VIEW rollups;
DROP VIEW latest;
DROP VIEW scores;
DROP VIEW late_events;

-- The highest revision of each window. Clustered by its key, so that one series over time lies together.
ALTER TABLE rollup RENAME TO rollup_before;
DROP INDEX rollup_by_time;
CREATE TABLE rollup (
    operator        TEXT NOT NULL,
    series_id       INTEGER NOT NULL REFERENCES series (id),
    window_start_us INTEGER NOT NULL,
    window_end_us   INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    id              TEXT NOT NULL,
    count           INTEGER NOT NULL,
    sum             REAL,
    mean            REAL,
    min             REAL,
    max             REAL,
    stddev          REAL,
    first           REAL,
    last            REAL,
    quantiles       TEXT, -- JSON object of numbers by level
    version         TEXT NOT NULL, -- the operator's definition as a hash
    more            TEXT, -- other aggregates: a JSON object with the names of the API
    PRIMARY KEY (operator, version, series_id, window_start_us, window_end_us)
) STRICT, WITHOUT ROWID;
INSERT INTO rollup (operator, series_id, window_start_us, window_end_us, revision, id, count, sum, mean, min, max, stddev, first, last, quantiles, version, more)
SELECT operator, series_id, window_start_us, window_end_us, revision, id, count, sum, mean, min, max, stddev, first, last, quantiles, version, more FROM rollup_before;
DROP TABLE rollup_before;
CREATE INDEX rollup_by_time ON rollup (window_start_us, operator);

-- The same of scores.
ALTER TABLE score RENAME TO score_before;
DROP INDEX score_by_time;
DROP INDEX score_unusual;
DROP INDEX score_of_episode;
CREATE TABLE score (
    operator          TEXT NOT NULL,
    series_id         INTEGER NOT NULL REFERENCES series (id),
    time_us           INTEGER NOT NULL, -- of the value, or the end of its window
    revision          INTEGER NOT NULL,
    id                TEXT NOT NULL,
    window_start_us   INTEGER, -- when a rollup was judged
    window_end_us     INTEGER,
    value             REAL NOT NULL,
    score             REAL NOT NULL,
    novelty           REAL NOT NULL,
    jump              REAL NOT NULL,
    staleness         REAL NOT NULL,
    head              TEXT NOT NULL, -- novelty, jump or staleness
    baseline          REAL,
    lower             REAL,
    upper             REAL,
    state             TEXT NOT NULL, -- learning, normal or anomalous
    episode           TEXT,
    episode_opened_us INTEGER,
    episode_peak      REAL,
    episode_closed    INTEGER, -- 1 in the last score of an episode
    version           TEXT NOT NULL, -- the operator's definition as a hash
    PRIMARY KEY (operator, version, series_id, time_us)
) STRICT, WITHOUT ROWID;
INSERT INTO score SELECT * FROM score_before;
DROP TABLE score_before;
CREATE INDEX score_by_time ON score (time_us, operator);
CREATE INDEX score_unusual ON score (time_us, operator) WHERE score >= 1.0;
CREATE INDEX score_of_episode ON score (time_us, operator) WHERE episode IS NOT NULL;

-- Events that came after their window was gone. `position` and `event_index` name the event in the event log.
ALTER TABLE late RENAME TO late_before;
CREATE TABLE late (
    operator    TEXT NOT NULL,
    position    INTEGER NOT NULL,
    event_index INTEGER NOT NULL,
    series_id   INTEGER NOT NULL REFERENCES series (id),
    time_us     INTEGER NOT NULL,
    value       REAL NOT NULL,
    version     TEXT NOT NULL, -- the operator's definition as a hash
    PRIMARY KEY (operator, version, position, event_index, series_id)
) STRICT, WITHOUT ROWID;
INSERT INTO late (operator, position, event_index, series_id, time_us, value, version)
SELECT l.operator, l.position, l.event_index, l.series_id, l.time_us, l.value, ifnull(c.version, '')
FROM late_before l LEFT JOIN result_set c ON c.kind = 'rollup' AND c.operator = l.operator AND c.state = 'current';
DROP TABLE late_before;

CREATE VIEW rollups AS
SELECT r.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_start_us - ((r.window_start_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_start_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_start_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_start,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_end_us - ((r.window_end_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_end_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_end_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_end,
    r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles,
    json_extract(r.more, '$.delta') AS delta, json_extract(r.more, '$.increase') AS increase, json_extract(r.more, '$.rate') AS rate,
    json_extract(r.more, '$.distinct') AS distinct_values, json_extract(r.more, '$.availability.up') AS up,
    json_extract(r.more, '$.availability.observed') AS observed, json_extract(r.more, '$.top') AS top,
    json_extract(r.more, '$.histogram') AS histogram, r.series_id, r.id, r.version
FROM rollup r JOIN series s ON s.id = r.series_id
    JOIN result_set c ON c.kind = 'rollup' AND c.operator = r.operator AND c.version = r.version AND c.state = 'current'
WHERE r.count > 0;

-- One row for each operator and series.
CREATE VIEW latest AS
SELECT o.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_start_us - ((r.window_start_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_start_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_start_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_start,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_end_us - ((r.window_end_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_end_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_end_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_end,
    r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles,
    json_extract(r.more, '$.delta') AS delta, json_extract(r.more, '$.increase') AS increase, json_extract(r.more, '$.rate') AS rate,
    json_extract(r.more, '$.distinct') AS distinct_values, json_extract(r.more, '$.availability.up') AS up,
    json_extract(r.more, '$.availability.observed') AS observed, json_extract(r.more, '$.top') AS top,
    json_extract(r.more, '$.histogram') AS histogram, r.series_id, r.id, r.version
FROM result_set o CROSS JOIN series s CROSS JOIN rollup r
WHERE o.kind = 'rollup' AND o.state = 'current'
    AND r.operator = o.operator AND r.version = o.version AND r.series_id = s.id
    AND (r.window_start_us, r.window_end_us) = (
        SELECT n.window_start_us, n.window_end_us FROM rollup n
        WHERE n.operator = o.operator AND n.version = o.version AND n.series_id = s.id AND n.count > 0
        ORDER BY n.window_start_us DESC, n.window_end_us DESC LIMIT 1);

CREATE VIEW scores AS
SELECT r.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.time_us - ((r.time_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.time_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.time_us % 1000000) + 1000000) % 1000000) END || 'Z' AS time,
    r.value, r.score, r.head, r.state, r.baseline, r.lower, r.upper, r.novelty, r.jump, r.staleness, r.episode,
    CASE WHEN r.episode_opened_us IS NULL THEN NULL ELSE
        strftime('%Y-%m-%dT%H:%M:%S', (r.episode_opened_us - ((r.episode_opened_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.episode_opened_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.episode_opened_us % 1000000) + 1000000) % 1000000) END || 'Z' END AS episode_opened,
    r.episode_peak, r.episode_closed, r.window_start_us, r.window_end_us, r.revision, r.series_id, r.id, r.version
FROM score r JOIN series s ON s.id = r.series_id
    JOIN result_set c ON c.kind = 'score' AND c.operator = r.operator AND c.version = r.version AND c.state = 'current';

CREATE VIEW late_events AS
SELECT l.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (l.time_us - ((l.time_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN l.time_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((l.time_us % 1000000) + 1000000) % 1000000) END || 'Z' AS time,
    l.value, l.position, l.event_index, l.series_id
FROM late l JOIN series s ON s.id = l.series_id
    JOIN result_set c ON c.kind = 'rollup' AND c.operator = l.operator AND c.version = l.version AND c.state = 'current';
