-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
CREATE TABLE oauth_clients (
	id          TEXT PRIMARY KEY,
	kind        TEXT NOT NULL,
	name        TEXT NOT NULL,
	uri         TEXT NOT NULL,
	redirects   TEXT NOT NULL,
	refreshes   BIGINT NOT NULL,
	secret_hash TEXT NOT NULL,
	address     TEXT NOT NULL,
	created_ns  BIGINT NOT NULL,
	used_ns     BIGINT NOT NULL
);

CREATE TABLE oauth_codes (
	hash       TEXT PRIMARY KEY,
	grant_id   TEXT NOT NULL,
	client     TEXT NOT NULL,
	username   TEXT NOT NULL,
	redirect   TEXT NOT NULL,
	challenge  TEXT NOT NULL,
	resource   TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	created_ns BIGINT NOT NULL,
	expires_ns BIGINT NOT NULL,
	spent_ns   BIGINT NOT NULL
);

CREATE TABLE oauth_grants (
	id          TEXT PRIMARY KEY,
	client      TEXT NOT NULL,
	client_name TEXT NOT NULL,
	redirect    TEXT NOT NULL,
	username    TEXT NOT NULL,
	resource    TEXT NOT NULL,
	scopes      TEXT NOT NULL,
	created_ns  BIGINT NOT NULL,
	used_ns     BIGINT NOT NULL,
	expires_ns  BIGINT NOT NULL,
	ended_ns    BIGINT NOT NULL,
	reason      TEXT NOT NULL
);

CREATE INDEX oauth_grants_client ON oauth_grants (client);

CREATE TABLE oauth_tokens (
	hash       TEXT PRIMARY KEY,
	grant_id   TEXT NOT NULL,
	kind       TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	created_ns BIGINT NOT NULL,
	expires_ns BIGINT NOT NULL,
	spent_ns   BIGINT NOT NULL
);

CREATE INDEX oauth_tokens_grant ON oauth_tokens (grant_id);

-- +goose Down
DROP TABLE oauth_tokens;
DROP TABLE oauth_grants;
DROP TABLE oauth_codes;
DROP TABLE oauth_clients;
