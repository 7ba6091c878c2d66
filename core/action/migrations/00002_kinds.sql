-- +goose Up
ALTER TABLE approvals ADD COLUMN kind TEXT NOT NULL DEFAULT 'action';
ALTER TABLE approvals ADD COLUMN payload TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN result TEXT NOT NULL DEFAULT '';
CREATE INDEX approvals_kind ON approvals (kind, expires);

-- +goose Down
DROP INDEX approvals_kind;
ALTER TABLE approvals DROP COLUMN result;
ALTER TABLE approvals DROP COLUMN payload;
ALTER TABLE approvals DROP COLUMN kind;
