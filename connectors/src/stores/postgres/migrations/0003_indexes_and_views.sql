CREATE TABLE event_partition (
    name   text PRIMARY KEY,
    begins timestamptz NOT NULL,
    ends   timestamptz NOT NULL
);
COMMENT ON TABLE event_partition IS 'The partitions of event but event_default: begins <= time < ends.';

-- Positions repeat for each event of a frame, so this index keeps one list for each: a few bytes for a row.
CREATE INDEX event_by_position ON event (position);
CREATE INDEX event_by_series ON event (series_id, time);
CREATE INDEX event_by_time ON event USING brin (time);

COMMENT ON TABLE event IS 'Raw events, each exactly once: position and event_index name it for ever.';
COMMENT ON COLUMN event.position IS 'The entry of the event log.';
COMMENT ON COLUMN event.event_index IS 'The place within that entry, from 0.';
COMMENT ON COLUMN event.log_time IS 'When the log stored it.';
COMMENT ON COLUMN event.time IS 'When it was so: event time.';
COMMENT ON COLUMN event.series_id IS 'series.id of a sample, and of a check its series up; null for a record.';
COMMENT ON COLUMN event.value IS 'Of a sample its value in unit; of a check 1 up, 0 down, null when nobody can say.';
COMMENT ON COLUMN event.source IS 'The id of the source, as in [sources.<id>].';
COMMENT ON COLUMN event.type IS 'floodmark.sample.v1, floodmark.check.v1 or floodmark.record.v1.';
COMMENT ON COLUMN event.id IS 'Unique within the source: what tells a repeated event from a new one.';
COMMENT ON COLUMN event.subject IS 'What within the source it is about.';
COMMENT ON COLUMN event.metric IS 'What a sample measures; null for others.';
COMMENT ON COLUMN event.unit IS 'The unit of a sample, UCUM-like, empty when it has none; null for others.';
COMMENT ON COLUMN event.labels IS 'JSON object of texts. Of a check also its target.';
COMMENT ON COLUMN event.data IS 'The data of a check or record; null for a sample.';
COMMENT ON COLUMN event.original IS 'The whole event as JSON, only where the other columns could not give it back to the last bit.';

CREATE VIEW latest AS
SELECT s.source, s.metric, s.unit, s.labels, e.time, e.value, e.position, e.event_index, s.id AS series_id
FROM series s
CROSS JOIN LATERAL (
    SELECT time, value, position, event_index FROM event
    WHERE series_id = s.id AND value IS NOT NULL
    ORDER BY time DESC, position DESC, event_index DESC LIMIT 1
) e;
COMMENT ON VIEW latest IS 'The latest value of each series by event time; of equal times the one that came last. A check has the series up: 1 or 0.';

CREATE VIEW availability AS
WITH looks AS (
    SELECT source, labels ->> 'target' AS target, time, value,
        (time AT TIME ZONE 'UTC')::date AS day,
        lead(time) OVER (PARTITION BY source, labels ->> 'target' ORDER BY time, position, event_index) AS next
    FROM event WHERE type = 'floodmark.check.v1'
), usual AS (
    SELECT source, target, day,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM next - time)::double precision)
            FILTER (WHERE next > time) * interval '1 second' AS every
    FROM looks GROUP BY source, target, day
), spans AS (
    SELECT l.source, l.target, l.day, l.time, l.value,
        coalesce(CASE WHEN l.next IS NULL THEN l.time + u.every ELSE least(l.next, l.time + 2 * u.every) END, l.time) AS until
    FROM looks l JOIN usual u USING (source, target, day)
), observed AS (
    SELECT source, target, d.day::date AS day,
        sum(extract(epoch FROM least(until, (d.day + interval '1 day') AT TIME ZONE 'UTC')
            - greatest(time, d.day AT TIME ZONE 'UTC')))::double precision AS seconds
    FROM spans
    CROSS JOIN LATERAL generate_series(day::timestamp, (until AT TIME ZONE 'UTC')::date::timestamp, interval '1 day') AS d (day)
    WHERE value IS NOT NULL
    GROUP BY source, target, d.day
), counts AS (
    SELECT source, target, day, count(*) AS checks,
        count(*) FILTER (WHERE value = 1) AS up, count(*) FILTER (WHERE value = 0) AS down
    FROM looks GROUP BY source, target, day
)
SELECT c.source, c.target, c.day, c.checks, c.up, c.down,
    c.up::double precision / nullif(c.up + c.down, 0) AS share_up,
    least(coalesce(o.seconds, 0) / 86400, 1) AS share_observed
FROM counts c LEFT JOIN observed o USING (source, target, day);
COMMENT ON VIEW availability IS 'Each target and UTC day with checks: how many, how many were up and down (the rest said neither), the share that were up of those that said, and the share of the day that was observed. A check that says up or down observes the time until the next check of its target, but at most twice the usual distance (the median of that day); the newest one observes one usual distance.';

CREATE VIEW gaps AS
WITH steps AS (
    SELECT series_id, time AS ends, lag(time) OVER (PARTITION BY series_id ORDER BY time) AS begins
    FROM event WHERE series_id IS NOT NULL AND value IS NOT NULL
), usual AS (
    SELECT series_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ends - begins)::double precision) AS every_secs
    FROM steps WHERE ends > begins GROUP BY series_id HAVING count(*) >= 3
)
SELECT s.source, s.metric, s.unit, s.labels, p.begins, p.ends,
    extract(epoch FROM p.ends - p.begins)::double precision AS seconds, u.every_secs AS usual_seconds,
    round(extract(epoch FROM p.ends - p.begins)::double precision / u.every_secs)::bigint - 1 AS missing,
    s.id AS series_id
FROM steps p JOIN usual u USING (series_id) JOIN series s ON s.id = p.series_id
WHERE extract(epoch FROM p.ends - p.begins)::double precision > 3 * u.every_secs;
COMMENT ON VIEW gaps IS 'Holes in a series: two values that follow each other at more than three times the usual distance (the median of all distances of the series that are not zero, at least three of them). missing: how many values would have been usual between them. Checks that say neither up nor down count as holes.';
