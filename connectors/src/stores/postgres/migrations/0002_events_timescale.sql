-- Raw events in a hypertable of TimescaleDB by event time.
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
);
SELECT {timescale}create_hypertable('event', 'time', create_default_indexes => false);
