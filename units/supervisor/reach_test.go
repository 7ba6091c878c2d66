// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast"
)

func TestUnreachableFolder(t *testing.T) {
	top := t.TempDir()
	if err := os.Chmod(filepath.Dir(top), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "closed", "work")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(top, "closed")
	me, group := uint32(os.Geteuid()), uint32(os.Getegid())
	for _, c := range []struct {
		name       string
		mode       os.FileMode
		credential *syscall.Credential
		barred     bool
	}{
		{"another", 0o700, &syscall.Credential{Uid: me + 1, Gid: group + 1}, true},
		{"another, by its group", 0o710, &syscall.Credential{Uid: me + 1, Gid: group}, false},
		{"another, by a further group", 0o710, &syscall.Credential{Uid: me + 1, Gid: group + 1, Groups: []uint32{7, group}}, false},
		{"another, by anybody's right", 0o711, &syscall.Credential{Uid: me + 1, Gid: group + 1}, false},
		{"its group is shut out", 0o701, &syscall.Credential{Uid: me + 1, Gid: group}, true},
		{"the house's own", 0o700, nil, false},
	} {
		if err := os.Chmod(closed, c.mode); err != nil {
			t.Fatal(err)
		}
		why := (&account{name: "agent", credential: c.credential}).unreachable(dir)
		if c.barred && !(strings.Contains(why, "the account agent cannot enter "+closed+",") && strings.Contains(why, "chmod o+x "+closed)) || !c.barred && why != "" {
			t.Errorf("%s: %q", c.name, why)
		}
	}
	if why := (&account{name: "agent", credential: &syscall.Credential{Uid: me + 1}}).unreachable(top + "/nothing"); why != "" {
		t.Errorf("a folder that is not there: %q", why)
	}
}

// TestUserWithoutItsFolder wants a unit blocked, not started again and again, whose account cannot
// enter its folder.
func TestUserWithoutItsFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs units as another account")
	}
	if _, err := accountOf("nobody", 0); err != nil {
		t.Skip(err)
	}
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a")
		u.User, u.Dir = "nobody", filepath.Join(r.dir, "work")
		if err := os.Mkdir(u.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		r.set(u)
		if st := r.is("a", holdfast.UnitBlocked); !strings.Contains(st.Detail, "the account nobody cannot enter /") || !strings.Contains(st.Detail, "working folder is "+u.Dir) {
			t.Errorf("a: %s", st.Detail)
		}
	})
}
