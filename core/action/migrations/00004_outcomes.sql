-- +goose Up
ALTER TABLE approvals ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
-- The house that carries it out: another one that starts beside it must not end what runs there.
ALTER TABLE approvals ADD COLUMN node TEXT NOT NULL DEFAULT '';
-- What an earlier house began and left without a result is ended at the next start.
UPDATE approvals SET outcome = 'running' WHERE kind <> 'action' AND state = 'allowed' AND result = '';

-- +goose Down
ALTER TABLE approvals DROP COLUMN node;
ALTER TABLE approvals DROP COLUMN outcome;
