-- +goose Up
-- source is who counted a call: gateway, or whose log it was read from. cost is in billionths of a US
-- dollar, NULL while no price is known.
ALTER TABLE ledger_calls ADD COLUMN source TEXT NOT NULL DEFAULT 'gateway';
ALTER TABLE ledger_calls ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger_calls ADD COLUMN api_key TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger_calls ADD COLUMN project TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger_calls ADD COLUMN response_id TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger_calls ADD COLUMN cost INTEGER;
ALTER TABLE ledger_reservations ADD COLUMN cost INTEGER;
CREATE INDEX ledger_calls_response ON ledger_calls (response_id) WHERE response_id <> '';

-- What was observed, by the name under which it may be observed again. call_id is 0 when the call is
-- counted as the gateway's.
CREATE TABLE ledger_observed (
    name TEXT PRIMARY KEY,
    call_id INTEGER NOT NULL,
    total INTEGER NOT NULL
) WITHOUT ROWID;

-- The sums of a quarter of an hour, in which every time zone's days begin. They are written in the
-- transaction of their rows.
CREATE TABLE ledger_sums (
    quarter INTEGER NOT NULL,
    source TEXT NOT NULL,
    tenant TEXT NOT NULL,
    caller TEXT NOT NULL,
    agent TEXT NOT NULL,
    api_key TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    project TEXT NOT NULL,
    calls INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY (quarter, source, tenant, caller, agent, api_key, provider, model, project)
) WITHOUT ROWID;
CREATE TABLE ledger_sessions (
    quarter INTEGER NOT NULL,
    session TEXT NOT NULL,
    source TEXT NOT NULL,
    tenant TEXT NOT NULL,
    caller TEXT NOT NULL,
    agent TEXT NOT NULL,
    api_key TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    project TEXT NOT NULL,
    calls INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY (quarter, session, source, tenant, caller, agent, api_key, provider, model, project)
) WITHOUT ROWID;

-- The burn of the last days by the minute, for the sliding windows.
CREATE TABLE ledger_minutes (
    minute INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    api_key TEXT NOT NULL,
    calls INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY (minute, tenant, api_key)
) WITHOUT ROWID;

INSERT INTO ledger_sums
SELECT time_ns / 900000000000, source, tenant, caller, agent, api_key, provider, model, project,
    COUNT(*), SUM(estimated), SUM(input), SUM(cached_read), SUM(cache_write_5m), SUM(cache_write_1h),
    SUM(output), SUM(reasoning), 0, COUNT(*), MIN(time_ns), MAX(time_ns)
FROM ledger_calls
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
INSERT INTO ledger_minutes
SELECT time_ns / 60000000000, tenant, api_key,
    COUNT(*), SUM(estimated), SUM(input), SUM(cached_read), SUM(cache_write_5m), SUM(cache_write_1h),
    SUM(output), SUM(reasoning), 0, COUNT(*), MIN(time_ns), MAX(time_ns)
FROM ledger_calls
GROUP BY 1, 2, 3;

-- +goose Down
DROP TABLE ledger_minutes;
DROP TABLE ledger_sessions;
DROP TABLE ledger_sums;
DROP TABLE ledger_observed;
DROP INDEX ledger_calls_response;
ALTER TABLE ledger_reservations DROP COLUMN cost;
ALTER TABLE ledger_calls DROP COLUMN cost;
ALTER TABLE ledger_calls DROP COLUMN response_id;
ALTER TABLE ledger_calls DROP COLUMN project;
ALTER TABLE ledger_calls DROP COLUMN api_key;
ALTER TABLE ledger_calls DROP COLUMN session;
ALTER TABLE ledger_calls DROP COLUMN source;
