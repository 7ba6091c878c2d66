-- +goose Up
CREATE TABLE api_keys (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_ns BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- +goose Down
DROP TABLE api_keys;
