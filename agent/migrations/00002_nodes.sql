-- +goose Up
-- The house that keeps a trace: another one that starts beside it must not end what runs there.
ALTER TABLE agent_traces ADD COLUMN node TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE agent_traces DROP COLUMN node;
