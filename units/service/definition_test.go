// SPDX-License-Identifier: Apache-2.0

package service

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

// crooked are names that each of the formats could take for something else.
var crooked = []string{"plain", "with space", `quo"te`, "apo'strophe", "per%cent %h %n", "dol$lar $HOME ${HOME}", `back\slash`, "am&p <b>", "#hash;", "ümläut", "a--b]]>"}

// installation gives services of a home and a program under a name, with the system at a root of
// its own.
func installation(t *testing.T, name string) *Services {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	place := home.At(filepath.Join(dir, "home"))
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "holdfast")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, folder := range []string{"/etc/systemd/system", "/Library/LaunchDaemons", "/usr/local/etc/rc.d"} {
		if err := os.MkdirAll(root+folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return New(Needs{Home: place, Root: root, Program: func() (string, error) { return program, nil }})
}

func printed(t *testing.T, s *Services, in installIn) string {
	t.Helper()
	in.Print = true
	if in.Name == "" {
		in.Name = "holdfast"
	}
	out, err := s.install(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out.Lines, "\n") + "\n"
}

// TestSystemdUnderstands lets systemd itself read the units.
func TestSystemdUnderstands(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		need.Missing(t, "there is no systemd-analyze (package systemd)")
	}
	for _, name := range crooked {
		for _, own := range []bool{false, true} {
			text := printed(t, installation(t, name), installIn{Service: systemd, User: own})
			path := filepath.Join(t.TempDir(), "holdfast.service")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"verify", "--man=no"}
			if own {
				args = append(args, "--user")
			}
			cmd := exec.CommandContext(t.Context(), "systemd-analyze", append(args, path)...)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Contains(string(out), "holdfast.service") {
				t.Errorf("%s: %v\n%s\n%s", name, err, out, text)
			}
		}
	}
}

// TestPropertyListsUnderstand reads the property lists with a parser that is not ours.
func TestPropertyListsUnderstand(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		need.Missing(t, "there is no python3")
	}
	const read = `import plistlib, sys
p = plistlib.loads(sys.stdin.buffer.read())
print(*p["ProgramArguments"], p["WorkingDirectory"], p["Label"], p["RunAtLoad"], p["KeepAlive"]["SuccessfulExit"], p["AbandonProcessGroup"], p["EnvironmentVariables"]["HOLDFAST_SERVICE"], sep="\n")`
	for _, name := range crooked {
		s := installation(t, name)
		cmd := exec.CommandContext(t.Context(), python, "-c", read)
		cmd.Stdin = strings.NewReader(printed(t, s, installIn{Service: launchd}))
		cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
		out, err := cmd.CombinedOutput()
		program, _ := s.needs.Program()
		want := strings.Join([]string{program, "--home", s.needs.Home.Dir(), "up", "--boot", s.needs.Home.Dir(), "holdfast", "True", "False", "True", "launchd"}, "\n")
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: %v\n%s\nwant %s", name, err, out, want)
		}
	}
}

