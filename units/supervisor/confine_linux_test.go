// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/confine"
	"holdfast/holdfasttest/need"
)

// confinedHouse is a real house with the program that confines, and a folder that all users reach.
func confinedHouse(t *testing.T) (s *Supervisor, open string) {
	t.Helper()
	if lacks := confine.Lacks(true); len(lacks) > 0 {
		need.Missing(t, lacks[0])
	}
	helper, err := need.Watch()
	if err != nil {
		t.Fatal(err)
	}
	s = realHouse(t, t.TempDir())
	s.launcher.helper = helper
	open, err = os.MkdirTemp("", "holdfast-open-") //nolint:usetesting // that one is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(open) })
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	return s, open
}

func script(name, text string) holdfast.Unit {
	return holdfast.Unit{Name: name, Run: []string{"/bin/sh", "-c", text}, Dir: "/", Restart: holdfast.RestartNever}
}

func (s *Supervisor) take(t *testing.T, units ...holdfast.Unit) {
	t.Helper()
	if err := s.Set(t.Context(), "test", units); err != nil {
		t.Fatal(err)
	}
}

// ended waits until the unit has run and ended well.
func (s *Supervisor) ended(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" has run", func() bool {
		st, _ := s.Status(name)
		return st.State == holdfast.UnitStopped && st.Detail == "exited with status 0"
	})
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAUnitIsConfined(t *testing.T) {
	s, open := confinedHouse(t)
	secret := s.options.Home.EnvFile()
	if err := os.WriteFile(secret, []byte("KEY=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u := script("one", fmt.Sprintf("cat %q; ulimit -n; nice; grep NoNewPrivs /proc/self/status", secret))
	u.Run[2] = "{ " + u.Run[2] + "; } >" + filepath.Join(open, "out") + " 2>&1"
	u.Sandbox, u.Limits = &holdfast.Sandbox{Write: []string{open}}, holdfast.Limits{NoFile: 99, Nice: 4}
	s.take(t, u)
	s.ended(t, "one")
	want := "cat: " + secret + ": Permission denied\n99\n4\nNoNewPrivs:\t1\n"
	if got := content(t, filepath.Join(open, "out")); got != want {
		t.Errorf("the unit says %q, want %q", got, want)
	}
	show, err := desk{s}.show(t.Context(), unitIn{Unit: "one"})
	if err != nil || show.Limits == nil || show.Limits.NoFile != 99 || show.Sandbox == nil || show.Sandbox.Network != "on" || len(show.Lacks) > 0 {
		t.Errorf("unit show: %+v %v", show, err)
	}
}

func TestAUnitRunsAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Missing(t, "only root may do this")
	}
	s, open := confinedHouse(t)
	for name, limits := range map[string]holdfast.Limits{"plain": {}, "helped": {NoFile: 50}} {
		out := filepath.Join(open, name)
		u := script(name, "{ id -un; id -u; echo $HOME $USER $LOGNAME; grep CapEff /proc/self/status; } >"+out)
		u.User, u.Limits = "nobody", limits
		s.take(t, u)
		s.ended(t, name)
		a, err := accountOf("nobody", 0)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("nobody\n%d\n%s nobody nobody\nCapEff:\t0000000000000000\n", a.credential.Uid, a.home)
		if got := content(t, out); got != want {
			t.Errorf("%s: the unit says %q, want %q", name, got, want)
		}
	}
}

