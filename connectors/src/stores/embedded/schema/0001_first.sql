-- Times are microseconds since 1970-01-01T00:00:00Z (columns that end in _us). The views give them as RFC 3339 text.

-- What is measured. `key` is the canonical text of metric, unit and labels: with the source it is the identity.
-- The times are null until an event of the series has passed the catalog.
CREATE TABLE series (
    id            INTEGER PRIMARY KEY,
    source        TEXT NOT NULL,
    key           TEXT NOT NULL,
    metric        TEXT NOT NULL,
    unit          TEXT NOT NULL,
    labels        TEXT NOT NULL, -- JSON object of texts
    first_seen_us INTEGER,
    last_seen_us  INTEGER,
    UNIQUE (source, key)
) STRICT;
CREATE INDEX series_by_metric ON series (metric, source);

-- The highest revision of each window. Clustered by its key, so that one series over time lies together.
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
    PRIMARY KEY (operator, series_id, window_start_us, window_end_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollup_by_time ON rollup (window_start_us, operator);

-- Events that came after their window was gone. `position` and `event_index` name the event in the event log.
CREATE TABLE late (
    operator    TEXT NOT NULL,
    position    INTEGER NOT NULL,
    event_index INTEGER NOT NULL,
    series_id   INTEGER NOT NULL REFERENCES series (id),
    time_us     INTEGER NOT NULL,
    value       REAL NOT NULL,
    PRIMARY KEY (operator, position, event_index, series_id)
) STRICT, WITHOUT ROWID;

-- Input that could not become an event, and entries of the log that a sink could not read.
CREATE TABLE dead_letter (
    number    INTEGER PRIMARY KEY,
    component TEXT NOT NULL,
    id        TEXT NOT NULL,
    origin    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    time_us   INTEGER NOT NULL,
    original  TEXT NOT NULL,
    UNIQUE (component, id)
) STRICT;
CREATE INDEX dead_letter_by_time ON dead_letter (time_us);

-- The last entry of the log that is in this file, for each sink.
CREATE TABLE sink_position (
    sink     TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW rollups AS
SELECT r.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_start_us - ((r.window_start_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_start_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_start_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_start,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_end_us - ((r.window_end_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_end_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_end_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_end,
    r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles, r.series_id, r.id, r.version
FROM rollup r JOIN series s ON s.id = r.series_id;

-- One row for each operator and series. Operators are found by skipping through the key, not by reading every row.
CREATE VIEW latest AS
WITH RECURSIVE operators (operator) AS (
    SELECT min(operator) FROM rollup
    UNION ALL
    SELECT (SELECT min(operator) FROM rollup WHERE operator > operators.operator) FROM operators WHERE operators.operator IS NOT NULL
)
SELECT o.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_start_us - ((r.window_start_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_start_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_start_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_start,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_end_us - ((r.window_end_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_end_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_end_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_end,
    r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles, r.series_id, r.id, r.version
FROM operators o CROSS JOIN series s CROSS JOIN rollup r
WHERE r.operator = o.operator AND r.series_id = s.id
    AND (r.window_start_us, r.window_end_us) = (
        SELECT n.window_start_us, n.window_end_us FROM rollup n
        WHERE n.operator = o.operator AND n.series_id = s.id
        ORDER BY n.window_start_us DESC, n.window_end_us DESC LIMIT 1);

CREATE VIEW late_events AS
SELECT l.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (l.time_us - ((l.time_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN l.time_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((l.time_us % 1000000) + 1000000) % 1000000) END || 'Z' AS time,
    l.value, l.position, l.event_index, l.series_id
FROM late l JOIN series s ON s.id = l.series_id;

CREATE VIEW dead_letters AS
SELECT
    strftime('%Y-%m-%dT%H:%M:%S', (time_us - ((time_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN time_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((time_us % 1000000) + 1000000) % 1000000) END || 'Z' AS time,
    component, id, origin, reason, original
FROM dead_letter;
