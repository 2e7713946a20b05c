-- Runs once, as the administrator, when the volume is empty. The tables are made by Floodmark's own migrations.
\set ON_ERROR_STOP on
\set floodmark_password `cat /run/secrets/postgres_floodmark_password`
\set grafana_password `cat /run/secrets/postgres_grafana_password`

-- Owns the database and everything in it.
CREATE ROLE floodmark LOGIN PASSWORD :'floodmark_password';
CREATE DATABASE floodmark OWNER floodmark;

-- Reads everything, changes nothing, and no question of a dashboard runs longer than half a minute.
CREATE ROLE grafana LOGIN PASSWORD :'grafana_password';
GRANT pg_read_all_data TO grafana;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';

-- Nobody else gets in, but for the administrator.
REVOKE ALL ON DATABASE floodmark FROM PUBLIC;
GRANT CONNECT ON DATABASE floodmark TO grafana;

\connect floodmark
-- The image puts the extension into new databases by itself; servers without it are served by plain partitions.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') AS has_timescaledb \gset
\if :has_timescaledb
CREATE EXTENSION IF NOT EXISTS timescaledb;
\endif
