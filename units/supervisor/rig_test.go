// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/core/process/processtest"
)

// A ledger is a journal that tests ask about units.
type ledger struct{ journaltest.Journal }

func (l *ledger) subjects(action string) (list []string) {
	for _, e := range l.Of(action) {
		list = append(list, e.Subject+" "+string(e.Detail))
	}
	return list
}

type pocket map[string]string

func (p pocket) Get(name string) (holdfast.Secret, bool) {
	value, ok := p[name]
	return holdfast.NewSecret(value), ok
}

// A rig is a supervisor over a fake host.
type rig struct {
	*Supervisor
	t       *testing.T
	fake    *processtest.Host
	journal *ledger
	dir     string
}

func newRig(t *testing.T, dir string, fake *processtest.Host, changes ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, fake: fake, journal: &ledger{}, dir: dir}
	o := Options{
		Home: home.At(dir), Host: fake, Journal: r.journal, Secrets: pocket{"KEY": "value"},
		Log: slog.New(&strict{Handler: slog.NewTextHandler(t.Output(), nil), t: t}),
	}
	for _, change := range changes {
		change(&o)
	}
	r.Supervisor = New(o)
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// strict fails the test at a change of state that the state machine does not have.
type strict struct {
	slog.Handler
	t *testing.T
}

func (h *strict) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "no edge") {
		r.Attrs(func(a slog.Attr) bool { h.t.Errorf("%s: %v", r.Message, a); return true })
	}
	return h.Handler.Handle(ctx, r)
}

// bubble runs a test in fake time, with a supervisor that is stopped at its end.
func bubble(t *testing.T, body func(t *testing.T, r *rig), changes ...func(*Options)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, &processtest.Host{}, changes...)
		body(t, r)
		if err := r.close(context.Background()); err != nil {
			t.Error(err)
		}
		for _, l := range r.fake.Launches() {
			if l.Alive() {
				t.Errorf("%s outlived the house", l.Identity().Mark)
			}
		}
	})
}

func (r *rig) set(units ...holdfast.Unit) {
	r.t.Helper()
	if err := r.Set(r.t.Context(), "test", units); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) is(name string, want holdfast.UnitState) holdfast.UnitStatus {
	r.t.Helper()
	synctest.Wait()
	st, err := r.Status(name)
	if err != nil {
		r.t.Fatal(err)
	}
	if st.State != want {
		r.t.Fatalf("%s is %s (%s), want %s", name, st.State, st.Detail, want)
	}
	return st
}

func (r *rig) last(unit string) *processtest.Launch {
	r.t.Helper()
	all := r.fake.Of(unit)
	if len(all) == 0 {
		r.t.Fatalf("%s was never started", unit)
	}
	return all[len(all)-1]
}

func plain(name string, needs ...string) holdfast.Unit {
	u := holdfast.Unit{Name: name, Run: []string{"/bin/" + name}, Restart: holdfast.RestartAlways}
	for _, n := range needs {
		u.Needs = append(u.Needs, holdfast.Need{Unit: n})
	}
	return u
}

// pass lets fake time go by.
func pass(d time.Duration) { <-time.After(d) }
