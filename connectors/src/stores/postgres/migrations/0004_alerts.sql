-- Alerts: what the desk knows, what is to be sent, and what people ask for. `data` is the whole as JSON, in which U+0000 is
-- escaped and therefore no jsonb; the columns beside it are for questions.

CREATE TABLE alert_desk (
    one      integer PRIMARY KEY CHECK (one = 1),
    owner    bigint NOT NULL,
    turn     bigint NOT NULL,
    position bigint NOT NULL,
    mark     text
);
INSERT INTO alert_desk VALUES (1, 0, 0, 0, NULL);
COMMENT ON TABLE alert_desk IS 'Where the desk of alerts stands in the output log, and whose it is. One row. It moves in the transaction of the rows.';
COMMENT ON COLUMN alert_desk.owner IS 'One more at each takeover: whoever was replaced writes nothing.';
COMMENT ON COLUMN alert_desk.mark IS 'The last entry that was taken, as position:fingerprint.';

CREATE TABLE incident (
    id          text COLLATE "C" PRIMARY KEY,
    title       text NOT NULL,
    severity    smallint NOT NULL,
    opened_us   bigint NOT NULL,
    resolved_us bigint,
    done        boolean NOT NULL,
    data        text NOT NULL
);
CREATE INDEX incident_by_time ON incident (opened_us DESC, id);
CREATE INDEX incident_not_done ON incident (id) WHERE NOT done;
COMMENT ON TABLE incident IS 'Alerts that belong together, from the first that fired until all are over.';
COMMENT ON COLUMN incident.title IS 'One line for people. U+0000 stands as ␀0, and ␀ as ␀␀.';
COMMENT ON COLUMN incident.severity IS '0 info, 1 warning, 2 error, 3 critical.';
COMMENT ON COLUMN incident.done IS 'Whether it is over and everybody knows.';
COMMENT ON COLUMN incident.data IS 'The whole as JSON.';

CREATE TABLE alert (
    id       text COLLATE "C" PRIMARY KEY,
    rule     text COLLATE "C" NOT NULL,
    source   text COLLATE "C" NOT NULL,
    state    text NOT NULL,
    active   boolean NOT NULL,
    severity smallint NOT NULL,
    began_us bigint NOT NULL,
    time_us  bigint NOT NULL,
    incident text COLLATE "C",
    labels   text NOT NULL,
    live     boolean NOT NULL,
    data     text NOT NULL
);
CREATE INDEX alert_by_time ON alert (began_us DESC, id);
CREATE INDEX alert_of_incident ON alert (incident) WHERE incident IS NOT NULL;
CREATE INDEX alert_live ON alert (id) WHERE live;
COMMENT ON TABLE alert IS 'Alerts at their newest step.';
COMMENT ON COLUMN alert.severity IS 'As in incident.';
COMMENT ON COLUMN alert.time_us IS 'When it came to its newest step.';
COMMENT ON COLUMN alert.labels IS 'A line for each, as a JSON list of name and value.';
COMMENT ON COLUMN alert.live IS 'Whether the desk still has to do with it.';
COMMENT ON COLUMN alert.data IS 'The whole as JSON.';

CREATE TABLE alert_step (
    alert    text COLLATE "C" NOT NULL,
    version  text COLLATE "C" NOT NULL,
    step     bigint NOT NULL,
    position bigint NOT NULL,
    data     text NOT NULL,
    PRIMARY KEY (alert, version, step)
);
COMMENT ON TABLE alert_step IS 'Every step of every alert, by each definition of its rule, with its entry of the output log.';

CREATE TABLE alert_decision (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident text COLLATE "C" NOT NULL,
    time_us  bigint NOT NULL,
    data     text NOT NULL
);
CREATE INDEX alert_decision_of_incident ON alert_decision (incident, number);
COMMENT ON TABLE alert_decision IS 'Why somebody was told, or was not.';

CREATE TABLE notification (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       text COLLATE "C" NOT NULL UNIQUE,
    incident text COLLATE "C" NOT NULL,
    receiver text COLLATE "C" NOT NULL,
    reply    bigint NOT NULL,
    reason   text NOT NULL,
    time_us  bigint NOT NULL,
    state    text NOT NULL,
    attempts bigint NOT NULL,
    next_us  bigint NOT NULL,
    data     text NOT NULL
);
CREATE INDEX notification_waiting ON notification (receiver, number) WHERE state = 'waiting';
CREATE INDEX notification_of_incident ON notification (incident, receiver, reply);
COMMENT ON TABLE notification IS 'What is to be sent, and was.';
COMMENT ON COLUMN notification.reply IS 'Its number in the incident for the receiver, from 0.';
COMMENT ON COLUMN notification.state IS 'waiting, delivered, or dead: then it is in dead_letter.';
COMMENT ON COLUMN notification.next_us IS 'When it is due, while it waits.';

CREATE TABLE notification_attempt (
    notification text COLLATE "C" NOT NULL,
    number       bigint NOT NULL,
    time_us      bigint NOT NULL,
    outcome      text NOT NULL,
    answer       text NOT NULL,
    PRIMARY KEY (notification, number)
);
COMMENT ON TABLE notification_attempt IS 'Every try to send a notification, with what the receiver said.';

CREATE TABLE silence (
    id      text COLLATE "C" PRIMARY KEY,
    ends_us bigint NOT NULL,
    over    boolean NOT NULL,
    data    text NOT NULL
);
COMMENT ON TABLE silence IS 'Alerts that are not to be told for a while.';

CREATE TABLE alert_note (
    name text COLLATE "C" PRIMARY KEY,
    data text NOT NULL
);
COMMENT ON TABLE alert_note IS 'What else the desk has to know when it starts again.';

CREATE TABLE alert_request (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time_us bigint NOT NULL,
    action  text NOT NULL,
    answer  text
);
CREATE INDEX alert_request_open ON alert_request (number) WHERE answer IS NULL;
COMMENT ON TABLE alert_request IS 'What people ask for, and what became of it.';