// TestShellsUnderstand reads the rc.d scripts with sh and shellcheck, and lets a shell say what it
// took the words for.
func TestShellsUnderstand(t *testing.T) {
	check, err := exec.LookPath("shellcheck")
	if err != nil {
		need.Missing(t, "there is no shellcheck (package shellcheck)")
	}
	for _, name := range crooked {
		s := installation(t, name)
		text := printed(t, s, installIn{Service: rcd})
		path := filepath.Join(t.TempDir(), "holdfast")
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, line := range [][]string{{"sh", "-n", path}, {check, "-s", "sh", path}} {
			if out, err := exec.CommandContext(t.Context(), line[0], line[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %v\n%s", name, line, err, out)
			}
		}
		for _, part := range []string{"program=", "house="} {
			at := strings.Index(text, "\n"+part)
			line, _, _ := strings.Cut(text[at+1:], "\n")
			out, err := exec.CommandContext(t.Context(), "sh", "-c", line+"\nprintf %s \"$"+strings.TrimSuffix(part, "=")+"\"").Output()
			want, _ := s.needs.Program()
			if part == "house=" {
				want = s.needs.Home.Dir()
			}
			if err != nil || string(out) != want {
				t.Errorf("%s: a shell takes %s for %q, want %q (%v)", name, line, out, want, err)
			}
		}
	}
}

func TestWhatNoFileCanHoldIsRefused(t *testing.T) {
	for name, in := range map[string]installIn{
		"two\nlines": {Service: systemd}, "tab\there": {Service: launchd}, "bad \xff": {Service: rcd},
	} {
		s := installation(t, "plain")
		s.needs.Home = home.At(filepath.Join(t.TempDir(), name))
		if err := os.MkdirAll(s.needs.Home.Dir(), 0o755); err != nil {
			t.Fatal(err)
		}
		in.Name, in.Print = "holdfast", true
		if _, err := s.install(t.Context(), in); err == nil || !strings.Contains(err.Error(), "cannot stand in a service file") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, in := range []installIn{
		{Service: systemd, Name: "../evil"},
		{Service: systemd, Name: ""},
		{Service: rcd, Name: "a-b"},
		{Service: launchd, Name: "a b"},
		{Service: rcd, Name: "holdfast", User: true},
		{Service: systemd, Name: "holdfast", Account: "nobody-of-this-name"},
	} {
		in.Print = true
		if _, err := installation(t, "plain").install(t.Context(), in); err == nil {
			t.Errorf("%+v was taken", in)
		}
	}
}

// The house runs as who owns the home, whoever installs it.
func TestWhoItRunsAs(t *testing.T) {
	s := installation(t, "plain")
	nobody, err := user.Lookup("nobody")
	if err != nil || os.Getuid() != 0 {
		need.Missing(t, "giving a home to another user needs root")
	}
	if err := os.Chown(s.needs.Home.Dir(), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	text := printed(t, s, installIn{Service: systemd})
	if !strings.Contains(text, "\nUser="+nobody.Username+"\n") || !strings.Contains(text, "\nGroup=nogroup\n") {
		t.Errorf("it runs as another:\n%s", text)
	}
	if text := printed(t, s, installIn{Service: systemd, Account: "daemon"}); !strings.Contains(text, "\nUser=daemon\n") {
		t.Errorf("it runs as another than named:\n%s", text)
	}
	own := printed(t, s, installIn{Service: systemd, User: true})
	for _, line := range []string{"User=", "Group=", "OOMScoreAdjust="} {
		if strings.Contains(own, "\n"+line) {
			t.Errorf("a person's service says %s", line)
		}
	}
	if !strings.Contains(own, "WantedBy=default.target") {
		t.Error("a person's service does not start at login")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	s := &Settings{Prefixes: []string{""}, Registered: map[string]Registered{
		"good": {Manager: systemd}, "-rf": {Manager: systemd}, "a b": {Manager: "upstart", SHA256: "x"},
	}}
	var fields []string
	for _, p := range s.Check() {
		fields = append(fields, p.Field)
	}
	want := "registered.-rf registered.a b.manager registered.a b registered.a b.sha256 prefixes.0"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("problems in %s, want %s", got, want)
	}
}

func TestProtectedLabelsAreNotTouched(t *testing.T) {
	s := installation(t, "plain")
	s.settings.Registered = map[string]Registered{"holdfast.service": {Manager: systemd, Protected: true, Note: "the town's own"}}
	guard := s.protected()
	judged := 0
	for _, a := range s.actions() {
		if !guard.Judges(a) {
			continue
		}
		judged++
		for name, refused := range map[string]bool{"holdfast": true, "holdfast.service": true, "other": false} {
			var input any = installIn{Name: name}
			if a.Name == "service.uninstall" {
				input = uninstallIn{Name: name}
			}
			err := guard.Judge(t.Context(), holdfast.Request{Action: a, Input: input})
			if (err != nil) != refused {
				t.Errorf("%s of %s: %v", a.Name, name, err)
			}
			if refused && !strings.Contains(err.Error(), "the town's own") {
				t.Errorf("it does not say why: %v", err)
			}
		}
	}
	if judged != 2 {
		t.Errorf("%d actions are judged, want install and uninstall", judged)
	}
	if err := guard.Judge(t.Context(), holdfast.Request{}); err == nil {
		t.Error("an action without a subject was let through")
	}
}

func TestTheSystemWaitsForTheLongestGrace(t *testing.T) {
	s := installation(t, "plain")
	for grace, want := range map[time.Duration]string{0: "120", 10 * time.Second: "120", 5 * time.Minute: "360"} {
		s.needs.Grace = func() time.Duration { return grace }
		if text := printed(t, s, installIn{Service: systemd}); !strings.Contains(text, "\nTimeoutStopSec="+want+"\n") {
			t.Errorf("grace %s: systemd does not wait %s s", grace, want)
		}
		if text := printed(t, s, installIn{Service: launchd}); !strings.Contains(text, "<key>ExitTimeOut</key>\n<integer>"+want+"</integer>") {
			t.Errorf("grace %s: launchd does not wait %s s", grace, want)
		}
	}
}
