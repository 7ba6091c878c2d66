-- +goose Up
ALTER TABLE approvals ADD COLUMN whole TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE approvals DROP COLUMN whole;
