// SPDX-License-Identifier: Apache-2.0

package trash

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
)

//go:embed migrations
var migrations embed.FS

// sweepEvery is how often the trash looks for what is older than its keep.
const sweepEvery = time.Hour

type listOutput struct {
	Entries []Kept `json:"entries" help:"oldest first"`
}

type restoreInput struct {
	ID string `json:"id" help:"the entry, as trash list shows it" required:"true" pos:"1"`
}

type restoreOutput struct {
	Restored Kept `json:"restored"`
}

type emptyInput struct {
	ID string `json:"id" help:"one entry only; everything when empty" pos:"1"`
}

type emptyOutput struct {
	Gone []string `json:"gone"`
}

// Capability is what the trash contributes to the house.
func (t *Trash) Capability() house.Capability {
	return house.Capability{
		Name:       "trash",
		Config:     &t.config,
		Migrations: tables(),
		Actions:    actions(t),
		Start:      t.Recover,
		Run:        t.run,
		Reason:     "what a crash left half kept is settled before anybody destroys or restores",
	}
}

func tables() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return migrations // the name above is a constant
	}
	return sub
}

// Migrations are the trash's tables, for tests of other packages.
func Migrations() fs.FS { return tables() }

func actions(t *Trash) []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "trash.list", Summary: "List what was destroyed and can come back",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
		}, func(ctx context.Context, _ action.Nothing) (listOutput, error) {
			entries, err := t.List(ctx)
			return listOutput{Entries: entries}, err
		}),
		action.NewAction(holdfast.Action{
			Name: "trash.restore", Summary: "Put an entry of the trash back where it was",
			Help: "Nothing is replaced: when something stands in a place meanwhile, it is named and nothing changes.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Examples: []string{"holdfast trash restore 20260131-120000-0a1b2c3d"},
		}, func(ctx context.Context, in restoreInput) (restoreOutput, error) {
			restored, err := t.Restore(ctx, in.ID)
			return restoreOutput{Restored: restored}, err
		}),
		action.NewDestroyer(holdfast.Action{
			Name: "trash.empty", Summary: "Let entries of the trash go for good",
			Tier: holdfast.TierOperator, Offline: true,
			Categories: []holdfast.Category{{
				Name: "trash", Summary: "What was destroyed before and is kept to come back", Returns: holdfast.ReturnsNever,
			}},
		}, func(ctx context.Context, in emptyInput) ([]holdfast.Category, error) {
			return inventory(ctx, t, in)
		}, func(ctx context.Context, in emptyInput) (emptyOutput, error) {
			gone, err := t.Empty(ctx, ids(in.ID)...)
			return emptyOutput{Gone: gone}, err
		}),
	}
}

func ids(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

func inventory(ctx context.Context, t *Trash, in emptyInput) ([]holdfast.Category, error) {
	all, err := t.List(ctx)
	if err != nil {
		return nil, err
	}
	category := holdfast.Category{Name: "trash"}
	for _, k := range all {
		if in.ID != "" && in.ID != k.ID {
			continue
		}
		item := holdfast.Item{ID: k.ID, Kind: fmt.Sprintf("%s %s", k.Action, k.Subject), Bytes: k.Bytes}
		for _, table := range k.Tables {
			item.Rows += int64(table.Rows)
		}
		category.Items = append(category.Items, item)
	}
	if in.ID != "" && len(category.Items) == 0 {
		return nil, noEntry(in.ID)
	}
	return []holdfast.Category{category}, nil
}

func (t *Trash) run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := t.Sweep(ctx); err != nil && ctx.Err() == nil {
			t.needs.Log.Error("cannot sweep the trash", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep lets go what is older than the section's keep, which confirmed that once and for all, and
// journals what it was.
func (t *Trash) Sweep(ctx context.Context) error {
	all, err := t.List(ctx)
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.State != stateKept || t.now().Before(k.Expires) {
			continue
		}
		if err := t.journalSweep(ctx, k); err != nil {
			return err
		}
		if _, err := t.Empty(ctx, k.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *Trash) journalSweep(ctx context.Context, k Kept) error {
	if t.needs.Journal == nil {
		return nil
	}
	detail, err := json.Marshal(map[string]any{"entry": k, "reason": "older than trash.keep " + t.config.Keep.String()})
	if err != nil {
		return fmt.Errorf("cannot word what is swept: %w", err)
	}
	caller := holdfast.Internal("trash", "trash.empty")
	_, err = t.needs.Journal.Append(ctx, holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: "trash.empty", Subject: k.ID,
		Outcome: holdfast.OutcomeDone, Detail: detail,
	})
	return err
}
