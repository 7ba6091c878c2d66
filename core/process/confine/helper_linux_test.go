// SPDX-License-Identifier: Apache-2.0

package confine_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/confine"
	"holdfast/holdfasttest/need"
)

// confined runs the helper by hand, its profile in a file, and gives its status and what it wrote.
func confined(t *testing.T, profile string, prefix []string, program ...string) (status int, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	told, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = told.Close() }()
	argv := append(append(prefix, helper(t), "confine", "3", "4"), program...)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &out, []*os.File{from, tell}
	err = cmd.Run()
	_ = tell.Close()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok {
		status = exit.ExitCode()
	}
	said, _ := confine.Heard(read(t, told))
	if status == 125 && !strings.Contains(out.String(), said) || status == 0 && said != "" {
		t.Errorf("it tells the house %q and writes %q", said, out.String())
	}
	return status, out.String()
}

func TestAHostileProfileRunsNothing(t *testing.T) {
	for name, c := range map[string]struct{ profile, want string }{
		"empty":           {"", "cannot read the profile"},
		"truncated":       {`{"sandbox":{"read":["/usr"],"wri`, "cannot read the profile"},
		"garbage":         {"\x00\xff\x7fELF", "cannot read the profile"},
		"unknown field":   {`{"sandbox":{"read":[],"write":[],"cage":true}}`, `unknown field "cage"`},
		"wrong type":      {`{"nofile":"many"}`, "cannot read the profile"},
		"negative":        {`{"nofile":-1}`, "cannot read the profile"},
		"trailing":        {`{}{}`, "something follows it"},
		"priority":        {`{"nice":99}`, "not within -20 and 19"},
		"relative path":   {`{"sandbox":{"read":["usr"],"write":[]}}`, "is not absolute"},
		"nul in a path":   {`{"sandbox":{"read":["/u\u0000sr"],"write":[]}}`, "cannot be told"},
		"no write folder": {`{"sandbox":{"read":[],"write":["/no/such folder"]}}`, `cannot let it write "/no/such folder": no such file or directory`},
		"no group":        {`{"cgroups":["/no/such/cgroup.procs"]}`, `cannot enter cgroup "/no/such/cgroup.procs"`},
		"no folder":       {`{"dir":"/no/such"}`, `cannot enter working folder "/no/such"`},
		"nothing allowed": {`{"sandbox":{"read":[],"write":[]}}`, "its sandbox does not list it"},
		"too large":       {`{"dir":"` + strings.Repeat("x", 5<<20) + `"}`, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := confined(t, c.profile, nil, "/bin/echo", "echo", "it runs")
			if status != 125 || !strings.Contains(text, c.want) || strings.Contains(text, "it runs") {
				t.Errorf("status %d, %q; want 125 and %q", status, text, c.want)
			}
			if lines := strings.Count(text, "\n"); lines != 1 || !strings.HasPrefix(text, "holdfast-watch: ") {
				t.Errorf("not one clear line: %q", text)
			}
		})
	}
	if status, text := confined(t, `{}`, nil, "/bin/echo", "echo", "it runs"); status != 0 || text != "it runs\n" {
		t.Errorf("an empty profile: %d %q", status, text)
	}
}

func TestAHelperWithoutProfileRunsNothing(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"3"},
		{"3", "4", "/bin/true"},
		{"0", "1", "/bin/true", "true"},
		{"x", "y", "/bin/true", "true"},
		{"77", "78", "/bin/true", "true"},
		{"-1", "4", "/bin/true", "true"},
	} {
		cmd := exec.CommandContext(t.Context(), helper(t), append([]string{"confine"}, args...)...)
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 125 {
			t.Errorf("%q: %v %s, want status 125", args, err, out)
		}
	}
}

func TestAKilledHelperRunsNothing(t *testing.T) {
	told, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	never, held, err := os.Pipe() // a profile that does not end
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(never.Close(), held.Close(), told.Close()) }()
	mark := filepath.Join(t.TempDir(), "mark")
	cmd := exec.CommandContext(t.Context(), helper(t), "confine", "3", "4", "/bin/touch", "touch", mark)
	cmd.ExtraFiles = []*os.File{never, tell}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tell.Close()
	if _, err := held.WriteString(`{"nice":1`); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if said := read(t, told); said != "" {
		t.Errorf("the dead say %q", said)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the program ran")
	}
}

// oldKernel makes the test's child believe that the kernel has no Landlock, by a filter that it
// installs before it becomes the helper.
const oldKernel = "CONFINE_TEST_OLD_KERNEL"

func becomeOld(argv []string) int {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_LANDLOCK_CREATE_RULESET},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EOPNOTSUPP)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 1
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return 1
	}
	_ = os.Unsetenv(oldKernel)
	_ = syscall.Exec(argv[0], argv, os.Environ())
	return 1
}

func TestAKernelWithoutLandlock(t *testing.T) {
	t.Setenv(oldKernel, "1")
	old := []string{self(t)}
	status, text := confined(t, `{"sandbox":{"read":[],"write":[],"offline":true}}`, old, "/bin/sh", "sh", "-c", "grep NoNewPrivs /proc/self/status")
	if status != 0 || text != "NoNewPrivs:\t1\n" {
		t.Errorf("what the kernel has is not used: %d %q", status, text)
	}
}

