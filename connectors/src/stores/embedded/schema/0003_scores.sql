-- The highest revision of each score. Clustered by its key, so that one series over time lies together.
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
    PRIMARY KEY (operator, series_id, time_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX score_by_time ON score (time_us, operator);
-- Few of many scores are unusual: what people ask for first is found without passing the others.
CREATE INDEX score_unusual ON score (time_us, operator) WHERE score >= 1.0;
CREATE INDEX score_of_episode ON score (time_us, operator) WHERE episode IS NOT NULL;

CREATE VIEW scores AS
SELECT r.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.time_us - ((r.time_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.time_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.time_us % 1000000) + 1000000) % 1000000) END || 'Z' AS time,
    r.value, r.score, r.head, r.state, r.baseline, r.lower, r.upper, r.novelty, r.jump, r.staleness, r.episode,
    CASE WHEN r.episode_opened_us IS NULL THEN NULL ELSE
        strftime('%Y-%m-%dT%H:%M:%S', (r.episode_opened_us - ((r.episode_opened_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.episode_opened_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.episode_opened_us % 1000000) + 1000000) % 1000000) END || 'Z' END AS episode_opened,
    r.episode_peak, r.episode_closed, r.window_start_us, r.window_end_us, r.revision, r.series_id, r.id, r.version
FROM score r JOIN series s ON s.id = r.series_id;

-- A rollup without events is a retraction: its window has lost them to another.
DROP VIEW rollups;
CREATE VIEW rollups AS
SELECT r.operator, s.source, s.metric, s.unit, s.labels,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_start_us - ((r.window_start_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_start_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_start_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_start,
    strftime('%Y-%m-%dT%H:%M:%S', (r.window_end_us - ((r.window_end_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || CASE WHEN r.window_end_us % 1000000 = 0 THEN '' ELSE printf('.%06d', ((r.window_end_us % 1000000) + 1000000) % 1000000) END || 'Z' AS window_end,
    r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles, r.series_id, r.id, r.version
FROM rollup r JOIN series s ON s.id = r.series_id
WHERE r.count > 0;

DROP VIEW latest;
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
        WHERE n.operator = o.operator AND n.series_id = s.id AND n.count > 0
        ORDER BY n.window_start_us DESC, n.window_end_us DESC LIMIT 1);
