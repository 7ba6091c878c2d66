-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
CREATE TABLE operations (
	id         TEXT PRIMARY KEY,
	node       TEXT NOT NULL,
	kind       TEXT NOT NULL,
	subject    TEXT NOT NULL,
	caller     TEXT NOT NULL,
	tier       TEXT NOT NULL,
	state      TEXT NOT NULL,
	ending     TEXT NOT NULL,
	input      TEXT NOT NULL,
	failed     TEXT NOT NULL,
	error      TEXT NOT NULL,
	started_ns BIGINT NOT NULL,
	ended_ns   BIGINT NOT NULL
);

CREATE INDEX operations_started ON operations (started_ns);
CREATE INDEX operations_state ON operations (state, kind);

CREATE TABLE operation_steps (
	operation TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
	position  BIGINT NOT NULL,
	name      TEXT NOT NULL,
	state     TEXT NOT NULL,
	begun_ns  BIGINT NOT NULL,
	ended_ns  BIGINT NOT NULL,
	percent   DOUBLE PRECISION NOT NULL,
	message   TEXT NOT NULL,
	error     TEXT NOT NULL,
	PRIMARY KEY (operation, position)
);
