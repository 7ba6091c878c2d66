-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
CREATE TABLE journal_heads (
	node     TEXT PRIMARY KEY,
	sequence BIGINT NOT NULL,
	hash     TEXT NOT NULL
);

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
);

CREATE INDEX journal_time ON journal (time_ns);

-- +goose StatementBegin
CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the journal is append-only';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER journal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
	FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only();
