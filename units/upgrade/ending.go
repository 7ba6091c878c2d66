// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"holdfast/core/home"
	"holdfast/units/upgrade/swap"
)

// The outcomes of an upgrade in the journal. After failed, back may follow.
const (
	outcomeDone   = "done"
	outcomeBack   = "back"
	outcomeFailed = "failed"
)

// A teller tells the journal how an upgrade ended.
type teller func(context.Context, endIn) error

// conclude tells the journal how an upgrade ended, and ends it. The record goes last: killed in
// between, the next one who concludes goes on, and at most the journal is told twice.
func conclude(ctx context.Context, turn *swap.Turn, r *swap.Record, tell teller) error {
	if err := tellFailure(ctx, turn, r, tell); err != nil {
		return err
	}
	switch r.State {
	case swap.Proved:
		if err := tell(ctx, endIn{From: r.From, To: r.To, Outcome: outcomeDone}); err != nil {
			return err
		}
		r.State = swap.Keeping
		if err := turn.Note(*r); err != nil {
			return err
		}
		fallthrough
	case swap.Keeping:
		if err := turn.Keep(r.Files); err != nil {
			return err
		}
	case swap.Restored:
		if err := tell(ctx, endIn{From: r.From, To: r.To, Outcome: outcomeBack, Why: r.Why}); err != nil {
			return err
		}
	case swap.Staging, swap.Swapped, swap.HandingOver, swap.GoingBack:
		return fmt.Errorf("cannot conclude an upgrade that is %s", r.State)
	}
	return turn.Clear(*r)
}

// failBack notes that the way back did not succeed, and tells the journal, once for each reason; when
// that cannot be told, the record keeps it for whoever can.
func failBack(ctx context.Context, h home.Home, turn *swap.Turn, r *swap.Record, why error, tell teller) error {
	if r.Failure != nil && r.Failure.Told && r.Failure.Reason == why.Error() {
		return nil
	}
	r.Failure = &swap.Failure{Reason: why.Error(), Stands: swap.Stands(*r), Remedy: remedy(h, *r)}
	noted := turn.Note(*r)
	if err := tellFailure(ctx, turn, r, tell); err != nil {
		return errors.Join(noted, err)
	}
	return nil
}

func tellFailure(ctx context.Context, turn *swap.Turn, r *swap.Record, tell teller) error {
	if r.Failure == nil || r.Failure.Told {
		return nil
	}
	end := endIn{
		From: r.From, To: r.To, Outcome: outcomeFailed, Why: r.Why,
		Failure: r.Failure.Reason, Stands: r.Failure.Stands, Remedy: r.Failure.Remedy,
	}
	if err := tell(ctx, end); err != nil {
		return err
	}
	r.Failure.Told = true
	return turn.Note(*r)
}

// remedy is what a person does about a way back that did not succeed.
func remedy(h home.Home, r swap.Record) string {
	if r.State != swap.Restored {
		program := r.Files[0].Before()
		if _, err := os.Stat(program); err != nil {
			program = r.Files[0].Path
		}
		return fmt.Sprintf("see to it that %s can be written and that the files .before in it are the old programs; "+
			"a house or a watch that runs then goes back by itself. Where none does:\n"+
			"  %s --home %s upgrade undo && %s --home %s up", filepath.Dir(r.Files[0].Path), program, h.Dir(), r.Files[0].Path, h.Dir())
	}
	if path := backup(h, r); path != "" {
		db := h.Var("house.db")
		return fmt.Sprintf("the copy of the store from before the upgrade is %s. Put it back, which loses what was written since, and start the house:\n"+
			"  rm -f %s-wal %s-shm && cp %s %s && %s --home %s up", path, db, db, path, db, r.Files[0].Path, h.Dir())
	}
	return fmt.Sprintf("start the house: %s --home %s up", r.Files[0].Path, h.Dir())
}

// backup is the copy that was made before the new program changed the schema, if it did.
func backup(h home.Home, r swap.Record) string {
	copies, _ := filepath.Glob(h.Var("backups", "*.db"))
	slices.Sort(copies)
	for _, path := range slices.Backward(copies) {
		if info, err := os.Stat(path); err == nil && !info.ModTime().Before(r.Since) {
			return path
		}
	}
	return ""
}
