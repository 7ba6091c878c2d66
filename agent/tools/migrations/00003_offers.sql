-- +goose Up
-- What each tool server offered last, so that it can be listed before its process starts.
CREATE TABLE tool_offers (
    node TEXT NOT NULL,
    server TEXT NOT NULL,
    -- A fingerprint of its declaration and of the files that it names, as its process started with them.
    identity TEXT NOT NULL,
    offer TEXT NOT NULL,
    -- Of the shape, the identity and the offer: another one is damaged, or of another house's making.
    sum TEXT NOT NULL,
    PRIMARY KEY (node, server)
);

-- +goose Down
DROP TABLE tool_offers;
