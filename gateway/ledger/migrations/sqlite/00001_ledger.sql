-- +goose Up
-- An id begins with the milliseconds of its row's time or a later one, so that the primary key is
-- the index over time too.
CREATE TABLE ledger_calls (
    id INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    node TEXT NOT NULL,
    tenant TEXT NOT NULL,
    caller TEXT NOT NULL,
    agent TEXT NOT NULL,
    unit TEXT NOT NULL,
    alias TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    dialect TEXT NOT NULL,
    input INTEGER NOT NULL,
    cached_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    status TEXT NOT NULL,
    fallback INTEGER NOT NULL,
    latency_ns INTEGER NOT NULL,
    first_token_ns INTEGER NOT NULL,
    request_id TEXT NOT NULL
);
CREATE TABLE ledger_reservations (
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    call TEXT NOT NULL
);

-- +goose Down
DROP TABLE ledger_reservations;
DROP TABLE ledger_calls;
