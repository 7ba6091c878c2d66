// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/ledger/wal"
)

// another opens one more database, empty.
func another(t *testing.T, dialect string) *store.Store {
	t.Helper()
	return storetest.Open(t, storetest.Options(t, dialect, tables()))
}

// TestAnotherStoreWithALogLeft: what a crash left goes to the store that the next start has, there and
// back, however far each of them was before.
func TestAnotherStoreWithALogLeft(t *testing.T) {
	t.Parallel()
	one, other, dir := another(t, store.SQLite), another(t, store.Postgres), t.TempDir()
	l := openIn(t, one, wide(), dir)
	busy(t, l, 300) // which is far
	crash(l)
	if err := openIn(t, one, wide(), dir).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	l = openIn(t, other, wide(), dir)
	busy(t, l, 30)
	crash(l)
	l = openIn(t, one, wide(), dir)
	if got := summary(t, l).Today; got.Calls != 330 || got.Estimated != 110 || got.Total != 220*7+110*15 {
		t.Errorf("back in the first store %+v", got)
	}
	busy(t, l, 30)
	crash(l)
	l = openIn(t, other, wide(), dir)
	if got := summary(t, l).Today; got.Estimated != 10 {
		t.Errorf("back in the second store %+v", got)
	}
}

// TestLogOfAnotherName: a node that was given another name books what it left under the one before,
// once.
func TestLogOfAnotherName(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := openIn(t, s, wide(), t.TempDir())
		busy(t, l, 30)
		summary(t, l)
		busy(t, l, 30)
		crash(l)
		l = New(Needs{Store: s, Dir: l.needs.Dir, Node: "there", Gate: wide()})
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Stop(t.Context()) }()
		if got := summary(t, l).Today; got.Calls != 60 || got.Estimated != 20 || got.Total != 40*7+20*15 {
			t.Errorf("%+v", got)
		}
	})
}

// TestRestoredStore: a store that is older than the log gets what the log has; one that is newer gets
// nothing twice.
func TestRestoredStore(t *testing.T) {
	t.Parallel()
	options := storetest.Options(t, store.SQLite, tables())
	options.Path = t.TempDir() + "/ledger.db"
	dir := t.TempDir()
	s := store.New(options.Path)
	if err := s.Open(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	l := New(Needs{Store: s, Dir: dir, Node: "here", Gate: wide()})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	busy(t, l, 30)
	summary(t, l)
	older := t.TempDir() + "/older.db"
	occupy(t, s)() // nobody writes
	err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		text, err := os.ReadFile(options.Path)
		wal, also := os.ReadFile(options.Path + "-wal")
		return errors.Join(err, also, os.WriteFile(older, text, 0o600), os.WriteFile(older+"-wal", wal, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	before := copyOf(t, dir)
	busy(t, l, 30)
	summary(t, l)
	crash(l)
	whole := copyOf(t, dir)

	l = openIn(t, s, wide(), before)
	if got := summary(t, l).Today; got.Calls != 40+10 || got.Estimated != 10 || got.Total != 40*7+10*15 {
		t.Errorf("a newer store has %+v", got)
	}
	crash(l)
	_ = s.Close()
	options.Path = older
	l = openIn(t, storetest.Open(t, options), wide(), whole)
	if got := summary(t, l).Today; got.Calls != 60 || got.Estimated != 20 || got.Total != 40*7+20*15 {
		t.Errorf("an older store has %+v", got)
	}
}

// TestTwoBadRows: when the store takes one of them again, the other stays in the log.
func TestTwoBadRows(t *testing.T) {
	t.Parallel()
	s := another(t, store.SQLite)
	l := open(t, s, wide())
	bad := []string{"mallory", "oscar", "trudy"}
	for _, name := range bad {
		occupy(t, s)("CREATE TRIGGER " + name + " BEFORE INSERT ON ledger_calls WHEN NEW.agent = '" + name + "' BEGIN SELECT RAISE(ABORT, 'no'); END")
	}
	for _, name := range append(bad, "alice") {
		r, err := l.Reserve(t.Context(), call(name), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(done(1, 2))
	}
	has := func(name string) int64 {
		return rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE agent = ? AND estimated = 0 AND input = 1 AND output = 2", name)
	}
	if summary(t, l); has("alice") != 1 {
		t.Fatal("alice is not booked")
	}
	occupy(t, s)("DROP TRIGGER mallory")
	until(t, func() bool { return has("mallory") == 1 })
	crash(l)
	for _, name := range bad[1:] {
		occupy(t, s)("DROP TRIGGER " + name)
	}
	l = openIn(t, s, wide(), l.needs.Dir)
	if got := summary(t, l).Today; got.Calls != 4 || got.Total != 12 || has("oscar") != 1 || has("trudy") != 1 {
		t.Errorf("%+v", got)
	}
}

// fragile is a file that takes nothing while told to.
type fragile struct {
	*os.File
	broken *atomic.Bool
}

func (f fragile) Datasync() error { return f.Sync() }

func (f fragile) WriteAt(b []byte, at int64) (int, error) {
	if f.broken.Load() {
		return 0, errFull
	}
	return f.File.WriteAt(b, at)
}

// TestSettlementThatTheLogDoesNotTake is in the store, and its reservation is no orphan after a crash.
func TestSettlementThatTheLogDoesNotTake(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		base, broken := l.log.End(), &atomic.Bool{}
		if err := l.log.Close(true); err != nil {
			t.Fatal(err)
		}
		l.log = wal.New(wal.Options{Dir: l.needs.Dir, Base: base, Create: func(path string) (wal.File, error) {
			f, err := os.Create(path)
			return fragile{f, broken}, err
		}})
		r, err := l.Reserve(t.Context(), call("a"), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		r.Settle(done(1, 2))
		summary(t, l)
		broken.Store(false)
		crash(l)
		l = openIn(t, s, wide(), l.needs.Dir)
		if got := summary(t, l).Today; got.Calls != 1 || got.Total != 3 || got.Estimated != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestCountsThatNobodyUses lower no burn and spoil no sum.
func TestCountsThatNobodyUses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		for range 4 {
			l.Book(call("a"), Result{Provider: "p", Model: "m", Status: StatusOK, Usage: holdfast.Usage{Input: -1 << 62, Output: 1<<63 - 1}}, 0)
		}
		if got := summary(t, l); got.Today.Total != 4*mostTokens || got.Burn.Hour != 4*mostTokens {
			t.Errorf("%+v, %+v", got.Today, got.Burn)
		}
	})
}

// TestModelsAreForgotten: of the models that answered no more than so many are remembered, those that
// answered last; a name that no model has is none.
func TestModelsAreForgotten(t *testing.T) {
	t.Parallel()
	l := New(Needs{})
	for i := range 10 * mostModels {
		l.outputs.learn("p", fmt.Sprint("made up ", i), 5)
		l.outputs.learn("p", "true", 7)
		l.outputs.learn("p", strings.Repeat("x", 3*longest)+fmt.Sprint(i), 7)
	}
	if n := len(l.outputs.of); n > mostModels {
		t.Errorf("%d models are remembered", n)
	}
	if got := l.Expect("p", "true"); got != 7 {
		t.Errorf("%d tokens are expected of the model that answers", got)
	}
}
