// SPDX-License-Identifier: Apache-2.0

package trash

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/store"
)

// Restore puts an entry back where it was and takes it out of the trash. It replaces nothing: when
// something is at a place meanwhile, it says what and changes nothing.
func (t *Trash) Restore(ctx context.Context, id string) (Kept, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, err := t.read(id)
	if err != nil {
		return Kept{}, err
	}
	before := t.kept(m)
	if m.State == stateKeeping {
		// A start could not settle it, for something stood in the way.
		outcome, err := t.settleKeeping(ctx, m)
		if err != nil || outcome == settledUndone {
			return before, err
		}
	}
	if err := t.inTheWay(m); err != nil {
		return Kept{}, err
	}
	m.State = stateRestoring
	if err := t.write(m); err != nil {
		return Kept{}, err
	}
	if err := t.giveBack(ctx, m); err != nil {
		return Kept{}, errors.Join(err, t.keepAgainUnlessBack(ctx, m))
	}
	return before, t.drop(m)
}

// firm makes what is seen of an entry certain before anything is concluded from it: a house that was
// killed between a move and its sync showed the move to the next one, but not yet to the disk.
func (s shelf) firm(m *manifest) error {
	folders := []string{s.folder(), s.folder(m.ID), s.folder(m.ID, "files")}
	for _, p := range m.Paths {
		folders = append(folders, filepath.Dir(s.original(p)))
	}
	for _, folder := range folders {
		if err := s.disk.SyncDir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// keepAgainUnlessBack is for a restore that failed: the entry is kept again, unless its rows are
// in their tables after all, or nobody can tell. Then it stays for Recover.
func (t *Trash) keepAgainUnlessBack(ctx context.Context, m *manifest) error {
	if m.rows() > 0 {
		out, err := t.marked(context.WithoutCancel(ctx), m.ID)
		if err != nil || !out {
			return errors.Join(err, fmt.Errorf("what of %s is not back yet comes back at the next start", m.ID))
		}
	}
	return t.keepAgain(m)
}

// inTheWay tells everything that stands where the entry's files were.
func (s shelf) inTheWay(m *manifest) error {
	var problems []holdfast.Problem
	for _, p := range m.Paths {
		if exists(s.folder(m.ID, p.At)) && exists(s.original(p)) {
			problems = append(problems, holdfast.Problem{
				Field: p.From, Message: "something is there already", Remedy: "move it away first",
			})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &holdfast.Error{Code: holdfast.CodeConflict, Message: "cannot restore " + m.ID + " over what is there now", Problems: problems}
}

// giveBack moves the files, then the rows; each step may be repeated.
func (t *Trash) giveBack(ctx context.Context, m *manifest) error {
	if err := t.firm(m); err != nil {
		return err
	}
	for _, p := range m.Paths {
		if err := t.moveBack(m, p); err != nil {
			return err
		}
	}
	if m.rows() == 0 {
		return nil
	}
	return t.insertRows(ctx, m)
}

// keepAgain is the way back of a restore that failed: files return to the trash.
func (t *Trash) keepAgain(m *manifest) error {
	for _, p := range slices.Backward(m.Paths) {
		if exists(t.folder(m.ID, p.At)) || !exists(t.original(p)) {
			continue
		}
		if err := t.disk.Rename(t.original(p), t.folder(m.ID, p.At)); err != nil {
			return fmt.Errorf("cannot put %s back in the trash: %w", p.From, err)
		}
	}
	m.State = stateKept
	return t.write(m)
}

// Recover settles what a crash left half done: an act of keeping is finished when everything was
// moved, else undone; a restore is finished. It is called at the start of the house, before
// anybody else keeps or restores. What cannot be settled stays as it is and is told.
func (t *Trash) Recover(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	names, err := t.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, wasteSuffix) {
			err = errors.Join(err, t.disk.Remove(t.folder(name)))
			continue
		}
		t.settle(ctx, name)
	}
	return errors.Join(err, t.clearMarks(ctx))
}

func (t *Trash) settle(ctx context.Context, name string) {
	if err := t.disk.Sweep(t.folder(name)); err != nil {
		t.needs.Log.Error("cannot clear what a crash left in the trash", slog.String("id", name), slog.Any("error", err))
	}
	m, err := t.read(name)
	if err != nil {
		t.settleUnknown(name, err)
		return
	}
	outcome := ""
	switch m.State {
	case stateKept:
		return
	case stateKeeping:
		outcome, err = t.settleKeeping(ctx, m)
	case stateRestoring:
		outcome, err = t.settleRestoring(ctx, m)
	default:
		err = fmt.Errorf("its state %q is not known", m.State)
	}
	if err != nil {
		t.needs.Log.Error("cannot settle an entry of the trash", slog.String("id", name), slog.Any("error", err))
		return
	}
	t.needs.Log.Warn("settled an entry of the trash after a crash", slog.String("id", name), slog.String("outcome", outcome))
	t.note(ctx, m, outcome)
}

// settleUnknown removes a folder of an entry that never began; one that holds files is left for a
// person.
func (t *Trash) settleUnknown(name string, cause error) {
	if held, err := os.ReadDir(t.folder(name, "files")); err == nil && len(held) > 0 || exists(t.folder(name, "manifest.json")) {
		t.needs.Log.Error("cannot read an entry of the trash", slog.String("id", name), slog.Any("error", cause))
		return
	}
	if err := t.disk.Remove(t.folder(name)); err != nil {
		t.needs.Log.Error("cannot remove an empty entry of the trash", slog.String("id", name), slog.Any("error", err))
	}
}

// settledUndone is the outcome of an act of keeping that was taken back.
const settledUndone = "undone"

func (t *Trash) settleKeeping(ctx context.Context, m *manifest) (string, error) {
	if err := t.firm(m); err != nil {
		return "", err
	}
	complete := !slices.ContainsFunc(m.Paths, func(p keptPath) bool { return !exists(t.folder(m.ID, p.At)) })
	if complete && m.rows() > 0 {
		marked, err := t.marked(ctx, m.ID)
		if err != nil {
			return "", err
		}
		complete = marked
	}
	if !complete {
		return settledUndone, t.undo(m)
	}
	m.State = stateKept
	return "finished", t.write(m)
}

func (t *Trash) settleRestoring(ctx context.Context, m *manifest) (string, error) {
	if err := t.giveBack(ctx, m); err != nil {
		return "", err
	}
	return "restored", t.drop(m)
}

// clearMarks forgets marks whose entry is gone.
func (t *Trash) clearMarks(ctx context.Context) error {
	var ids []string
	err := t.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id FROM trash_rows")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	for _, id := range ids {
		if err == nil && !exists(t.folder(id)) {
			err = t.forget(ctx, id)
		}
	}
	return err
}

func (t *Trash) note(ctx context.Context, m *manifest, outcome string) {
	if t.needs.Journal == nil {
		return
	}
	caller := holdfast.Internal("trash", "")
	_, err := t.needs.Journal.Append(ctx, holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: "trash.recover", Subject: m.ID,
		Outcome: holdfast.OutcomeNoted, Detail: []byte(`{"outcome":"` + outcome + `"}`),
	})
	if err != nil {
		t.needs.Log.Error("cannot journal what became of the trash", slog.String("id", m.ID), slog.Any("error", err))
	}
}
