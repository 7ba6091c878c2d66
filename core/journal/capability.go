// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/house"
)

type showInput struct {
	Since   string `json:"since" help:"how far back (90s, 2h, 7d), or a time (2026-01-31T12:00:00Z)"`
	Action  string `json:"action" help:"noun.verb, or a noun for all of its verbs"`
	Caller  string `json:"caller" help:"kind:name, or a kind for all of its names"`
	Outcome string `json:"outcome" help:"how it stands" enum:"started,done,failed,refused,noted"`
	Node    string `json:"node" help:"one node's entries only"`
	Limit   int    `json:"limit" help:"at most so many, the newest" default:"50" min:"1" max:"10000"`
}

type showOutput struct {
	Entries []holdfast.Entry `json:"entries" help:"oldest first"`
	// Archived is there only when the table alone cannot answer.
	Archived []Archive `json:"archived,omitempty" help:"files that may hold older entries of what was asked for"`
}

type exportInput struct {
	Path  string `json:"path" help:"the new file, by its absolute path" required:"true" pos:"1" path:"true"`
	Since string `json:"since" help:"how far back (2h, 7d), or a time; everything when empty"`
	Node  string `json:"node" help:"one node's entries only"`
}

type exportOutput struct {
	Path    string `json:"path"`
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	// Archived is there only when the table alone cannot answer.
	Archived []Archive `json:"archived,omitempty" help:"files that hold older entries of what was asked for"`
}

type archiveOutput struct {
	Archived []Archive `json:"archived" help:"the files that were made, oldest first"`
}

// Capability is what the journal contributes to the house.
func (j *Journal) Capability() house.Capability {
	return house.Capability{
		Name:       "journal",
		Config:     &j.archive.config,
		Migrations: migrations,
		Actions:    desk{j}.actions(),
		Streams:    []holdfast.Stream{{Action: "journal.show", Run: desk{j}.stream}},
		Alerts:     []holdfast.AlertRule{j.archive.alert()},
		Keep:       []house.Keep{{Name: "journal", Patterns: []string{"var/" + folder + "/*" + suffix}}},
		Run:        j.archive.run,
		Reason:     "everything after it is journaled",
	}
}

// A desk is where the journal is asked, as actions.
type desk struct{ *Journal }

func (j desk) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "journal.show", Short: "journal", Summary: "Show what happened, newest entries last",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Examples: []string{"holdfast journal show --since 2h --outcome refused", "holdfast journal show --follow"},
		}, j.show),
		action.NewAction(holdfast.Action{
			Name: "journal.verify", Summary: "Walk the hash chain and name the first broken entry",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Examples: []string{"holdfast journal verify"},
		}, j.verify),
		action.NewAction(holdfast.Action{
			Name: "journal.export", Summary: "Write entries to a file of JSON lines that verify by themselves",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Examples: []string{"holdfast journal export /srv/archive/journal.jsonl --since 30d"},
		}, j.export),
		action.NewAction(holdfast.Action{
			Name: archiveAction, Summary: "Move the months that are old enough out of the table now",
			Help: "The running house does it once a day. Whole months older than journal.keep move to compressed files in " +
				"var/journal, which journal verify goes on to verify.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Examples: []string{"holdfast journal archive"},
		}, func(ctx context.Context, _ action.Nothing) (archiveOutput, error) {
			moved, err := j.archive.archive(ctx)
			return archiveOutput{Archived: append([]Archive{}, moved...)}, err
		}),
	}
}

func (in showInput) query(now time.Time) (Query, error) {
	since, err := sinceOf(in.Since, now)
	return Query{
		Since:   since,
		Action:  in.Action,
		Caller:  in.Caller,
		Outcome: holdfast.Outcome(in.Outcome),
		Node:    in.Node,
		Limit:   in.Limit,
	}, err
}

