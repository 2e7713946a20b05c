-- Alerts: what the desk knows, what is to be sent, and what people ask for. `data` is the whole as JSON; the columns beside it
-- are for questions.

-- Where the desk stands in the output log, and whose it is. One row.
CREATE TABLE alert_desk (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    owner    INTEGER NOT NULL, -- one more at each takeover
    turn     INTEGER NOT NULL, -- one more at each commit
    position INTEGER NOT NULL,
    mark     TEXT -- the last entry that was taken, as position:fingerprint
) STRICT;
INSERT INTO alert_desk VALUES (1, 0, 0, 0, NULL);

-- Alerts that belong together.
CREATE TABLE incident (
    id          TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    severity    INTEGER NOT NULL, -- 0 info, 1 warning, 2 error, 3 critical
    opened_us   INTEGER NOT NULL,
    resolved_us INTEGER,
    done        INTEGER NOT NULL, -- 1 when everybody knows that it is over
    data        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_by_time ON incident (opened_us, id);
CREATE INDEX incident_not_done ON incident (id) WHERE done = 0;

-- Alerts at their newest step.
CREATE TABLE alert (
    id       TEXT PRIMARY KEY,
    rule     TEXT NOT NULL,
    source   TEXT NOT NULL,
    state    TEXT NOT NULL,
    active   INTEGER NOT NULL,
    severity INTEGER NOT NULL, -- as in incident
    began_us INTEGER NOT NULL,
    time_us  INTEGER NOT NULL, -- of the newest step
    incident TEXT,
    labels   TEXT NOT NULL, -- a line for each, as a JSON list of name and value
    live     INTEGER NOT NULL, -- 1 while the desk has to do with it
    data     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_by_time ON alert (began_us, id);
CREATE INDEX alert_of_incident ON alert (incident) WHERE incident IS NOT NULL;
CREATE INDEX alert_live ON alert (id) WHERE live = 1;

-- Every step of every alert, by each definition of its rule.
CREATE TABLE alert_step (
    alert    TEXT NOT NULL,
    version  TEXT NOT NULL, -- the rule's definition as a hash
    step     INTEGER NOT NULL,
    position INTEGER NOT NULL, -- the entry of the output log
    data     TEXT NOT NULL,
    PRIMARY KEY (alert, version, step)
) STRICT, WITHOUT ROWID;

-- What was decided, and why.
CREATE TABLE alert_decision (
    number   INTEGER PRIMARY KEY,
    incident TEXT NOT NULL,
    time_us  INTEGER NOT NULL,
    data     TEXT NOT NULL
) STRICT;
CREATE INDEX alert_decision_of_incident ON alert_decision (incident, number);

-- What is to be sent, and was.
CREATE TABLE notification (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    incident TEXT NOT NULL,
    receiver TEXT NOT NULL,
    reply    INTEGER NOT NULL, -- its number in the incident for the receiver
    reason   TEXT NOT NULL,
    time_us  INTEGER NOT NULL,
    state    TEXT NOT NULL, -- waiting, delivered or dead
    attempts INTEGER NOT NULL,
    next_us  INTEGER NOT NULL, -- when it is due, while it waits
    data     TEXT NOT NULL
) STRICT;
CREATE INDEX notification_waiting ON notification (receiver, number) WHERE state = 'waiting';
CREATE INDEX notification_of_incident ON notification (incident, receiver, reply);

CREATE TABLE notification_attempt (
    notification TEXT NOT NULL,
    number       INTEGER NOT NULL,
    time_us      INTEGER NOT NULL,
    outcome      TEXT NOT NULL, -- a JSON object
    answer       TEXT NOT NULL,
    PRIMARY KEY (notification, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE silence (
    id      TEXT PRIMARY KEY,
    ends_us INTEGER NOT NULL,
    over    INTEGER NOT NULL,
    data    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What else the desk has to know when it starts again.
CREATE TABLE alert_note (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What people ask for, and what became of it.
CREATE TABLE alert_request (
    number  INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    action  TEXT NOT NULL,
    answer  TEXT
) STRICT;
CREATE INDEX alert_request_open ON alert_request (number) WHERE answer IS NULL;
