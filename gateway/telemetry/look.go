// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/gateway/ledger"
	"holdfast/gateway/telemetry/outside"
	"holdfast/gateway/telemetry/scan"
)

const (
	saveEvery = time.Minute // a crash costs what was read since, read again
	// manyRecords are so many that the memory which they took is given back.
	manyRecords = 10_000
	// maxSeen is how large the file of calls told may grow, a million of them; then all is read
	// again, and what agents have thrown away since is forgotten.
	maxSeen = 32 << 20
)

// eyes are what looking needs, made at the first look.
type eyes struct {
	scanner *scan.Scanner
	opened  bool
	folders []string // of OpenCode
	data    []*openCode
	board   *board
	changed bool
	saved   time.Time
	unsaved []byte               // of the scanner's Fresh, what could not be written
	said    map[string]time.Time // since when a problem stands
}

func (t *Telemetry) folder(name ...string) string {
	return t.needs.Home.Var(append([]string{"telemetry"}, name...)...)
}

// open makes the scanner and lets it go on where the last one ended.
func (t *Telemetry) open() error {
	if t.eyes.opened {
		return nil
	}
	roots, err := t.roots(*t.needs.Config)
	if err != nil {
		return err
	}
	if err := (disk.Disk{}).MkdirAll(t.folder(), 0o700); err != nil {
		return err
	}
	t.eyes = eyes{scanner: scan.New(scan.Options{Roots: roots}), opened: true, board: newBoard(), said: map[string]time.Time{}, saved: time.Now()}
	for _, r := range roots {
		if r.Source == scan.OpenCode {
			t.eyes.folders = append(t.eyes.folders, strings.TrimSuffix(r.Path, "/storage/message"))
		}
	}
	t.resume()
	return outside.Tell(t.needs.Home, outside.Where{Roots: roots, Relayed: t.needs.Config.Relayed})
}

// resume takes up the last state. Without a whole one all is read again, and the board, whose sums
// would have it twice, begins anew.
func (t *Telemetry) resume() {
	state, err := os.ReadFile(t.folder("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.forget()
		return
	}
	seen, missing := wholePairs(t.folder("seen"))
	if err = errors.Join(err, missing); err == nil {
		err = t.eyes.scanner.Restore(state, seen)
	}
	if err != nil {
		t.needs.Log.Warn("reading the logs of coding agents from their beginning", "error", err)
		t.forget()
		return
	}
	if b, err := readBoard(t.folder("board.json")); err == nil {
		t.eyes.board = b
	}
}

func (t *Telemetry) forget() {
	if err := os.Remove(t.folder("seen")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.needs.Log.Warn("cannot forget which calls were told", "error", err)
	}
}

var errManySeen = errors.New("too many calls are remembered")

// wholePairs reads the file of calls told, and takes off what a crash left of a pair at its end.
func wholePairs(path string) ([]byte, error) {
	seen, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // Claude Code was never seen
	}
	if err != nil {
		return nil, err
	}
	if len(seen) > maxSeen {
		return nil, errManySeen
	}
	whole := len(seen) / 16 * 16
	if whole < len(seen) {
		err = os.Truncate(path, int64(whole))
	}
	return seen[:whole], err
}

// look brings ledger and board up to date. It is called with the turn held.
func (t *Telemetry) look(ctx context.Context) error {
	if err := t.open(); err != nil {
		return err
	}
	began := time.Now()
	tick, err := t.eyes.scanner.Scan(ctx, func(records []scan.Record) error { return t.tell(ctx, records) })
	for _, o := range t.eyes.bases() {
		rows, failed := o.fresh(ctx, began)
		if failed == nil {
			failed = t.tell(ctx, rows)
		}
		if failed == nil {
			o.take()
			t.eyes.board.OpenCode[o.path] = o.until
		} else if ctx.Err() == nil {
			tick.Problems, tick.Unread = append(tick.Problems, scan.Problem{Path: o.path, Err: failed}), tick.Unread+1
		}
		tick.Records += len(rows)
	}
	t.note(tick, began)
	if err != nil {
		return err
	}
	if t.eyes.changed || began.Sub(t.eyes.board.Updated) > saveEvery {
		t.show(ctx, began)
	}
	many := tick.Records > manyRecords
	if t.eyes.changed && (many || began.Sub(t.eyes.saved) > saveEvery) {
		t.save(began)
	}
	if many {
		debug.FreeOSMemory()
	}
	return nil
}

// tell hands records to the ledger, and then to the board.
func (t *Telemetry) tell(ctx context.Context, records []scan.Record) error {
	records = slices.DeleteFunc(records, func(r scan.Record) bool { return slices.Contains(t.needs.Config.Relayed, r.Provider) })
	if len(records) == 0 {
		return nil
	}
	seen := make([]ledger.Observation, 0, len(records))
	for _, r := range records {
		seen = append(seen, observation(r))
	}
	if err := t.needs.Books.Observe(ctx, seen); err != nil {
		return err
	}
	t.eyes.board.take(records, time.Now())
	t.eyes.changed = true
	return nil
}

// show writes the board for the status line, which starts no house.
func (t *Telemetry) show(ctx context.Context, now time.Time) {
	b := t.eyes.board
	midnight := ledger.Midnight(now.In(t.needs.Location()))
	sums, err := t.needs.Books.Spent(ctx, "house", midnight)
	if err != nil {
		if ctx.Err() == nil {
			t.needs.Log.Warn("cannot tell what today's calls came to", "error", err)
		}
		return
	}
	b.settle(now, midnight, sums[""])
	if err := home.Replace(t.folder("board.json"), b, 0o600); err != nil {
		t.needs.Log.Warn("cannot write what the status line shows", "error", err)
	}
}

// save writes down how far the logs were read: first which calls were told, then how far, for
// reading twice counts nothing twice, and reading never would.
func (t *Telemetry) save(now time.Time) {
	if !t.eyes.opened || !t.eyes.changed {
		return
	}
	err := t.append(t.eyes.scanner.Fresh())
	if err == nil {
		var state []byte
		if state, err = t.eyes.scanner.State(); err == nil {
			err = home.WriteFile(t.folder("state.json"), state, 0o600)
		}
	}
	if err != nil {
		t.needs.Log.Warn("cannot write down how far the logs of coding agents were read", "error", err)
		return
	}
	t.eyes.saved, t.eyes.changed = now, false
}

func (t *Telemetry) append(fresh []byte) (err error) {
	t.eyes.unsaved = append(t.eyes.unsaved, fresh...)
	if len(t.eyes.unsaved) == 0 {
		return nil
	}
	file, err := os.OpenFile(t.folder("seen"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if failed := file.Close(); err == nil {
			err = failed
		}
	}()
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := file.Write(t.eyes.unsaved); err != nil {
		return errors.Join(err, file.Truncate(before.Size()))
	}
	if err := file.Sync(); err != nil {
		return err
	}
	t.eyes.unsaved = nil
	return nil
}

func joined(folders []string) string {
	clean := slices.Clone(folders)
	for i, f := range clean {
		if !strings.HasPrefix(f, "~") {
			clean[i] = filepath.Clean(f)
		}
	}
	return strings.Join(clean, ",")
}
