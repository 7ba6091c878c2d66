-- +goose Up
CREATE TABLE agent_traces (
    id       TEXT PRIMARY KEY,
    started  BIGINT NOT NULL,
    agent    TEXT NOT NULL,
    state    TEXT NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX agent_traces_started ON agent_traces (started);

CREATE TABLE agent_parkings (
    id       TEXT PRIMARY KEY,
    owner    TEXT NOT NULL,
    created  BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    segment  TEXT NOT NULL,
    calls    TEXT NOT NULL
);
CREATE INDEX agent_parkings_created ON agent_parkings (created);

-- +goose Down
DROP TABLE agent_parkings;
DROP TABLE agent_traces;
