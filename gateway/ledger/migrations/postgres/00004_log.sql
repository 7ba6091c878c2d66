-- +goose Up
-- How far each node's log is in these tables: everything before applied is, nothing before floor is
-- needed, and batch names the transaction that said so. ledger_reservations is written no more: what
-- an older house left there is settled at its next start.
CREATE TABLE ledger_log (
    node TEXT PRIMARY KEY,
    batch BIGINT NOT NULL,
    floor BIGINT NOT NULL,
    applied BIGINT NOT NULL
);

-- +goose Down
DROP TABLE ledger_log;
