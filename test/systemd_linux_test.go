// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/holdfasttest/need"
)

// a machine is a real systemd as process 1 of namespaces of its own, that knows no units but what
// is installed in it.
type machine struct {
	t      *testing.T
	first  int // systemd's pid, seen from here
	group  string
	bin    string
	home   string
	inside []string // environment
}

// bootScript makes the namespaces systemd's own: a /run and /etc/systemd/system that are empty but
// for the targets that every service pulls in, and its part of the control groups.
const bootScript = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/systemd/system
for target in sysinit basic shutdown umount final multi-user network-online; do
	printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"/etc/systemd/system/$target.target"
done
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export container=holdfast-test SYSTEMD_UNIT_PATH=/etc/systemd/system
exec /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=no
`

// bootSystemd boots Debian's systemd, or says what the machine lacks for it.
func bootSystemd(t *testing.T) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		need.Missing(t, "booting a systemd needs root")
	}
	for _, program := range []string{"/lib/systemd/systemd", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/systemctl"} {
		if _, err := os.Stat(program); err != nil {
			need.Missing(t, "there is no "+program+" (packages systemd and util-linux)")
		}
	}
	m := &machine{t: t, group: cgroupFor(t)}
	log, err := os.Create(filepath.Join(t.TempDir(), "systemd.log"))
	if err != nil {
		t.Fatal(err)
	}
	boot := exec.Command("/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec unshare --fork --kill-child --pid --mount-proc --mount --uts --ipc --cgroup /bin/sh -c "$1"`, m.group, bootScript)
	boot.Stdout, boot.Stderr = log, log
	if err := boot.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.end(boot)
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("systemd says:\n%s", tail(string(text), 6000))
		}
	})
	m.await("systemd boots", time.Minute, func() error {
		if m.first = childOf(boot.Process.Pid); m.first == 0 {
			return fmt.Errorf("unshare has no child")
		}
		_, err := m.try("systemctl", "show", "--property=Version")
		return err
	})
	return m
}

