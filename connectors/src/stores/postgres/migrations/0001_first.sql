-- Everything but the raw events. Times of users' data are kept twice where they may lie outside what timestamptz can
-- hold: exact in microseconds since 1970-01-01T00:00:00Z (columns that end in _us), and as timestamptz for people, there
-- -infinity before 4713 BC.

CREATE TABLE sink_position (
    sink     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL,
    mark     text
);
COMMENT ON COLUMN sink_position.mark IS 'The last entry that was written, as position:fingerprint: by it the log is recognised.';
COMMENT ON TABLE sink_position IS 'The last entry of the log that is in this database, for each sink. It moves in the transaction of the rows.';

CREATE TABLE frame_seen (
    sink      text COLLATE "C" NOT NULL,
    source    text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    epoch     bigint NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (sink, source, partition)
);
COMMENT ON TABLE frame_seen IS 'The last frame of each source and partition of the log: what comes again, or from a writer that was replaced, is passed over.';

CREATE TABLE series (
    id            bigint PRIMARY KEY,
    source        text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,
    metric        text NOT NULL,
    unit          text NOT NULL,
    labels        jsonb NOT NULL,
    first_seen    timestamptz,
    last_seen     timestamptz,
    first_seen_us bigint,
    last_seen_us  bigint
);
CREATE INDEX series_by_source ON series (source);
COMMENT ON TABLE series IS 'What is measured: one row for each source, metric, unit and labels.';
COMMENT ON COLUMN series.id IS 'XXH3 (64 bits) of source, a zero byte and key; event.series_id.';
COMMENT ON COLUMN series.key IS 'Canonical JSON of metric, unit and labels: with the source it is the identity.';
COMMENT ON COLUMN series.metric IS 'What is measured. U+0000, which no text can hold here, stands as ␀0, and ␀ as ␀␀; so in unit and labels.';
COMMENT ON COLUMN series.unit IS 'The unit, UCUM-like; empty when it has none.';
COMMENT ON COLUMN series.labels IS 'JSON object of texts.';
COMMENT ON COLUMN series.first_seen IS 'The earliest event time; null until the catalog has come to an event.';
COMMENT ON COLUMN series.last_seen IS 'The latest event time, at most a minute behind.';
COMMENT ON COLUMN series.first_seen_us IS 'first_seen, exact in microseconds.';
COMMENT ON COLUMN series.last_seen_us IS 'last_seen, exact in microseconds.';

CREATE TABLE dead_letter (
    number    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity  bytea NOT NULL UNIQUE,
    component text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    origin    text NOT NULL,
    reason    text NOT NULL,
    time      timestamptz NOT NULL,
    time_us   bigint NOT NULL,
    original  text NOT NULL
);
CREATE INDEX dead_letter_by_time ON dead_letter (time_us);
COMMENT ON TABLE dead_letter IS 'Input that could not become an event, and what a sink could not store, kept whole with the reason. In its texts U+0000 stands as ␀0, and ␀ as ␀␀.';
COMMENT ON COLUMN dead_letter.identity IS 'XXH3 (128 bits) of component, a zero byte and id.';
COMMENT ON COLUMN dead_letter.component IS 'The source, operator or sink that set it aside.';
COMMENT ON COLUMN dead_letter.id IS 'Unique within the component.';
COMMENT ON COLUMN dead_letter.origin IS 'Where it came from.';
COMMENT ON COLUMN dead_letter.reason IS 'What is wrong with it.';
COMMENT ON COLUMN dead_letter.time IS 'When it was set aside.';
COMMENT ON COLUMN dead_letter.time_us IS 'time, exact in microseconds.';
COMMENT ON COLUMN dead_letter.original IS 'The first 64 KiB of it.';
