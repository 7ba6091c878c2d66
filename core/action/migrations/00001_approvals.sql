-- +goose Up
CREATE TABLE approvals (
    id        TEXT PRIMARY KEY,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    asker     TEXT NOT NULL,
    caller    TEXT NOT NULL,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    input     TEXT NOT NULL,
    state     TEXT NOT NULL,
    answered  BIGINT NOT NULL DEFAULT 0,
    answerer  TEXT NOT NULL DEFAULT '',
    reason    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX approvals_state ON approvals (state, created);

-- +goose Down
DROP TABLE approvals;
