// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk/disktest"
	"holdfast/units/upgrade/swap"
)

// a trial is an upgrade of a rig from 1 to 2, by programs that are scripts, on a disk of their own.
type trial struct {
	*rig
	dir, file string
	driver    *Driver
	told      []endIn
	// once is called when all is exchanged, before the handover.
	once func() error
}

const program = "#!/bin/sh\n# VERSION\n[ -e DIR/refuse ] && { echo 'what is this schema' >&2; exit 1; }\necho '{\"version\": \"VERSION\"}'\n"

func newTrial(t *testing.T) *trial {
	t.Helper()
	r := &trial{rig: newRig(t, "1"), dir: disktest.Mount(t, "1m"), once: func() error { return nil }}
	r.file = filepath.Join(t.TempDir(), "holdfast")
	r.write(t, r.file, "2")
	r.write(t, r.in("holdfast"), "1")
	for _, name := range siblings {
		r.write(t, r.in(name), "1")
		r.write(t, filepath.Join(filepath.Dir(r.file), name), "2")
	}
	r.driver = &Driver{Home: r.home, Within: 5 * time.Second, Say: func(string) {}, Ask: r.ask}
	return r
}

func (r *trial) in(name string) string { return filepath.Join(r.dir, name) }

func (r *trial) write(t *testing.T, path, version string) {
	t.Helper()
	text := strings.NewReplacer("VERSION", version, "DIR", r.dir).Replace(program)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (r *trial) ask(_ context.Context, name string, input, output any) error {
	var answer any = struct{}{}
	switch name {
	case actionBegin:
		answer = Site{Program: r.in("holdfast"), Version: "1", PID: 1 << 30, Units: []swap.Unit{}}
	case "house.status":
		answer = standing{Version: "1"}
		if err := r.once(); err != nil {
			return err
		}
	case actionEnd:
		if r.deaf != nil {
			return r.deaf
		}
		r.told = append(r.told, input.(endIn)) //nolint:forcetypeassert // the driver's own
	}
	text, err := json.Marshal(answer)
	return errors.Join(err, json.Unmarshal(text, output))
}

// all wants the three programs to be those of a version.
func (r *trial) all(t *testing.T, version string) {
	t.Helper()
	for _, name := range append([]string{"holdfast"}, siblings[:]...) {
		text, err := os.ReadFile(r.in(name))
		if err != nil || !strings.Contains(string(text), "# "+version+"\n") {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

func (r *trial) writable(t *testing.T) {
	t.Helper()
	if err := unix.Mount("", r.dir, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
}

// A way back that the disk refuses is told, with what stands there and what helps; the house goes
// back by itself as soon as it can, and tells that too. That the journal cannot be told either delays
// it.
func TestAWayBackThatTheDiskRefuses(t *testing.T) {
	for name, deaf := range map[string]error{"told": nil, "told later": errors.New("the journal cannot be written")} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t)
			r.deaf = deaf
			r.once = func() error {
				disktest.ReadOnly(t, r.dir)
				return errors.New("the house does not answer")
			}
			_, err := r.driver.Run(t.Context(), r.file)
			for _, want := range []string{"the house does not answer", "going back to 1 did not succeed", "read-only", "holdfast-watch is that of 2", "can be written", "upgrade undo"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			r.all(t, "2")
			r.needs.Version, r.deaf = "2", nil
			settled, err := r.settle(t.Context(), false)
			if err == nil || !settled {
				t.Errorf("settled %v on a read-only disk: %v", settled, err)
			}
			for _, end := range r.told {
				r.noted = append(r.noted, string(words(end)))
			}
			if len(r.noted) != 1 || !strings.Contains(r.noted[0], `"outcome":"failed"`) || !strings.Contains(r.noted[0], "is that of 2") || !strings.Contains(r.noted[0], "upgrade undo") {
				t.Errorf("the journal says %v", r.noted)
			}
			if r.became != "" {
				t.Errorf("it became %s", r.became)
			}
			r.writable(t)
			if settled, err = r.settle(t.Context(), false); err != nil || !settled {
				t.Errorf("settled %v, %v", settled, err)
			}
			r.all(t, "1")
			if len(r.noted) != 2 || !strings.Contains(r.noted[1], `"outcome":"back"`) {
				t.Errorf("the journal says %v", r.noted)
			}
			if r.became != r.in("holdfast") {
				t.Errorf("it became %q", r.became)
			}
			left, _ := filepath.Glob(r.in("*.*"))
			if record, err := swap.Read(r.home); record != nil || err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v, %v", record, err, left)
			}
		})
	}
}

// The old programs are back, and yet they do not read the home any more.
func TestAnOldProgramThatDoesNotReadTheHome(t *testing.T) {
	r := newTrial(t)
	copied := r.home.Var("backups", "house-1.db")
	r.once = func() error {
		return errors.Join(
			os.WriteFile(r.in("refuse"), nil, 0o600), os.MkdirAll(filepath.Dir(copied), 0o700), os.WriteFile(copied, nil, 0o600))
	}
	_, err := r.driver.Run(t.Context(), r.file) // nobody holds the home: the new one ended
	for _, want := range []string{"ended soon after its start", "going back to 1 did not succeed", "what is this schema", "holdfast is that of 1", copied} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	r.all(t, "1")
	if len(r.told) != 1 || r.told[0].Outcome != outcomeFailed || !strings.Contains(r.told[0].Failure, "what is this schema") || !strings.Contains(r.told[0].Remedy, copied) {
		t.Errorf("the journal says %+v", r.told)
	}
	if undone, err := swap.Undo(r.home); undone != nil || err != nil {
		t.Errorf("undone again: %v, %v", undone, err)
	}
	if settled, err := r.settle(t.Context(), false); err != nil || !settled {
		t.Errorf("settled %v, %v", settled, err)
	}
	if len(r.noted) != 1 || !strings.Contains(r.noted[0], `"back"`) || r.became != "" {
		t.Errorf("the old house says %v and became %q", r.noted, r.became)
	}
}

// A command that happens to hold the home is not killed for the house: here that would be this test.
func TestACommandThatHoldsTheHomeIsWaitedFor(t *testing.T) {
	r := newTrial(t)
	lock, err := r.home.Lock(home.InProcess + "journal.show")
	if err != nil {
		t.Fatal(err)
	}
	ending := time.AfterFunc(300*time.Millisecond, func() { _ = lock.Unlock() })
	defer ending.Stop()
	if err := (&trip{Driver: r.driver}).endHouse(t.Context()); err != nil {
		t.Error(err)
	}
	if held, err := r.home.Holder(); held != nil || err != nil {
		t.Errorf("held by %v, %v", held, err)
	}
}

// A journal that cannot be written at first.
type moody struct {
	journal
	fails int
}

func (m *moody) Append(ctx context.Context, e holdfast.Entry) (holdfast.Entry, error) {
	if m.fails--; m.fails >= 0 {
		return e, errors.New("the journal cannot be written")
	}
	return m.journal.Append(ctx, e)
}

// What cannot be settled is tried again.
func TestTheHouseTriesAgainToSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "1")
		r.swapped(t)
		r.record(t, swap.Swapped, false)
		r.needs.Journal = &moody{r, 1}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.run(ctx) }()
		<-time.After(againAfter / 2)
		if left, err := swap.Read(r.home); err != nil || left == nil || left.State != swap.Restored {
			t.Errorf("untold it is %v, %v", left, err)
		}
		<-time.After(againAfter)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if left, err := swap.Read(r.home); err != nil || left != nil || len(r.noted) != 1 {
			t.Errorf("the record is %v, %v, and the journal says %v", left, err, r.noted)
		}
	})
}

