-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
CREATE TABLE journal_heads (
	node     TEXT PRIMARY KEY,
	sequence BIGINT NOT NULL,
	hash     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal (
	node     TEXT NOT NULL,
	sequence BIGINT NOT NULL,
	time_ns  BIGINT NOT NULL,
	caller   TEXT NOT NULL,
	action   TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	entry    TEXT NOT NULL,
	hash     TEXT NOT NULL,
	PRIMARY KEY (node, sequence)
) WITHOUT ROWID;

CREATE INDEX journal_time ON journal (time_ns);

-- +goose StatementBegin
CREATE TRIGGER journal_keeps BEFORE UPDATE ON journal
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_stays BEFORE DELETE ON journal
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
-- +goose StatementEnd
