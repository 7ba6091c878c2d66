-- +goose Up
-- An id begins with the milliseconds of its row's time or a later one, so that the primary key is
-- the index over time too.
CREATE TABLE ledger_calls (
    id BIGINT PRIMARY KEY,
    time_ns BIGINT NOT NULL,
    node TEXT NOT NULL,
    tenant TEXT NOT NULL,
    caller TEXT NOT NULL,
    agent TEXT NOT NULL,
    unit TEXT NOT NULL,
    alias TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    dialect TEXT NOT NULL,
    input BIGINT NOT NULL,
    cached_read BIGINT NOT NULL,
    cache_write_5m BIGINT NOT NULL,
    cache_write_1h BIGINT NOT NULL,
    output BIGINT NOT NULL,
    reasoning BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    status TEXT NOT NULL,
    fallback BIGINT NOT NULL,
    latency_ns BIGINT NOT NULL,
    first_token_ns BIGINT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE TABLE ledger_reservations (
    id BIGINT PRIMARY KEY,
    node TEXT NOT NULL,
    time_ns BIGINT NOT NULL,
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    call TEXT NOT NULL
);

-- +goose Down
DROP TABLE ledger_reservations;
DROP TABLE ledger_calls;
