-- Raw events in partitions of PostgreSQL by event time. What lies far in the future, or beyond the number of partitions, is
-- in event_default.
CREATE TABLE event (
    position    bigint NOT NULL,
    log_time    timestamptz NOT NULL,
    time        timestamptz NOT NULL,
    series_id   bigint,
    value       double precision,
    event_index integer NOT NULL,
    source      text NOT NULL,
    type        text NOT NULL,
    id          text NOT NULL,
    subject     text,
    metric      text,
    unit        text,
    labels      jsonb NOT NULL,
    data        jsonb,
    original    text
) PARTITION BY RANGE (time);
CREATE TABLE event_default PARTITION OF event DEFAULT;
