-- The last entry that a sink has written, as position:fingerprint: by it the log is recognised.
ALTER TABLE sink_position ADD COLUMN mark TEXT;
