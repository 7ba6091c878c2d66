-- +goose Up
-- The hubs that each node has, so that it is known which ones went while its house was down.
CREATE TABLE tool_hubs (
    node TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (node, name)
);

-- +goose Down
DROP TABLE tool_hubs;
