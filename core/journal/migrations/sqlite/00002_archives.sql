-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
-- The newest row of a node is the anchor of its chain: entries up to it lie in files.
CREATE TABLE journal_archives (
	node           TEXT NOT NULL,
	last_sequence  BIGINT NOT NULL,
	hash           TEXT NOT NULL,
	first_sequence BIGINT NOT NULL,
	previous       TEXT NOT NULL,
	month          TEXT NOT NULL,
	file           TEXT NOT NULL,
	sha256         TEXT NOT NULL,
	bytes          BIGINT NOT NULL,
	from_ns        BIGINT NOT NULL,
	until_ns       BIGINT NOT NULL,
	archived_ns    BIGINT NOT NULL,
	PRIMARY KEY (node, last_sequence),
	UNIQUE (node, first_sequence),
	UNIQUE (node, file)
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER journal_archives_keep BEFORE UPDATE ON journal_archives
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_archives_stay BEFORE DELETE ON journal_archives
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
-- +goose StatementEnd

DROP TRIGGER journal_stays;

-- +goose StatementBegin
CREATE TRIGGER journal_stays BEFORE DELETE ON journal
WHEN OLD.sequence > coalesce((SELECT max(last_sequence) FROM journal_archives WHERE node = OLD.node), 0)
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
-- +goose StatementEnd
