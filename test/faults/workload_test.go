// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/store"
	"holdfast/core/trash"
)

// An act is one step of the workload. What it acknowledges is said from within. One that failed
// may be done again.
type act struct {
	name string
	do   func(*house, context.Context) error
}

// acts are the workload, in order. A house that starts anew is a workload's beginning.
func acts() []act {
	return []act{
		{"start/open", (*house).start},
		{"start/age", (*house).age},
		{"journal/alone", (*house).appendOne},
		{"journal/together", (*house).appendMany},
		{"rows/one", (*house).insertGroup},
		{"rows/together", (*house).insertMany},
		{"master/first", setMaster("first")},
		{"master/second", setMaster("second")},
		{"keys/set", setKey("GAMMA", "three")},
		{"keys/replace", setKey("ALPHA", "another\nvalue")},
		{"keys/delete", (*house).deleteKey},
		{"trash/keep", keepMoved("trash/keep")},
		{"trash/restore", (*house).restoreMoved},
		{"trash/keep-again", keepMoved("trash/keep-again")},
		{"trash/waste", (*house).keepWaste},
		{"trash/empty", (*house).emptyWaste},
		{"journal/archive", (*house).archiveOld},
		{"operation-done/begin", (*house).swapDone},
		{"operation-failed/begin", (*house).swapFailed},
		{"migrate/close", (*house).stop},
		{"migrate/open", (*house).migrate},
		{"after/journal", (*house).appendOne},
		{"after/rows", (*house).insertNoted},
		{"after/close", (*house).stop},
	}
}