// sinceOf is the time from which on entries are wanted, zero for all.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	since, err := config.ParseSince(text, now)
	if err != nil {
		return since, holdfast.BadInput("", holdfast.Problem{
			Field: "since", Message: err.Error(), Remedy: "give a span (90s, 2h, 7d) or a time (2026-01-31T12:00:00Z)",
		})
	}
	return since, nil
}

func (j desk) show(ctx context.Context, in showInput) (showOutput, error) {
	q, err := in.query(j.now())
	if err != nil {
		return showOutput{}, err
	}
	entries, err := j.Show(ctx, q)
	out := showOutput{Entries: entries}
	if err == nil && len(entries) < q.Limit {
		out.Archived, err = j.Archived(ctx, q)
	}
	return out, err
}

// stream sends what journal.show shows, then what comes. It follows this node's chain.
func (j desk) stream(ctx context.Context, input any, send func(any) error) error {
	in, ok := input.(showInput)
	if !ok {
		return fmt.Errorf("cannot follow the journal: input is %T", input)
	}
	q, err := in.query(j.now())
	if err != nil {
		return err
	}
	if q.Node != "" && q.Node != j.Node() {
		return holdfast.BadInput("cannot follow the journal", holdfast.Problem{
			Field: "node", Message: "is another node than this one, " + j.Node(), Remedy: "follow it there, or show it without following",
		})
	}
	q.Node = j.Node()
	after, err := j.startOf(ctx, -1)
	if err != nil {
		return err
	}
	past, err := j.Show(ctx, q)
	if err != nil {
		return err
	}
	for _, e := range past {
		if e.Sequence > after {
			break // Follow sends it
		}
		if err := send(e); err != nil {
			return err
		}
	}
	for e, err := range j.Follow(ctx, after) {
		if err != nil {
			return err
		}
		if !q.Matches(e) {
			continue
		}
		if err := send(e); err != nil {
			return err
		}
	}
	return nil
}

func (j desk) verify(ctx context.Context, _ action.Nothing) (Verification, error) {
	v, err := j.Verify(ctx)
	if err == nil && v.Broken != nil {
		return v, holdfast.Errorf(holdfast.CodeFailed, "the journal does not hold at %s", v.Broken)
	}
	return v, err
}

func (j desk) export(ctx context.Context, in exportInput) (out exportOutput, err error) {
	since, err := sinceOf(in.Since, j.now())
	if err != nil {
		return out, err
	}
	path, err := exportPath(in.Path)
	if err != nil {
		return out, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".journal-*") // mode 0600
	if err != nil {
		return out, fmt.Errorf("cannot export the journal: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	err = j.Export(ctx, tmp, Query{Since: since, Node: in.Node})
	if err = errors.Join(err, tmp.Sync()); err == nil {
		_, err = tmp.Seek(0, 0)
	}
	var v Verification
	if err == nil {
		v, err = VerifyExport(tmp)
	}
	size, sizeErr := tmp.Seek(0, 2)
	if err = errors.Join(err, sizeErr, tmp.Close()); err != nil {
		return out, err
	}
	if v.Broken != nil {
		return out, holdfast.Errorf(holdfast.CodeFailed, "the journal does not hold at %s: nothing was exported", v.Broken)
	}
	if err := publish(tmp.Name(), path); err != nil {
		return out, err
	}
	archived, err := j.Archived(ctx, Query{Since: since, Node: in.Node})
	return exportOutput{Path: path, Entries: v.Entries, Bytes: size, Archived: archived}, err
}

func exportPath(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", holdfast.BadInput("", holdfast.Problem{Field: "path", Message: "not an absolute path", Remedy: "begin with /"})
	}
	return filepath.Clean(path), nil
}

// publish gives the finished file its name by a link, which never replaces a file that exists.
func publish(tmp, path string) error {
	if err := os.Link(tmp, path); errors.Is(err, fs.ErrExist) {
		return holdfast.BadInput("", holdfast.Problem{Field: "path", Message: path + " exists", Remedy: "name a new file"})
	} else if err != nil {
		return fmt.Errorf("cannot export the journal: %w", err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("cannot export the journal: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
