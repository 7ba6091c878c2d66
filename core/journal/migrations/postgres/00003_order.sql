-- SPDX-License-Identifier: Apache-2.0
-- +goose Up
-- A chain is read by its sequence; its times only tell where to begin.
DROP INDEX journal_time;

CREATE INDEX journal_chain_time ON journal (node, time_ns, sequence);
