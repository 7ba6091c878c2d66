// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/store"
)

// Config is the section journal.
type Config struct {
	// How long entries stay in the table. Whole calendar months that ended longer ago move to
	// compressed files in var/journal, which journal.verify goes on to verify; the newest entries never
	// do. The default keeps at least twelve full months. At least 31 days.
	Keep config.Duration `json:"keep"`
}

// Check refuses less than a month.
func (c *Config) Check() []holdfast.Problem {
	if c.Keep.Std() >= 31*24*time.Hour {
		return nil
	}
	return []holdfast.Problem{{Field: "keep", Message: "is shorter than a month", Remedy: "for example 400d"}}
}

// An Archive is a file that holds the entries of one month of one chain, or a part of them. The newest of a node is
// the anchor of what its chain has in the table.
type Archive struct {
	File   string    `json:"file" help:"its path in the home"`
	Node   string    `json:"node"`
	Month  string    `json:"month"`
	First  int64     `json:"first" help:"sequence of its first entry"`
	Last   int64     `json:"last"`
	From   time.Time `json:"from" help:"the least of its month's times"`
	Until  time.Time `json:"until" help:"the greatest"`
	Bytes  int64     `json:"bytes"`
	SHA256 string    `json:"sha256" help:"of the file"`
	Hash   string    `json:"hash" help:"of its last entry"`
	At     time.Time `json:"at" help:"when it was archived"`

	previous string // hash of the entry before the first
}

func (a Archive) head() head { return head{sequence: a.Last, hash: a.Hash} }

// An archiver moves old months out of the table. Killed between any two steps it loses nothing and
// begins again where it was:
//
//	rows ──▶ file beside ──▶ read back ──▶ named ──▶ one transaction: anchor, rows go ──▶ journaled
type archiver struct {
	j      *Journal
	home   home.Home
	disk   disk.Disk
	log    *slog.Logger
	config Config
	most   int64 // entries of one file
	// trace sees each step that is about to be done; its error is the step's.
	trace func(step string) error

	working sync.Mutex // one at a time

	mu     sync.Mutex
	failed error
	since  time.Time
}

func newArchiver(j *Journal) *archiver {
	return &archiver{
		j: j, most: 20_000, log: slog.New(slog.DiscardHandler), config: Config{Keep: config.Duration(400 * 24 * time.Hour)},
		trace: func(string) error { return nil },
	}
}

// archive moves every month that is due and returns what it moved, even when it then failed.
func (a *archiver) archive(ctx context.Context) (moved []Archive, err error) {
	if a.home == (home.Home{}) {
		return nil, errors.New("cannot archive the journal: it has no home")
	}
	a.working.Lock()
	defer a.working.Unlock()
	defer func() { a.settle(err) }()
	nodes, err := a.nodes(ctx)
	for _, node := range nodes {
		var more []Archive
		more, err = a.archiveNode(ctx, node)
		moved = append(moved, more...)
		if err != nil {
			break
		}
	}
	if err != nil {
		return moved, fmt.Errorf("cannot archive the journal: %w", err)
	}
	return moved, nil
}

// nodes are those whose archives belong into this home: this one, and on SQLite, whose file is one
// node's, also what it was called before.
func (a *archiver) nodes(ctx context.Context) (nodes []string, err error) {
	if a.j.store.Dialect() != store.SQLite {
		return []string{a.j.Node()}, nil
	}
	err = a.j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		heads, err := headsOf(ctx, tx)
		nodes = slices.Sorted(maps.Keys(heads))
		return err
	})
	return nodes, err
}

func (a *archiver) archiveNode(ctx context.Context, node string) (moved []Archive, err error) {
	due, err := a.due(ctx, node)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	if err := a.disk.MkdirAll(a.home.Var(folder), 0o700); err != nil {
		return nil, err
	}
	if err := a.disk.Sweep(a.home.Var(folder)); err != nil {
		return nil, err
	}
	for _, s := range parts(due, a.most) {
		done, err := a.move(ctx, node, s)
		if err != nil {
			return moved, err
		}
		moved = append(moved, done)
		a.note(ctx, done)
	}
	return moved, nil
}

// parts cuts months of very many entries, so that no transaction holds up the house's writers for
// long. A part has the times of its month.
func parts(months []span, most int64) (cut []span) {
	for _, s := range months {
		for ; s.last-s.first >= most; s.first += most {
			part := s
			part.last = s.first + most - 1
			cut = append(cut, part)
		}
		cut = append(cut, s)
	}
	return cut
}

func (a *archiver) due(ctx context.Context, node string) (due []span, err error) {
	err = a.j.store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		due, err = dueOf(ctx, tx, node, a.j.now().UnixNano(), a.config.Keep.Std())
		return err
	})
	return due, err
}

// move writes one month's file, unless an earlier attempt left it whole, and then lets its rows go.
func (a *archiver) move(ctx context.Context, node string, s span) (Archive, error) {
	want, err := a.plan(ctx, node, s)
	if err != nil {
		return want, err
	}
	path := a.home.Path(want.File)
	if there, err := exists(path); err != nil {
		return want, err
	} else if !there {
		if err := a.write(ctx, path, &want); err != nil {
			return want, err
		}
	} else if reason := readBack(path, &want); reason != "" {
		return want, holdfast.Errorf(holdfast.CodeConflict, "%s %s: it is not what the table holds, so nothing was removed; move it away", want.File, reason)
	}
	if err := a.settleFile(path); err != nil {
		return want, err
	}
	return want, a.commit(ctx, &want)
}

