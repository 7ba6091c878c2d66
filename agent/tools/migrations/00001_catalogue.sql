-- +goose Up
-- What the tools, prompts and resources of others were like when they were first seen or accepted.
CREATE TABLE tool_pins (
    -- Whose servers these are, where several nodes share a database.
    node TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    sum TEXT NOT NULL,
    form TEXT NOT NULL,
    accepted_by TEXT NOT NULL DEFAULT '',
    at_ns BIGINT NOT NULL,
    -- What the source says instead, until it is accepted; '' for nothing.
    other TEXT NOT NULL DEFAULT '',
    said TEXT NOT NULL DEFAULT '',
    since_ns BIGINT NOT NULL DEFAULT 0,
    -- Of what the words that steer a model were journaled.
    flagged TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (node, source, kind, name)
);
-- How often what is in the catalogue was used, since ever.
CREATE TABLE tool_usage (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    calls BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    took_ns BIGINT NOT NULL,
    last_ns BIGINT NOT NULL,
    PRIMARY KEY (source, kind, name)
);

-- +goose Down
DROP TABLE tool_usage;
DROP TABLE tool_pins;