// cgroupFor makes a control group of the second version for a test, gone at its end.
func cgroupFor(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\S+ (\S+) cgroup2 rw`).FindSubmatch(mounts)
	if found == nil {
		need.Missing(t, "there is no second version of control groups")
	}
	group := filepath.Join(string(found[1]), fmt.Sprintf("holdfast-test-systemd-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		need.Missing(t, "no control group can be made: "+err.Error())
	}
	return group
}

// end kills the machine, which is the end of everything in its namespace, and its groups.
func (m *machine) end(boot *exec.Cmd) {
	if m.first > 0 {
		_ = syscall.Kill(m.first, syscall.SIGKILL)
	}
	_ = boot.Process.Kill()
	_ = boot.Wait()
	m.await("the machine's groups go", time.Minute, func() error {
		var folders []string
		_ = filepath.Walk(m.group, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.IsDir() {
				folders = append([]string{path}, folders...)
			}
			return nil
		})
		for _, folder := range folders {
			if err := syscall.Rmdir(folder); err != nil {
				return fmt.Errorf("%s: %w", folder, err)
			}
		}
		return nil
	})
}

func childOf(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	child, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return child
}

// try runs a program in the machine, below a shell, for a process whose parent cannot be seen is
// nobody whom the house would trust.
func (m *machine) try(args ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(m.first), "-m", "-u", "-i", "-p", "-C", "--", "/bin/sh", "-c", `"$@"; exit $?`, "sh"}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "HOLDFAST_HOME=" + m.home, "SYSTEMD_PAGER="}, m.inside...)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", args, err, out)
	}
	return string(out), err
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func (m *machine) holdfast(args ...string) string {
	m.t.Helper()
	return m.run(append([]string{filepath.Join(m.bin, "holdfast")}, args...)...)
}

// await tries again and again until there is no error.
func (m *machine) await(what string, within time.Duration, try func() error) {
	m.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			m.t.Fatalf("%s: not within %s: %v", what, within, err)
		case <-tick.C:
		}
	}
}

// is waits until systemd says so of the service: NAME=VALUE, the value as a pattern.
func (m *machine) is(wants ...string) {
	m.t.Helper()
	m.await(strings.Join(wants, " "), time.Minute, func() error {
		out, err := m.try("systemctl", "show", "holdfast.service")
		if err != nil {
			return err
		}
		for _, want := range wants {
			if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(out) {
				name, _, _ := strings.Cut(want, "=")
				return fmt.Errorf("want %s, have %s", want, regexp.MustCompile(`(?m)^`+name+`=.*$`).FindString(out))
			}
		}
		return nil
	})
}

func (m *machine) property(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--value", "--property="+name, "holdfast.service"))
}

// units are the processes of the units, once the house answers and all are up.
func (m *machine) units() map[string]int {
	m.t.Helper()
	pids := map[string]int{}
	m.await("the house answers", time.Minute, func() error {
		out, err := m.try(filepath.Join(m.bin, "holdfast"), "status", "--json")
		if err != nil {
			return err
		}
		var s status
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			return err
		}
		for _, u := range s.Units {
			if u.State != "running" && u.State != "ready" {
				return fmt.Errorf("%s is %s", u.Name, u.State)
			}
			pids[u.Name] = u.PID
		}
		if len(s.Units) < 3 {
			return fmt.Errorf("only %d units", len(s.Units))
		}
		return nil
	})
	return pids
}

func (m *machine) same(what string, before map[string]int) {
	m.t.Helper()
	now := m.units()
	for name, pid := range before {
		if now[name] != pid {
			m.t.Errorf("%s: unit %s was process %d and is %d", what, name, pid, now[name])
		}
	}
}

// alone waits until nothing runs in the machine but systemd, its journal's like, and this look.
func (m *machine) alone() {
	m.t.Helper()
	m.await("nothing is left", time.Minute, func() error {
		for line := range strings.Lines(m.run("ps", "-eo", "pid,stat,args")) {
			if strings.Contains(line, m.home) && !strings.Contains(line, " ps ") {
				return fmt.Errorf("left: %s", strings.TrimSpace(line))
			}
		}
		return nil
	})
}

func tail(text string, most int) string {
	if len(text) > most {
		return text[len(text)-most:]
	}
	return text
}

// settle makes a home with two plain units and installs it.
func (m *machine) install() {
	m.t.Helper()
	built, made := need.Programs(m.t), newVersions(m.t)
	work := filepath.Join(m.t.TempDir(), `a "50%" house`)
	m.bin, m.home = filepath.Join(work, "bin"), filepath.Join(work, "my home")
	for number, folder := range map[string]string{"1.0.0": m.bin, "2.0.0": filepath.Join(work, "v2")} {
		if err := made.install(number, folder, built); err != nil {
			m.t.Fatal(err)
		}
	}
	m.holdfast("init", m.home)
	if err := os.RemoveAll(filepath.Join(m.home, "extensions", "notes")); err != nil {
		m.t.Fatal(err)
	}
	edge, err := freePort()
	if err != nil {
		m.t.Fatal(err)
	}
	api, err := freePort()
	if err != nil {
		m.t.Fatal(err)
	}
	config := fmt.Sprintf("edge: {listen: 127.0.0.1:%s}\napi: {listen: 127.0.0.1:%s}\nunits:\n  one: {run: [sleep, '100000']}\n  two: {run: [sh, -c, 'while :; do sleep 1; done']}\n", edge, api)
	if err := os.WriteFile(filepath.Join(m.home, "holdfast.yaml"), []byte(config), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if out := m.holdfast("install", "--service", "systemd"); !strings.Contains(out, "installed") || !strings.Contains(out, "systemctl start holdfast.service") {
		m.t.Errorf("install says %s", out)
	}
	if out := m.run("systemctl", "is-enabled", "holdfast.service"); strings.TrimSpace(out) != "enabled" {
		m.t.Errorf("it is %s", out)
	}
	// The same rules with less patience.
	m.run("mkdir", "-p", "/etc/systemd/system/holdfast.service.d")
	m.run("sh", "-c", `printf '[Service]\nWatchdogSec=6\nTimeoutAbortSec=2\n' >/etc/systemd/system/holdfast.service.d/test.conf`)
	m.run("systemctl", "daemon-reload")
}

// TestSystemd runs the service that `holdfast install` writes under a real systemd, through
// everything that may happen to it.
func TestSystemd(t *testing.T) {
	m := bootSystemd(t)
	m.install()

	m.run("systemctl", "start", "holdfast.service") // Type=notify: it returns at READY=1
	m.is("ActiveState=active", "SubState=running", "StatusText=holdfast 1.0.0: 3 of 3 units up", "WatchdogUSec=6s", "NRestarts=0", "Delegate=yes")
	before := m.units()

	m.run("kill", "-9", m.property("MainPID"))
	m.is("NRestarts=1", "ActiveState=active", "StatusText=holdfast 1.0.0: 3 of 3 units up")
	m.same("after kill -9 of the house", before)

	m.run("kill", "-STOP", m.property("MainPID"))
	m.is("NRestarts=2", "ActiveState=active", "StatusText=holdfast 1.0.0: 3 of 3 units up")
	m.same("after the house hung", before)

	m.run("systemctl", "reload", "holdfast.service")
	m.is("ActiveState=active", "SubState=running")

	t.Run("upgrade", func(*testing.T) { m.upgrades(before) })

	if out := m.holdfast("unit", "drift"); !strings.Contains(out, "ok") {
		t.Errorf("drift says %s", out)
	}
	m.run("systemctl", "stop", "holdfast.service")
	m.is("ActiveState=inactive", "Result=success")
	m.alone()

	t.Run("down", func(*testing.T) { m.down() })
	t.Run("drift and uninstall", func(*testing.T) { m.uninstall() })
}

// upgrades goes to another version and back under systemd's eyes.
func (m *machine) upgrades(before map[string]int) {
	main := m.property("MainPID")
	m.holdfast("upgrade", "--binary", filepath.Join(filepath.Dir(m.bin), "v2", "holdfast"))
	m.is("ActiveState=active", "SubState=running", "NRestarts=2", "MainPID="+main, "StatusText=holdfast 2.0.0: 3 of 3 units up", "WatchdogUSec=6s")
	m.same("after an upgrade", before)
	stillborn := filepath.Join(filepath.Dir(m.bin), "stillborn")
	const script = "#!/bin/sh\ncase \"$*\" in *preflight*) echo '{\"version\":\"3.0.0\"}'; exit;; esac\nexit 1\n"
	if err := os.WriteFile(stillborn, []byte(script), 0o755); err != nil {
		m.t.Fatal(err)
	}
	out, err := m.try(filepath.Join(m.bin, "holdfast"), "upgrade", "--binary", stillborn)
	if err == nil || !strings.Contains(out, "2.0.0 is back with its units as they were") {
		m.t.Errorf("a stillborn version: %v", err)
	}
	m.is("ActiveState=active", "StatusText=holdfast 2.0.0: 3 of 3 units up")
	m.same("after a stillborn version", before)
}

// down stays down, and is no failure.
func (m *machine) down() {
	m.run("systemctl", "start", "holdfast.service")
	m.units()
	m.holdfast("down")
	m.is("ActiveState=inactive", "Result=success", "NRestarts=0")
	m.alone()
	m.run("systemctl", "start", "holdfast.service") // as at boot: `down` stands
	m.is("ActiveState=inactive", "Result=success")
	m.alone()
}

func (m *machine) uninstall() {
	m.run("sh", "-c", "echo '# mine' >>/etc/systemd/system/holdfast.service")
	if out, err := m.try(filepath.Join(m.bin, "holdfast"), "unit", "drift"); err == nil || !strings.Contains(out, "changed") {
		m.t.Errorf("of a changed file it says %v %s", err, out)
	}
	for _, command := range [][]string{{"install", "--service", "systemd"}, {"uninstall", "--confirm", "service"}} {
		if out, err := m.try(append([]string{filepath.Join(m.bin, "holdfast")}, command...)...); err == nil || !strings.Contains(out, "changed by hand") {
			m.t.Errorf("%v of a file that was changed by hand: %v %s", command, err, out)
		}
	}
	m.run("sed", "-i", "$d", "/etc/systemd/system/holdfast.service")
	m.holdfast("uninstall", "--confirm", "service")
	if out, err := m.try("systemctl", "cat", "holdfast.service"); err == nil {
		m.t.Errorf("it is still there: %s", out)
	}
	if _, err := os.Stat(filepath.Join(m.home, "var", "house.db")); err != nil {
		m.t.Errorf("the data is gone: %v", err)
	}
}
