-- +goose Up
-- Calls of the gateway that a log without names of answers tells of too, so that each is known once.
CREATE TABLE ledger_twins (
    call_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

-- +goose Down
DROP TABLE ledger_twins;
