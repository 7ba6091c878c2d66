-- +goose Up
-- What the operator set at run time, over what holdfast.yaml says.
CREATE TABLE budgets (
    scope TEXT PRIMARY KEY,
    limits TEXT NOT NULL,
    set_ns BIGINT NOT NULL,
    set_by TEXT NOT NULL
);
-- What happened to budgets: set, removed, warned, exhausted, parked, approved, denied, reset. The
-- amounts of a reset are what it took out of its period, which began at since_ns.
CREATE TABLE budget_events (
    id BIGINT PRIMARY KEY,
    at_ns BIGINT NOT NULL,
    event TEXT NOT NULL,
    scope TEXT NOT NULL,
    period TEXT NOT NULL,
    since_ns BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    nano BIGINT NOT NULL,
    by_whom TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX budget_events_at ON budget_events (at_ns);

-- +goose Down
DROP TABLE budget_events;
DROP TABLE budgets;
