-- +goose Up
-- A row a kept entry whose rows were deleted: written in the very transaction that deletes them,
-- so that after a crash the manifest knows whether they are gone.
CREATE TABLE trash_rows (
    id TEXT NOT NULL PRIMARY KEY,
    kept_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE trash_rows;