func TestStartErrorsAreAsClear(t *testing.T) {
	newPlace(t)
	dir := t.TempDir()
	files := map[string]string{"plain": "x", "lost.sh": "#!/no/such/interpreter\n", "tool.sh": "#!/bin/sh\nexit 0\n"}
	for name, text := range files {
		mode := os.FileMode(0o755)
		if name == "plain" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) []string { return []string{filepath.Join(dir, name)} }
	box := func(read ...string) *holdfast.Sandbox { return &holdfast.Sandbox{Read: read} }
	for name, c := range map[string]struct {
		spec process.Spec
		want string
	}{
		"not there":       {process.Spec{Argv: at("gone"), Sandbox: box(dir)}, "cannot find program"},
		"not in PATH":     {process.Spec{Argv: []string{"no-such-program"}, Sandbox: box(dir)}, `cannot find program "no-such-program" in PATH`},
		"not executable":  {process.Spec{Argv: at("plain"), Sandbox: box(dir)}, "is not executable"},
		"a folder":        {process.Spec{Argv: []string{dir}, Sandbox: box(dir)}, "it is a folder"},
		"no working dir":  {process.Spec{Argv: at("tool.sh"), Dir: "/no/such", Sandbox: box(dir)}, "cannot enter working folder"},
		"no interpreter":  {process.Spec{Argv: at("lost.sh"), Sandbox: box(dir)}, `lost.sh": no such file or directory`},
		"out of sandbox":  {process.Spec{Argv: at("tool.sh"), Sandbox: box()}, "its sandbox does not list it"},
		"no write folder": {process.Spec{Argv: at("tool.sh"), Sandbox: &holdfast.Sandbox{Write: []string{"/no/such"}}}, "cannot let it write"},
		"relative path":   {process.Spec{Argv: at("tool.sh"), Sandbox: box("usr")}, `"usr" of the sandbox is not absolute`},
		"not UTF-8":       {process.Spec{Argv: at("tool.sh"), Sandbox: box("/\xff")}, "not UTF-8"},
		"priority":        {process.Spec{Argv: at("tool.sh"), Limits: holdfast.Limits{Nice: 30}}, "not within -20 and 19"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := begin(t, c.spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	missing := process.Spec{Argv: at("tool.sh"), Sandbox: box(dir), Helper: filepath.Join(dir, "holdfast-watch")}
	if _, err := process.Start(missing); err == nil || !strings.Contains(err.Error(), "holdfast-watch is not beside holdfast") {
		t.Errorf("without the helper: %v", err)
	}
}

func TestDescriptorsReachTheProgram(t *testing.T) {
	p := newPlace(t)
	var extra []uintptr
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		if _, err := w.WriteString("number " + strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		extra = append(extra, r.Fd())
	}
	got := tryIn(t, process.Spec{Sandbox: p.sandbox(), Extra: extra}, []string{"descriptors"})
	if got[0] != "3=number 0 4=number 1 5=number 2" {
		t.Errorf("the program's descriptors: %s", got[0])
	}
}

func TestFilesAndPriorityAreLimited(t *testing.T) {
	got := output(t, process.Spec{
		Argv: []string{"sh", "-c", "ulimit -Sn; ulimit -Hn; nice"}, Limits: holdfast.Limits{NoFile: 123, Nice: 7},
	})
	if got != "123\n123\n7\n" {
		t.Errorf("the program says %q", got)
	}
}

func TestAnotherUser(t *testing.T) {
	asRoot(t)
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{7}}
	const script = "id -u; id -g; id -G; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | sort -u; nice"
	got := output(t, process.Spec{Argv: []string{"sh", "-c", script}, Credential: nobody, Limits: holdfast.Limits{Nice: -5}, Dir: "/"})
	if got != "65534\n65534\n65534 7\n0000000000000000\n-5\n" {
		t.Errorf("another user is %q", got)
	}
	closed := t.TempDir() // for root alone
	_, _, err := begin(t, process.Spec{Argv: []string{"/bin/true"}, Credential: nobody, Limits: holdfast.Limits{Nice: 1}, Dir: closed})
	if err == nil || !strings.Contains(err.Error(), "cannot enter working folder") {
		t.Errorf("in a folder of another's: %v", err)
	}
}

// BenchmarkHelper is what the helper adds to a start.
func BenchmarkHelper(b *testing.B) {
	path, err := need.Watch()
	if err != nil {
		b.Fatal(err)
	}
	for name, box := range map[string]*holdfast.Sandbox{"plain": nil, "confined": {Network: "off"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := process.Start(process.Spec{
					Argv: []string{"/bin/true"}, Sandbox: box, Helper: path,
					Mark: process.Mark{House: "confine", Unit: "u", Launch: "bench"}, Env: []string{"PATH=" + os.Getenv("PATH")},
				})
				if err != nil {
					b.Fatal(err)
				}
				<-p.Done()
			}
		})
	}
}