// victim is the process that is killed.
func victim(dir string) error {
	if os.Getenv("FAULTS_TRACED") != "" {
		if err := trapSelf(); err != nil {
			return fmt.Errorf("cannot ask to be traced: %w", err)
		}
	}
	p := plan{dir: dir, url: os.Getenv("FAULTS_URL"), wrong: os.Getenv("FAULTS_WRONG"), schema: 1}
	h, err := assemble(p, discard(), func(words ...any) { _, _ = fmt.Fprintln(os.Stdout, words...) })
	if err != nil {
		return err
	}
	todo := acts()
	if after := os.Getenv("FAULTS_AFTER"); after != "" {
		h.schema = schemaAfter(after)
		todo = []act{
			{"recovery/open-after-" + after, (*house).open},
			{"recovery/append-after-" + after, (*house).appendOne},
			{"recovery/close-after-" + after, (*house).stop},
		}
	}
	for _, a := range todo {
		h.say("begin", a.name)
		if err := a.do(h, context.Background()); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// schemaAfter is the schema that a house opens after a crash at a step: it never goes back.
func schemaAfter(step string) int {
	if strings.HasPrefix(step, "migrate/open") || strings.HasPrefix(step, "after/") {
		return 2
	}
	return 1
}

func (h *house) start(ctx context.Context) error {
	if err := h.open(ctx); err != nil {
		return err
	}
	err := h.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for id := range 2 {
			if _, err := tx.Exec(ctx, "INSERT INTO owned (id, owner, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, "moved", body(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		h.say("ack", "start/open")
	}
	return err
}

func (h *house) stop(context.Context) error { return h.close() }

func (h *house) migrate(ctx context.Context) error {
	h.schema = 2
	again, err := assemble(h.plan, h.log, h.say)
	if err != nil {
		return err
	}
	*h = *again
	if err := h.open(ctx); err != nil {
		return err
	}
	h.say("ack", "migrate/open")
	return nil
}

func (h *house) appendOne(ctx context.Context) error {
	e, err := h.journal.Append(ctx, holdfast.Entry{Caller: "test", Action: "test.note", Outcome: holdfast.OutcomeNoted, Detail: []byte(`{"a": 1}`)})
	if err == nil {
		h.say("ack", "entry", e.Sequence, e.Hash)
	}
	return err
}

func (h *house) appendMany(ctx context.Context) error {
	return together(func(int) error { return h.appendOne(ctx) })
}

// together runs three at once.
func together(do func(int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Groups of rows that are written in one transaction each, by the act that writes them.
func groups() map[string][][]int {
	return map[string][][]int{
		"rows/one":      {{10, 11, 12}},
		"rows/together": {{20, 21}, {22, 23}, {24, 25}},
		"after/rows":    {{30, 31}},
	}
}

func (h *house) insertGroup(ctx context.Context) error {
	return h.insert(ctx, groups()["rows/one"][0], "INSERT INTO things (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING")
}

func (h *house) insertMany(ctx context.Context) error {
	return together(func(i int) error {
		return h.insert(ctx, groups()["rows/together"][i], "INSERT INTO things (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING")
	})
}

func (h *house) insertNoted(ctx context.Context) error {
	return h.insert(ctx, groups()["after/rows"][0], "INSERT INTO things (id, body, note) VALUES (?, ?, 'new') ON CONFLICT DO NOTHING")
}

func (h *house) insert(ctx context.Context, ids []int, query string) error {
	err := h.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(ctx, query, id, body(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		h.say("ack", "rows", ids[0])
	}
	return err
}

func setMaster(name string) func(*house, context.Context) error {
	return func(h *house, ctx context.Context) error {
		if h.wrong == wrongRename {
			return h.renameMaster(name)
		}
		err := h.master.Update(ctx, func(d *config.Document) error { return d.Set(name+".example", "public_domain") })
		if err == nil {
			h.say("ack", "master/"+name)
		}
		return err
	}
}

// renameMaster is what many programs do: write, rename, and never sync.
func (h *house) renameMaster(name string) error {
	d, err := h.master.Read()
	if err != nil {
		return err
	}
	if err := d.Set(name+".example", "public_domain"); err != nil {
		return err
	}
	other := h.home.MasterFile() + ".new"
	if err := os.WriteFile(other, d.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.Rename(other, h.home.MasterFile()); err != nil {
		return err
	}
	h.say("ack", "master/"+name)
	return nil
}

func setKey(name, value string) func(*house, context.Context) error {
	return func(h *house, ctx context.Context) error {
		step := map[string]string{"GAMMA": "keys/set", "ALPHA": "keys/replace"}[name]
		if h.wrong == wrongEarly {
			h.say("ack", step)
		}
		if h.wrong == wrongPlace {
			return h.placeKey(name, value)
		}
		err := h.keys.Set(ctx, name, holdfast.NewSecret(value))
		if err == nil {
			h.say("ack", step)
		}
		return err
	}
}

// placeKey writes over the file where it stands.
func (h *house) placeKey(name, value string) error {
	text, err := os.ReadFile(h.home.EnvFile())
	if err != nil {
		return err
	}
	return os.WriteFile(h.home.EnvFile(), fmt.Appendf(text, "%s=%q\n", name, value), 0o600)
}

func (h *house) deleteKey(ctx context.Context) error {
	err := h.keys.Delete(ctx, "BETA")
	if err == nil {
		h.say("ack", "keys/delete")
	}
	return err
}

func keepMoved(step string) func(*house, context.Context) error {
	return func(h *house, ctx context.Context) error {
		_, err := h.trash.Keep(ctx, trash.Entry{
			Action: "test.delete", Subject: "moved", Paths: []string{"extensions/moved"},
			Rows: []trash.Rows{{Table: "owned", Where: "owner = ?", Args: []any{"moved"}}},
		})
		if err == nil {
			h.say("ack", step)
		}
		return err
	}
}

func (h *house) restoreMoved(ctx context.Context) error {
	id, err := h.keptAs(ctx, "moved")
	if err != nil {
		return err
	}
	if _, err := h.trash.Restore(ctx, id); err != nil {
		return err
	}
	h.say("ack", "trash/restore")
	return nil
}

func (h *house) keptAs(ctx context.Context, subject string) (string, error) {
	all, err := h.trash.List(ctx)
	for _, kept := range all {
		if kept.Subject == subject {
			return kept.ID, nil
		}
	}
	return "", errors.Join(err, fmt.Errorf("nothing of %s is in the trash", subject))
}

func (h *house) keepWaste(ctx context.Context) error {
	_, err := h.trash.Keep(ctx, trash.Entry{Action: "test.delete", Subject: "waste", Paths: []string{"extensions/waste"}})
	if err == nil {
		h.say("ack", "trash/waste")
	}
	return err
}

func (h *house) emptyWaste(ctx context.Context) error {
	id, err := h.keptAs(ctx, "waste")
	if err != nil {
		return err
	}
	if _, err := h.trash.Empty(ctx, id); err != nil {
		return err
	}
	h.say("ack", "trash/empty")
	return nil
}

func (h *house) swapDone(ctx context.Context) error {
	_, err := h.runner.Run(ctx, tester(), kindSwap, input{Name: "done", ID: 100})
	if err == nil {
		h.say("ack", "operation-done")
	}
	return err
}

func (h *house) swapFailed(ctx context.Context) error {
	op, err := h.runner.Run(ctx, tester(), kindSwap, input{Name: "failed", ID: 101, Fail: true})
	if err == nil || op.State != holdfast.OperationFailed {
		return fmt.Errorf("it should fail and be undone, and is %q: %w", op.State, err)
	}
	h.say("ack", "operation-failed")
	return nil
}

func tester() holdfast.Caller { return holdfast.Internal("test", "") }