// The siblings go with it, and the previous programs are those that it replaced, and no others.
func TestThePreviousAreThoseThatWereReplaced(t *testing.T) {
	r := newTrial(t)
	for _, name := range append([]string{"holdfast"}, siblings[:]...) {
		r.write(t, r.in(name+".previous"), "0")
	}
	if err := os.Remove(filepath.Join(filepath.Dir(r.file), siblings[1])); err != nil {
		t.Fatal(err)
	}
	r.driver.Ask = func(ctx context.Context, name string, input, output any) error {
		if err := r.ask(ctx, name, input, output); err != nil || name != actionBegin {
			return err
		}
		output.(*Site).PID = 0 //nolint:forcetypeassert // the driver's own
		return nil
	}
	result, err := r.driver.Run(t.Context(), r.file)
	if err != nil || len(result.Replaced) != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	for name, want := range map[string]string{
		"holdfast": "2", "holdfast.previous": "1", siblings[0]: "2", siblings[0] + ".previous": "1", siblings[1]: "1", siblings[1] + ".previous": "",
	} {
		text, err := os.ReadFile(r.in(name))
		if want == "" != os.IsNotExist(err) || !strings.Contains(string(text)+"# \n", "# "+want+"\n") {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	if len(r.told) != 1 || r.told[0].Outcome != outcomeDone {
		t.Errorf("the journal says %+v", r.told)
	}
}
