// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

//go:embed migrations
var migrations embed.FS

// Migrations are the tables of operations.
func Migrations() fs.FS { return migrations }

// Store is what a Runner needs of core/store.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, store.Tx) error) error
	Read(ctx context.Context, fn func(context.Context, store.Tx) error) error
}

// saved is an operation as its row holds it: with what only the runner needs.
type saved struct {
	holdfast.Operation
	node   string
	tier   holdfast.Tier
	ending holdfast.OperationState // what undoing leads to; set before it begins when cancelled
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// text is what PostgreSQL can hold too.
func text(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "�"), "�")
}

func insertOperation(ctx context.Context, tx store.Tx, op saved) error {
	_, err := tx.Exec(ctx, `INSERT INTO operations
		(id, node, kind, subject, caller, tier, state, ending, input, failed, error, started_ns, ended_ns)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, 0)`,
		op.ID, op.node, op.Kind, text(op.Subject), text(op.Caller), op.tier.String(), string(op.State), "", string(op.Input), nanos(op.Started))
	if err != nil {
		return err
	}
	for i, step := range op.Steps {
		_, err := tx.Exec(ctx, `INSERT INTO operation_steps
			(operation, position, name, state, begun_ns, ended_ns, percent, message, error)
			VALUES (?, ?, ?, ?, 0, 0, 0, '', '')`, op.ID, i, step.Name, step.State)
		if err != nil {
			return err
		}
	}
	return nil
}

func updateOperation(ctx context.Context, tx store.Tx, op saved) error {
	_, err := tx.Exec(ctx, "UPDATE operations SET state = ?, ending = ?, failed = ?, error = ?, ended_ns = ? WHERE id = ?",
		string(op.State), string(op.ending), op.Failed, text(op.Error), nanos(op.Ended), op.ID)
	return err
}

func updateStep(ctx context.Context, tx store.Tx, id string, position int, s holdfast.StepRecord) error {
	_, err := tx.Exec(ctx, `UPDATE operation_steps
		SET state = ?, begun_ns = ?, ended_ns = ?, percent = ?, message = ?, error = ? WHERE operation = ? AND position = ?`,
		s.State, nanos(s.Begun), nanos(s.Ended), s.Percent, text(s.Message), text(s.Error), id, position)
	return err
}

const operationColumns = `SELECT id, node, kind, subject, caller, tier, state, ending, input, failed, error, started_ns, ended_ns FROM operations`

// selectOperations reads operations with their steps. rest begins with WHERE or ORDER BY.
func selectOperations(ctx context.Context, tx store.Tx, rest string, args ...any) ([]saved, error) {
	found, err := selectHeads(ctx, tx, rest, args)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].Steps, err = selectSteps(ctx, tx, found[i].ID); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func selectHeads(ctx context.Context, tx store.Tx, rest string, args []any) ([]saved, error) {
	rows, err := tx.Query(ctx, operationColumns+rest, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := []saved{}
	for rows.Next() {
		var op saved
		var tier, state, ending, input string
		var started, ended int64
		if err := rows.Scan(&op.ID, &op.node, &op.Kind, &op.Subject, &op.Caller, &tier, &state, &ending, &input,
			&op.Failed, &op.Error, &started, &ended); err != nil {
			return nil, err
		}
		if err := op.tier.UnmarshalText([]byte(tier)); err != nil {
			return nil, fmt.Errorf("operation %s: %w", op.ID, err)
		}
		op.State, op.ending = holdfast.OperationState(state), holdfast.OperationState(ending)
		op.Input, op.Started, op.Ended = json.RawMessage(input), fromNanos(started), fromNanos(ended)
		found = append(found, op)
	}
	return found, rows.Err()
}

func selectSteps(ctx context.Context, tx store.Tx, id string) ([]holdfast.StepRecord, error) {
	rows, err := tx.Query(ctx, `SELECT name, state, begun_ns, ended_ns, percent, message, error
		FROM operation_steps WHERE operation = ? ORDER BY position`, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	steps := []holdfast.StepRecord{}
	for rows.Next() {
		var s holdfast.StepRecord
		var begun, ended int64
		if err := rows.Scan(&s.Name, &s.State, &begun, &ended, &s.Percent, &s.Message, &s.Error); err != nil {
			return nil, err
		}
		s.Begun, s.Ended = fromNanos(begun), fromNanos(ended)
		steps = append(steps, s)
	}
	return steps, rows.Err()
}

// unfinished is the operation of an exclusive kind that stands in the way, if any.
func unfinished(ctx context.Context, tx store.Tx, node, kind string) (id string, started time.Time, err error) {
	var begun int64
	err = tx.QueryRow(ctx, "SELECT id, started_ns FROM operations WHERE kind = ? AND node = ? AND state IN (?, ?) LIMIT 1",
		kind, node, string(holdfast.OperationRunning), string(holdfast.OperationUndoing)).Scan(&id, &begun)
	if errors.Is(err, sql.ErrNoRows) {
		return "", time.Time{}, nil
	}
	return id, fromNanos(begun), err
}
