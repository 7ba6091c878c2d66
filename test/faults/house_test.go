// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing/fstest"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/journal"
	"holdfast/core/keys"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/trash"
)

// A plan says how a house is opened, and what it does wrong on purpose.
type plan struct {
	dir    string
	url    string
	schema int
	wrong  string // "", or a deliberate wrong
	after  string // the step at which the victim before this one died; this one only starts
}

// The deliberate wrongs. A harness that works catches each.
const (
	wrongRename = "rename"   // a file is renamed into place unsynced
	wrongPlace  = "in place" // a file is written where it stands
	wrongEarly  = "early"    // an act is acknowledged before it is done
	wrongStore  = "store"    // the store does not wait for the disk
)

// A house is the real packages over one home, without surfaces and units.
type house struct {
	plan

	home    home.Home
	lock    *home.Lock
	store   *store.Store
	journal *journal.Journal
	trash   *trash.Trash
	keys    *keys.Keys
	master  *config.Master
	runner  *operation.Runner
	log     *slog.Logger
	say     func(words ...any)
}

// migrations are those of the packages, and tables of the test's own in two versions. The second
// comes in two files, so that a crash may come between them.
func migrations(schema int) []store.Migration {
	files := fstest.MapFS{"00001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE things (id BIGINT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE owned (id BIGINT PRIMARY KEY, owner TEXT NOT NULL, body TEXT NOT NULL);
`)}}
	if schema > 1 {
		files["00002_note.sql"] = &fstest.MapFile{Data: []byte(`-- +goose Up
ALTER TABLE things ADD COLUMN note TEXT NOT NULL DEFAULT 'old';
`)}
		files["00003_rebuild.sql"] = &fstest.MapFile{Data: []byte(`-- +goose Up
CREATE TABLE things_new (id BIGINT PRIMARY KEY, body TEXT NOT NULL, note TEXT NOT NULL);
INSERT INTO things_new SELECT id, body, note FROM things;
DROP TABLE things;
ALTER TABLE things_new RENAME TO things;
CREATE INDEX things_note ON things (note);
`)}
	}
	return []store.Migration{
		{Package: "journal", FS: journal.Migrations()},
		{Package: "operation", FS: operation.Migrations()},
		{Package: "trash", FS: trash.Migrations()},
		{Package: "faults", FS: files},
	}
}

// assemble makes a house that is not open yet.
func assemble(p plan, log *slog.Logger, say func(...any)) (*house, error) {
	h := &house{plan: p, home: home.At(p.dir), log: log, say: say}
	h.store = store.New(h.home.Var("house.db"))
	h.journal = journal.New(h.store, "")
	h.journal.Use(journal.Needs{Home: h.home, Log: log})
	if c, ok := h.journal.Capability().Config.(*journal.Config); ok {
		c.Keep = config.Duration(31 * 24 * time.Hour) // the least, so that few entries have months to leave
	}
	h.trash = trash.New(h.home, h.store)
	h.trash.Use(trash.Needs{Journal: h.journal, Log: log})
	h.keys = keys.New(h.home)
	h.master = config.NewMaster(h.home)
	h.runner = operation.NewRunner(h.store, h.journal, log)
	return h, h.runner.Register(h.swap())
}

// open does what a start of the house does with these packages, in its order.
func (h *house) open(ctx context.Context) (err error) {
	if err := h.home.Ensure(); err != nil {
		return err
	}
	if h.lock, err = h.home.Lock(""); err != nil {
		return err
	}
	if err := h.openStore(ctx); err != nil {
		return errors.Join(err, h.lock.Unlock())
	}
	if err := h.recover(ctx); err != nil {
		return errors.Join(err, h.close())
	}
	return nil
}

func (h *house) openStore(ctx context.Context) error {
	synchronous := ""
	if h.wrong == wrongStore {
		synchronous = "OFF"
	}
	return h.store.Open(ctx, store.Options{
		URL: h.url, Backups: h.home.Var("backups"), Migrations: migrations(h.schema), Synchronous: synchronous, Binary: "test", Log: h.log,
	})
}

func (h *house) recover(ctx context.Context) error {
	if err := h.journal.Settle(ctx); err != nil {
		return err
	}
	if err := h.trash.Recover(ctx); err != nil {
		return err
	}
	if err := h.keys.Load(); err != nil {
		return err
	}
	if err := h.runner.Recover(ctx); err != nil {
		return err
	}
	if err := h.archive(ctx); err != nil {
		h.log.Error("cannot archive", slog.Any("error", err)) // no reason not to start
	}
	return h.runner.Wait(ctx)
}

func (h *house) close() error { return errors.Join(h.store.Close(), h.lock.Unlock()) }

// input is that of the operation kind swap: all it does is named by Name.
type input struct {
	Name string `json:"name"`
	ID   int    `json:"id"`
	Fail bool   `json:"fail"`
}

const kindSwap = "swap"

// swap writes a file, moves a folder to the trash, changes master_config.json and a row, and may
// fail at its end so that all of it is undone.
func (h *house) swap() operation.Kind {
	return operation.Kind{
		Name: kindSwap,
		Subject: func(raw json.RawMessage) string {
			var in input
			_ = json.Unmarshal(raw, &in)
			return in.Name
		},
		Steps: func(_ context.Context, raw json.RawMessage) ([]holdfast.Step, error) {
			var in input
			if err := json.Unmarshal(raw, &in); err != nil {
				return nil, err
			}
			return []holdfast.Step{
				h.step(in, holdfast.Step{Name: "file", Repeatable: true, Do: h.writes(in), Undo: h.unwrites(in)}),
				h.step(in, holdfast.Step{Name: "keep", Do: h.keeps(in), Undo: h.restores(in)}),
				h.step(in, holdfast.Step{Name: "master", Repeatable: true, Do: h.enters(in), Undo: h.leaves(in)}),
				h.step(in, holdfast.Step{Name: "row", Do: h.inserts(in), Undo: h.deletes(in)}),
			}, nil
		},
	}
}

// step says when it begins and ends, so that the sites around it are told apart.
func (h *house) step(in input, s holdfast.Step) holdfast.Step {
	wrap := func(way string, act func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			name := "operation-" + in.Name + "/" + way + "-" + s.Name
			h.say("begin", name)
			defer h.say("begin", name+"-ended")
			return act(ctx)
		}
	}
	s.Do, s.Undo = wrap("do", s.Do), wrap("undo", s.Undo)
	return s
}

// outcomeFile lies where the house clears temporary files at its start.
func (h *house) outcomeFile(name string) string { return h.home.Var("status", name+".txt") }

func (h *house) writes(in input) func(context.Context) error {
	return func(context.Context) error {
		return home.WriteFile(h.outcomeFile(in.Name), []byte(body(in.ID)), 0o644)
	}
}

func (h *house) unwrites(in input) func(context.Context) error {
	return func(context.Context) error { return disk.Disk{}.Remove(h.outcomeFile(in.Name)) }
}

func (h *house) keeps(in input) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := h.trash.Keep(ctx, trash.Entry{Action: kindSwap, Subject: in.Name, Paths: []string{"extensions/" + in.Name}})
		return err
	}
}

func (h *house) restores(in input) func(context.Context) error {
	return func(ctx context.Context) error {
		all, err := h.trash.List(ctx)
		if err != nil {
			return err
		}
		for _, kept := range all {
			if kept.Subject == in.Name {
				_, err = h.trash.Restore(ctx, kept.ID)
			}
		}
		return err
	}
}

func (h *house) enters(in input) func(context.Context) error {
	return func(ctx context.Context) error {
		return h.master.Update(ctx, func(d *config.Document) error { return d.Set("swap", "extensions", in.Name, "source") })
	}
}

func (h *house) leaves(in input) func(context.Context) error {
	return func(ctx context.Context) error {
		return h.master.Update(ctx, func(d *config.Document) error { d.Delete("extensions", in.Name); return nil })
	}
}

func (h *house) inserts(in input) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := h.write(ctx, "INSERT INTO things (id, body) VALUES (?, ?)", in.ID, body(in.ID)); err != nil {
			return err
		}
		if in.Fail {
			return errors.New("it fails on purpose")
		}
		return nil
	}
}

func (h *house) deletes(in input) func(context.Context) error {
	return func(ctx context.Context) error { return h.write(ctx, "DELETE FROM things WHERE id = ?", in.ID) }
}

func (h *house) write(ctx context.Context, query string, args ...any) error {
	return h.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// body is the text of a row or file: some pages long, and nobody else's.
func body(id int) string { return strings.Repeat(fmt.Sprintf("%d of this thing. ", id), 300) }

// plant puts the operator's files in a new home.
func plant(dir string) error {
	h := home.At(dir)
	files := map[string]string{
		"master_config.json": "{\n  \"luna\": {\"timezone\": \"UTC\"},\n  \"public_domain\": \"zero.example\",\n  \"not_ours\": {\"kept\": [1, 2]}\n}\n",
		".env":               "# the operator's own words\nALPHA=one\n\nBETA=\"two words\" # said\n",
	}
	for _, name := range []string{"moved", "waste", "done", "failed"} {
		files["extensions/"+name+"/config.json"] = `{"name": "` + name + `"}`
		files["extensions/"+name+"/backend/main.py"] = strings.Repeat("print('"+name+"')\n", 100)
	}
	for name, content := range files {
		if err := os.MkdirAll(h.Path(name, ".."), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(h.Path(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return os.Symlink("backend/main.py", h.Path("extensions", "moved", "main"))
}
