// SPDX-License-Identifier: Apache-2.0

package confine_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/confine"
)

// asNobody runs the helper as an account without rights, within limits of its own, and gives what it
// tells the house.
func asNobody(t *testing.T, limits, profile string) (told string, status int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-open-") //nolint:usetesting // that one is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.ReadFile(helper(t))
	if err != nil {
		t.Fatal(err)
	}
	open, path := filepath.Join(dir, "holdfast-watch"), filepath.Join(dir, "profile")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(open, program, 0o755), os.WriteFile(path, []byte(profile), 0o644)); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	heard, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = heard.Close() }()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", limits+` exec "$0" confine 3 4 /bin/true true`, open)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir, cmd.ExtraFiles = "/", []*os.File{from, tell}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	_ = tell.Close()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(heard)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), status
}

// TestWhatAnAccountMayNotIsRefused wants a refusal that says what would be right, and none where the
// same may go well another time.
func TestWhatAnAccountMayNotIsRefused(t *testing.T) {
	asRoot(t)
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, limits, profile string
		says                  []string
		status                int
		forGood               bool
	}{
		{
			"more files than it may", "ulimit -n 100;", `{"nofile":101}`,
			[]string{"cannot limit open files to 101: ", "the hard limit is 100 here", "LimitNOFILE=101", "as root"},
			confine.Status, true,
		},
		{"as many files as it may", "ulimit -n 100;", `{"nofile":100}`, nil, 0, false},
		{
			"a priority that is not its own to take", "", `{"nice":-5}`,
			[]string{"cannot set priority -5: ", "nothing below 0 is allowed here", "LimitNICE=-5", "as root"},
			confine.Status, true,
		},
		{"less priority", "", `{"nice":5}`, nil, 0, false},
		{
			"a priority that it gave up", "renice -n 7 $$ >/dev/null;", `{"nice":3}`,
			[]string{"nothing below 7 is allowed here"},
			confine.Status, true,
		},
		{"another account", "", `{"user":{"uid":1,"gid":1,"groups":[]}}`, []string{"cannot take the groups of user 1"}, confine.Status, true},
		{"a closed folder", "", fmt.Sprintf(`{"dir":%q}`, closed), []string{"cannot enter working folder"}, confine.Status, true},
		{"a folder that is not there", "", `{"sandbox":{"read":[],"write":["/no/such"]}}`, []string{`cannot let it write "/no/such"`}, confine.Status, true},
		{"a group that is taken away", "", `{"cgroups":["/no/such/cgroup.procs"]}`, []string{"cannot enter cgroup"}, confine.Status, false},
		{"a profile of another version", "", `{"cage":true}`, []string{"unknown field"}, confine.Status, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			told, status := asNobody(t, c.limits, c.profile)
			why, forGood := confine.Heard(told)
			if status != c.status || forGood != c.forGood {
				t.Errorf("status %d, for good %v: %q", status, forGood, why)
			}
			for _, want := range c.says {
				if !strings.Contains(why, want) {
					t.Errorf("it says %q, want %q in it", why, want)
				}
			}
		})
	}
}

// TestARefusalIsHeard wants the house to know what is refused from what failed.
func TestARefusalIsHeard(t *testing.T) {
	newPlace(t)
	gone := &process.Spec{Argv: []string{"/bin/true"}, Limits: holdfast.Limits{Nice: 1}, Helper: "/no/such"}
	_, _, err := begin(t, process.Spec{Argv: []string{"/bin/true"}, Limits: holdfast.Limits{NoFile: 1 << 40}})
	if refusal, ok := errors.AsType[*process.Refusal](err); !ok || !strings.Contains(refusal.Why, "fs.nr_open") && os.Geteuid() == 0 {
		t.Errorf("more files than the kernel has: %v", err)
	}
	_, err = process.Start(*gone)
	if _, ok := errors.AsType[*process.Refusal](err); ok || err == nil {
		t.Errorf("without the helper: %v", err)
	}
}
