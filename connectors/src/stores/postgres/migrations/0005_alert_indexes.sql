-- What is old is found without reading what is not.
CREATE INDEX incident_done ON incident (resolved_us) WHERE done;
CREATE INDEX notification_settled ON notification (time_us) WHERE state <> 'waiting';
CREATE INDEX alert_request_answered ON alert_request (time_us) WHERE answer IS NOT NULL;
-- Alerts without an incident that are not active: those that are in one go with it.
CREATE INDEX alert_passed ON alert (began_us) WHERE incident IS NULL AND NOT active;

-- Those that are active, and those that are live, are read in the order of their lists.
DROP INDEX alert_live;
CREATE INDEX alert_live ON alert (began_us DESC, id) WHERE live;
CREATE INDEX alert_active ON alert (began_us DESC, id) WHERE active;
