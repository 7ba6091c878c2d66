-- +goose Up
-- Whose a key is, what it may call, how much a minute, and until when; 0 and '' set nothing.
ALTER TABLE api_keys ADD COLUMN owner_kind TEXT NOT NULL DEFAULT 'client';
ALTER TABLE api_keys ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN models TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN rpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN tpm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN expires_ns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN used_ns BIGINT NOT NULL DEFAULT 0;
-- The key before the last rotation, while it is still valid.
ALTER TABLE api_keys ADD COLUMN old_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN old_until_ns BIGINT NOT NULL DEFAULT 0;
CREATE INDEX api_keys_old ON api_keys (old_hash);

-- +goose Down
DROP INDEX api_keys_old;
ALTER TABLE api_keys DROP COLUMN old_until_ns;
ALTER TABLE api_keys DROP COLUMN old_hash;
ALTER TABLE api_keys DROP COLUMN used_ns;
ALTER TABLE api_keys DROP COLUMN expires_ns;
ALTER TABLE api_keys DROP COLUMN tpm;
ALTER TABLE api_keys DROP COLUMN rpm;
ALTER TABLE api_keys DROP COLUMN models;
ALTER TABLE api_keys DROP COLUMN tenant;
ALTER TABLE api_keys DROP COLUMN owner;
ALTER TABLE api_keys DROP COLUMN owner_kind;
