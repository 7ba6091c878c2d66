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
);

CREATE TRIGGER journal_archives_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_archives
	FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only();

DROP TRIGGER journal_stays ON journal;

CREATE TRIGGER journal_stays BEFORE UPDATE OR TRUNCATE ON journal
	FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only();

-- +goose StatementBegin
CREATE FUNCTION journal_archived_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.sequence > coalesce((SELECT max(last_sequence) FROM journal_archives WHERE node = OLD.node), 0) THEN
		RAISE EXCEPTION 'the journal is append-only';
	END IF;
	RETURN OLD;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER journal_leaves BEFORE DELETE ON journal
	FOR EACH ROW EXECUTE FUNCTION journal_archived_only();