func TestAccounts(t *testing.T) {
	byName, err := accountOf("nobody", 0)
	if err != nil {
		t.Fatal(err)
	}
	byNumber, err := accountOf(strconv.Itoa(int(byName.credential.Uid)), 0)
	if err != nil || byNumber.credential.Uid != byName.credential.Uid || byNumber.credential.Gid != byName.credential.Gid {
		t.Errorf("by number: %+v %v", byNumber, err)
	}
	if own, err := accountOf("root", 0); err != nil || own.credential != nil {
		t.Errorf("the house's own user: %+v %v", own, err)
	}
	for name, want := range map[string]string{
		"no-such-account": `there is no account "no-such-account" on this machine`,
		"4294967295":      `there is no account "4294967295" on this machine`,
		"-1":              `there is no account "-1" on this machine`,
	} {
		if _, err := accountOf(name, 0); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if _, err := accountOf("root", 1000); err == nil || err.Error() != `only a house that runs as root can run it as "root"` {
		t.Errorf("a house that is not root: %v", err)
	}
}

func TestWhatCannotBeConfinedIsBlocked(t *testing.T) {
	s, open := confinedHouse(t)
	stranger, boxed := script("stranger", "true"), script("boxed", "true")
	stranger.User = "no-such-account"
	folder := filepath.Join(open, "later")
	boxed.Sandbox = &holdfast.Sandbox{Read: []string{folder}}
	s.take(t, stranger, boxed)
	if st := reach(t, s, "stranger", holdfast.UnitBlocked); !strings.Contains(st.Detail, `no account "no-such-account"`) {
		t.Errorf("blocked by %q", st.Detail)
	}
	if st := reach(t, s, "boxed", holdfast.UnitBlocked); !strings.Contains(st.Detail, folder+", which is not there") {
		t.Errorf("blocked by %q", st.Detail)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.ended(t, "boxed")
}

// TestALimitBeyondTheKernelsIsBlocked wants a unit blocked that asks for what nobody gives, until it
// asks for less.
func TestALimitBeyondTheKernelsIsBlocked(t *testing.T) {
	s, _ := confinedHouse(t)
	u := script("greedy", "true")
	u.Limits.NoFile = 1 << 40
	s.take(t, u)
	if st := reach(t, s, "greedy", holdfast.UnitBlocked); !strings.Contains(st.Detail, "cannot limit open files to 1099511627776") || !strings.Contains(st.Detail, ": ask for no more") {
		t.Errorf("blocked by %q", st.Detail)
	}
	u.Limits.NoFile = 64
	s.take(t, u)
	s.ended(t, "greedy")
}

func TestAMemoryLimitIsNamed(t *testing.T) {
	s, _ := confinedHouse(t)
	u := holdfast.Unit{
		Name: "hungry", Run: []string{"python3", "-c", "bytearray(400 << 20)"}, Dir: "/", Restart: holdfast.RestartNever,
		Limits: holdfast.Limits{Memory: 48 << 20},
	}
	s.take(t, u)
	st := reach(t, s, "hungry", holdfast.UnitFailed)
	if len(st.Lacks) > 0 {
		need.Missing(t, st.Lacks[0])
	}
	if st.Detail != "killed for passing its memory limit" {
		t.Errorf("it failed: %s", st.Detail)
	}
}

func TestChecksRunConfined(t *testing.T) {
	s, open := confinedHouse(t)
	secret := s.options.Home.EnvFile()
	if err := os.WriteFile(secret, []byte("KEY=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u := helper("one", "wait")
	u.Sandbox = &holdfast.Sandbox{Read: []string{os.Args[0]}, Write: []string{open}}
	u.Ready = &holdfast.Probe{Exec: []string{"/bin/sh", "-c", "if cat " + secret + "; then exit 1; fi; echo seen >" + filepath.Join(open, "seen")}}
	s.take(t, u)
	reach(t, s, "one", holdfast.UnitReady)
	if got := content(t, filepath.Join(open, "seen")); got != "seen\n" {
		t.Errorf("the check says %q", got)
	}
}

func TestAHelperThatIsMissing(t *testing.T) {
	s, _ := confinedHouse(t)
	s.launcher.helper = filepath.Join(t.TempDir(), "holdfast-watch")
	u := script("one", "true")
	u.Sandbox = &holdfast.Sandbox{}
	s.take(t, u)
	if st := reach(t, s, "one", holdfast.UnitFailed); !strings.Contains(st.Detail, "holdfast-watch is not beside holdfast") {
		t.Errorf("it failed: %s", st.Detail)
	}
}

func TestAChangedConfinementRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a")
		r.set(u)
		before := r.last("a").Identity()
		for name, change := range map[string]func(){
			"limits":  func() { u.Limits.NoFile = 10 },
			"sandbox": func() { u.Sandbox = &holdfast.Sandbox{Network: "off"} },
			"nothing": func() {},
		} {
			change()
			r.set(u)
			synctest.Wait()
			r.is("a", holdfast.UnitRunning)
			now := r.last("a").Identity()
			if restarted := now != before; restarted != (name != "nothing") {
				t.Errorf("%s: restarted is %v", name, restarted)
			}
			before = now
		}
	})
}

// lacking is a child whose launch found no controllers.
type lacking struct{ process.Child }

func (lacking) Lacks() []string { return []string{"memory is not limited: none here"} }

func TestALackIsSaidOnce(t *testing.T) {
	var text bytes.Buffer
	n := &notices{log: slog.New(slog.NewTextHandler(&text, nil))}
	for range 3 {
		n.warn(holdfast.Unit{Name: "a"}, lacking{})
	}
	if got := strings.Count(text.String(), "memory is not limited: none here"); got != 1 {
		t.Errorf("said %d times:\n%s", got, text.String())
	}
	if got := lacks(holdfast.Unit{}, lacking{}); len(got) != 1 {
		t.Errorf("lacks %v", got)
	}
}
