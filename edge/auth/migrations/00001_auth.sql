-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
CREATE TABLE auth_links (
	id         TEXT PRIMARY KEY,
	created_ns BIGINT NOT NULL,
	expires_ns BIGINT NOT NULL
);

CREATE TABLE auth_sessions (
	id           TEXT PRIMARY KEY,
	kind         TEXT NOT NULL,
	parent       TEXT NOT NULL,
	username     TEXT NOT NULL,
	page_key     TEXT NOT NULL,
	browser      TEXT NOT NULL,
	address      TEXT NOT NULL,
	created_ns   BIGINT NOT NULL,
	last_seen_ns BIGINT NOT NULL,
	expires_ns   BIGINT NOT NULL
);

CREATE INDEX auth_sessions_parent ON auth_sessions (parent);