// plan names the file and the ends of a month.
func (a *archiver) plan(ctx context.Context, node string, s span) (Archive, error) {
	want := Archive{
		Node: node, Month: s.month, First: s.first, Last: s.last,
		From: time.Unix(0, s.from).UTC(), Until: time.Unix(0, s.until).UTC(),
	}
	err := a.j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		anchor, err := anchorOf(ctx, tx, node)
		if err != nil {
			return err
		}
		if want.First != anchor.sequence+1 {
			return fmt.Errorf("entry %d of node %s is missing", anchor.sequence+1, node)
		}
		want.previous = anchor.hash
		if want.File, err = freeFile(ctx, tx, want); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT hash FROM journal WHERE node = ? AND sequence = ?", node, s.last).Scan(&want.Hash)
	})
	return want, err
}

const folder = "journal"

// freeFile is the month's name, or, for a further part of it, and when a clock that went back made
// the same month twice, one with the first entry's sequence in it.
func freeFile(ctx context.Context, tx store.Tx, a Archive) (string, error) {
	name := filepath.Join("var", folder, plain(a.Node)+"-"+a.Month)
	var taken int
	err := tx.QueryRow(ctx, "SELECT count(*) FROM journal_archives WHERE file = ?", name+suffix).Scan(&taken)
	if taken > 0 {
		name = fmt.Sprintf("%s-%d", name, a.First)
	}
	return name + suffix, err
}

// commit stores the anchor and lets the rows go, both or neither.
func (a *archiver) commit(ctx context.Context, want *Archive) error {
	if err := a.trace("commit"); err != nil {
		return err
	}
	want.At = a.j.now().UTC().Round(0)
	err := a.j.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		anchor, err := anchorOf(ctx, tx, want.Node)
		if err != nil {
			return err
		}
		if anchor != (head{sequence: want.First - 1, hash: want.previous}) {
			return holdfast.Errorf(holdfast.CodeConflict, "another archived node %s meanwhile", want.Node)
		}
		if err := insertArchive(ctx, tx, *want); err != nil {
			return err
		}
		if err := a.trace("anchored"); err != nil {
			return err
		}
		gone, err := tx.Exec(ctx, "DELETE FROM journal WHERE node = ? AND sequence <= ?", want.Node, want.Last)
		if err != nil {
			return err
		}
		n, err := gone.RowsAffected()
		if err == nil && n != want.Last-want.First+1 {
			err = fmt.Errorf("%d rows of node %s would go instead of %d", n, want.Node, want.Last-want.First+1)
		}
		return errors.Join(err, a.trace("removed"))
	})
	return errors.Join(err, a.trace("committed"))
}

// note journals an anchor, so that the chain itself attests the file. What happened, happened: when
// it cannot be journaled, the log says so.
func (a *archiver) note(ctx context.Context, done Archive) {
	caller := holdfast.CallerFrom(ctx)
	_, err := a.j.Append(context.WithoutCancel(ctx), holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: archiveAction, Subject: done.File,
		Outcome: holdfast.OutcomeNoted, Detail: Detail(done),
	})
	if err != nil {
		a.log.Error("cannot journal an archive", slog.String("file", done.File), slog.Any("error", err))
	}
}

func anchorOf(ctx context.Context, tx store.Tx, node string) (head, error) {
	var h head
	err := tx.QueryRow(ctx, "SELECT last_sequence, hash FROM journal_archives WHERE node = ? ORDER BY last_sequence DESC LIMIT 1", node).
		Scan(&h.sequence, &h.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return head{}, nil
	}
	return h, err
}

func insertArchive(ctx context.Context, tx store.Tx, a Archive) error {
	_, err := tx.Exec(ctx, `INSERT INTO journal_archives (node, last_sequence, hash, first_sequence, previous, month, file, sha256, bytes, from_ns, until_ns, archived_ns)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Node, a.Last, a.Hash, a.First, a.previous, a.Month, a.File, a.SHA256, a.Bytes, a.From.UnixNano(), a.Until.UnixNano(), a.At.UnixNano())
	return err
}

func selectArchives(ctx context.Context, tx store.Tx, rest string, args ...any) ([]Archive, error) {
	rows, err := tx.Query(ctx, `SELECT node, last_sequence, hash, first_sequence, previous, month, file, sha256, bytes, from_ns, until_ns, archived_ns
		FROM journal_archives`+rest, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Archive
	for rows.Next() {
		var a Archive
		var from, until, archived int64
		if err := rows.Scan(&a.Node, &a.Last, &a.Hash, &a.First, &a.previous, &a.Month, &a.File, &a.SHA256, &a.Bytes, &from, &until, &archived); err != nil {
			return nil, err
		}
		a.From, a.Until, a.At = time.Unix(0, from).UTC(), time.Unix(0, until).UTC(), time.Unix(0, archived).UTC()
		all = append(all, a)
	}
	return all, rows.Err()
}

// Archived lists the archives that may hold entries that q chooses, oldest first.
func (j *Journal) Archived(ctx context.Context, q Query) (found []Archive, err error) {
	where, args := " WHERE until_ns >= ? AND last_sequence > ?", []any{int64(-1 << 63), q.After}
	if !q.Since.IsZero() {
		args[0] = nanos(q.Since)
	}
	if q.Node != "" {
		where, args = where+" AND node = ?", append(args, q.Node)
	}
	err = j.store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		found, err = selectArchives(ctx, tx, where+" ORDER BY from_ns, node, first_sequence", args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the journal's archives: %w", err)
	}
	return found, nil
}
