// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/core/home"
)

// answering is a system whose programs answer, and keeps what they were asked.
func answering(asked *[]string) runner {
	return func(_ context.Context, line ...string) (string, error) {
		*asked = append(*asked, strings.Join(line, " "))
		return "", nil
	}
}

func absent(_ context.Context, line ...string) (string, error) {
	return "", &exec.Error{Name: line[0], Err: exec.ErrNotFound}
}

func install(t *testing.T, s *Services, in installIn) Installed {
	t.Helper()
	if in.Name == "" {
		in.Name = "holdfast"
	}
	out, err := s.install(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestInstallWritesAndEnables(t *testing.T) {
	for manager, want := range map[string]struct {
		file  string
		mode  os.FileMode
		asked []string
		next  string
	}{
		systemd: {"/etc/systemd/system/holdfast.service", 0o644, []string{"systemctl daemon-reload", "systemctl enable holdfast.service"}, "systemctl start holdfast.service"},
		launchd: {"/Library/LaunchDaemons/holdfast.plist", 0o644, []string{"launchctl enable system/holdfast"}, "launchctl bootstrap system '/Library/LaunchDaemons/holdfast.plist'"},
		rcd:     {"/usr/local/etc/rc.d/holdfast", 0o555, []string{"sysrc holdfast_enable=YES"}, "service holdfast start"},
	} {
		t.Run(manager, func(t *testing.T) {
			s := installation(t, "plain")
			var asked []string
			s.run = answering(&asked)
			out := install(t, s, installIn{Service: manager})
			if out.Status != "installed" || !out.Enabled || out.Why != "" || !slices.Equal(out.Next, []string{want.next}) {
				t.Errorf("it answers %+v", out)
			}
			if !slices.Equal(asked[1:], want.asked) {
				t.Errorf("it asked %q", asked)
			}
			info, err := os.Stat(s.root + want.file)
			if err != nil || info.Mode().Perm() != want.mode {
				t.Fatalf("the file: %v, %v", info, err)
			}
			text, _ := os.ReadFile(s.root + want.file)
			if m := makerOf(string(text)); !m.ours || m.changed || m.house == "" {
				t.Errorf("it does not know its own file: %+v", m)
			}
			if again := install(t, s, installIn{Service: manager}); again.Status != "unchanged" {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

// Where nobody answers, what is left to do is said, and nothing claims to be enabled.
func TestInstallWithoutItsManagerTellsWhatIsLeft(t *testing.T) {
	s := installation(t, "plain")
	s.run = absent
	out := install(t, s, installIn{Service: systemd})
	if out.Enabled || out.Why != "no systemd here" || !slices.Contains(out.Next, "systemctl enable holdfast.service") {
		t.Errorf("it answers %+v", out)
	}
	s.run = func(_ context.Context, line ...string) (string, error) {
		if slices.Contains(line, "enable") {
			return "Failed to enable unit: it is masked", errors.New("exit status 1")
		}
		return "", nil
	}
	out = install(t, s, installIn{Service: systemd})
	if out.Enabled || !strings.Contains(out.Why, "it is masked") || out.Next[0] != "systemctl enable holdfast.service" {
		t.Errorf("of a refusal it answers %+v", out)
	}
}

// What somebody else wrote, or changed, is neither replaced nor removed.
func TestStrangersFilesStay(t *testing.T) {
	for name, spoil := range map[string]func(text string) string{
		"written by somebody else": func(string) string { return "[Service]\nExecStart=/bin/true\n" },
		"changed by hand":          func(text string) string { return strings.Replace(text, "RestartSec=1", "RestartSec=9", 1) },
		"another home's":           func(string) string { return "" },
		"its mark cut":             func(text string) string { return strings.Replace(text, "sha256=", "sha=", 1) },
		"empty":                    func(string) string { return "\n" },
	} {
		t.Run(name, func(t *testing.T) {
			s := installation(t, "plain")
			s.run = absent
			path := install(t, s, installIn{Service: systemd}).File
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			stranger := spoil(string(text))
			if stranger == "" {
				other := installation(t, "other")
				stranger = printed(t, other, installIn{Service: systemd})
			}
			if err := os.WriteFile(path, []byte(stranger), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = s.install(t.Context(), installIn{Service: systemd, Name: "holdfast"})
			if known, ok := errors.AsType[*holdfast.Error](err); !ok || known.Code != holdfast.CodeConflict {
				t.Errorf("install: %v", err)
			}
			in := uninstallIn{Service: systemd, Name: "holdfast"}
			if _, err := s.inventory(t.Context(), in); err == nil {
				t.Error("it would be removed")
			}
			if _, err := s.uninstall(t.Context(), in); err == nil {
				t.Error("it was removed")
			}
			if now, _ := os.ReadFile(path); string(now) != stranger {
				t.Errorf("it was touched:\n%s", now)
			}
		})
	}
}

// A newer Holdfast replaces what an older one wrote.
func TestAnOlderFileIsReplaced(t *testing.T) {
	s := installation(t, "plain")
	s.run = absent
	path := install(t, s, installIn{Service: systemd, Account: ""}).File
	d, err := s.define(systemd, "holdfast", "", false)
	if err != nil {
		t.Fatal(err)
	}
	older := d.sealed(strings.Replace(d.unit(), "WatchdogSec=30\n", "", 1), "# ", "")
	if err := os.WriteFile(path, []byte(older), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := install(t, s, installIn{Service: systemd}); out.Status != "installed" {
		t.Errorf("it answers %+v", out)
	}
	if text, _ := os.ReadFile(path); string(text) != d.text() {
		t.Errorf("it stayed:\n%s", text)
	}
}

func TestUninstallKeepsTheHome(t *testing.T) {
	s := installation(t, "plain")
	var asked []string
	s.run = answering(&asked)
	path := install(t, s, installIn{Service: systemd}).File
	in := uninstallIn{Service: systemd, Name: "holdfast"}
	listed, err := s.inventory(t.Context(), in)
	if err != nil || len(listed) != 1 || listed[0].Items[0].ID != path {
		t.Fatalf("it would remove %v, %v", listed, err)
	}
	asked = nil
	out, err := s.uninstall(t.Context(), in)
	if err != nil || out.Status != "uninstalled" {
		t.Fatalf("%+v, %v", out, err)
	}
	if want := []string{"systemctl show --property=Version", "systemctl disable holdfast.service", "systemctl daemon-reload"}; !slices.Equal(asked, want) {
		t.Errorf("it asked %q", asked)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
	if !s.needs.Home.Exists() {
		t.Error("the home is gone")
	}
	if all, err := s.records(); err != nil || len(all) != 0 {
		t.Errorf("it is still recorded: %v, %v", all, err)
	}
	if out, err := s.uninstall(t.Context(), in); err != nil || out.Status != "absent" {
		t.Errorf("again: %+v, %v", out, err)
	}
	if listed, err := s.inventory(t.Context(), in); err != nil || listed != nil {
		t.Errorf("nothing would be removed, it says %v, %v", listed, err)
	}
}

func TestAFolderThatIsNotThereIsNotMade(t *testing.T) {
	s := installation(t, "plain")
	s.root, s.run = t.TempDir(), absent
	_, err := s.install(t.Context(), installIn{Service: launchd, Name: "holdfast"})
	if err == nil || !strings.Contains(err.Error(), "no machine with launchd") {
		t.Errorf("got %v", err)
	}
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(s.root, "config"))
	s.root = ""
	if out := install(t, s, installIn{Service: systemd, User: true}); !strings.HasSuffix(out.File, "/config/systemd/user/holdfast.service") {
		t.Errorf("a person's service went to %s", out.File)
	}
}

// rcStub stands for FreeBSD's rc.subr and daemon(8), as far as the script uses them.
const rcStub = `load_rc_config() { :; }
wait_for_pids() { while kill -0 "$1" 2>/dev/null; do sleep 0.05; done; }
run_rc_command() { eval "_do=\${${1}_cmd}"; "$_do"; }
`

const daemonStub = `#!/bin/sh
while getopts fu:o: flag; do
	[ "$flag" = o ] && out=$OPTARG
done
shift $((OPTIND - 1))
setsid "$@" >>"$out" 2>&1 </dev/null &
`

// houseStub is a house as the script sees it: it notes its pid, hangups and its end.
const houseStub = `#!/bin/sh
trap 'echo hangup' HUP
trap 'echo end; : >"$2/var/run/house.lock"; exit' TERM
printf '{"pid":%d,"since":"2026-01-01T00:00:00Z"}\n' $$ >"$2/var/run/house.lock"
echo "started $HOLDFAST_SERVICE $*"
while :; do sleep 0.05; done
`

// TestTheScriptStartsAndStops runs the rc.d script with what FreeBSD gives it stood in for.
func TestTheScriptStartsAndStops(t *testing.T) {
	// A shell cannot trap what was ignored when it began, as under nohup.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	s := installation(t, "it's a house")
	stubs := t.TempDir()
	program, _ := s.needs.Program()
	for path, text := range map[string]string{stubs + "/rc.subr": rcStub, stubs + "/daemon": daemonStub, program: houseStub} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("/etc/rc.subr", stubs+"/rc.subr", "/usr/sbin/daemon", stubs+"/daemon").Replace(printed(t, s, installIn{Service: rcd}))
	script := filepath.Join(t.TempDir(), "holdfast")
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	say := func(word string) (string, error) {
		out, err := exec.CommandContext(t.Context(), script, word).CombinedOutput()
		return string(out), err
	}
	t.Cleanup(func() { _, _ = say("stop") })
	if out, err := say("status"); err == nil || !strings.Contains(out, "is not running") {
		t.Errorf("before: %s, %v", out, err)
	}
	if out, err := say("start"); err != nil {
		t.Fatalf("start: %s, %v", out, err)
	}
	awaitText(t, func() (string, error) { return say("status") }, "is running as pid")
	if out, err := say("start"); err == nil || !strings.Contains(out, "already running") {
		t.Errorf("twice: %s, %v", out, err)
	}
	if out, err := say("reload"); err != nil {
		t.Errorf("reload: %s, %v", out, err)
	}
	log := func() (string, error) {
		text, err := os.ReadFile(s.needs.Home.Var("logs", "house.log"))
		return string(text), err
	}
	awaitText(t, log, "hangup")
	if out, err := say("stop"); err != nil {
		t.Errorf("stop: %s, %v", out, err)
	}
	if out, err := say("status"); err == nil {
		t.Errorf("after: %s", out)
	}
	if text, _ := log(); !strings.Contains(text, fmt.Sprintf("started rc.d --home %s up --boot", s.needs.Home.Dir())) || !strings.HasSuffix(text, "end\n") {
		t.Errorf("the house says %q", text)
	}
}

func TestARecordThatCannotBeReadIsSaid(t *testing.T) {
	s := installation(t, "plain")
	s.run = absent
	if err := home.WriteFile(s.recordFile(), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.install(t.Context(), installIn{Service: systemd, Name: "holdfast"}); err == nil || !strings.Contains(err.Error(), "services.json") {
		t.Errorf("got %v", err)
	}
}
