-- The aggregates that came later, as a JSON object with the names of the API; null when a rollup has none of them.
ALTER TABLE rollup ADD COLUMN more TEXT;

DROP VIEW rollups;
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
WHERE r.count > 0;

DROP VIEW latest;
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
    r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles,
    json_extract(r.more, '$.delta') AS delta, json_extract(r.more, '$.increase') AS increase, json_extract(r.more, '$.rate') AS rate,
    json_extract(r.more, '$.distinct') AS distinct_values, json_extract(r.more, '$.availability.up') AS up,
    json_extract(r.more, '$.availability.observed') AS observed, json_extract(r.more, '$.top') AS top,
    json_extract(r.more, '$.histogram') AS histogram, r.series_id, r.id, r.version
FROM operators o CROSS JOIN series s CROSS JOIN rollup r
WHERE r.operator = o.operator AND r.series_id = s.id
    AND (r.window_start_us, r.window_end_us) = (
        SELECT n.window_start_us, n.window_end_us FROM rollup n
        WHERE n.operator = o.operator AND n.series_id = s.id AND n.count > 0
        ORDER BY n.window_start_us DESC, n.window_end_us DESC LIMIT 1);
